"""Fetching over real HTTP from a server that misbehaves in every way we know."""

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from grouping.errors import FetchError
from grouping.sources.web.http_photo import HttpOptions, HttpPhoto, fetch
from grouping.storage.locations import shown_url
from tests.helpers.photo_files.photos import read_or_reason
from tests.helpers.services.servers import (
    FaultyServer,
    drips,
    drops,
    drops_midway,
    first,
    redirects,
    sends,
    stalls,
)
from tests.helpers.services.tls import tls_server

pytestmark = pytest.mark.usefixtures("short_pauses")

BODY = bytes(range(256)) * 40
LOOPBACK = HttpOptions(
    allowed=("127.0.0.0/8",), connect_timeout=2, read_timeout=0.4, total_timeout=8
)


@pytest.fixture
def server():
    with FaultyServer() as running:
        running.answers["/photo.jpg"] = sends(BODY)
        yield running


def failure(server, path, options=LOOPBACK, max_bytes=10**6):
    with pytest.raises(FetchError) as caught:
        fetch(server.url(path), options, max_bytes)
    assert "\n" not in str(caught.value)
    return caught.value


def test_fetches_the_exact_bytes(server):
    assert fetch(server.url("/photo.jpg"), LOOPBACK) == BODY


def test_paths_and_queries_in_any_script_arrive(server):
    server.answers["/%ED%95%9C%20%F0%9F%98%80.jpg"] = sends(BODY)
    assert fetch(server.url("/한 😀.jpg?a=1"), LOOPBACK) == BODY


def test_chunked_body(server):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"):
            handler.wfile.write(part)

    server.answers["/chunked"] = answer
    assert fetch(server.url("/chunked"), LOOPBACK) == b"abcde"


@pytest.mark.parametrize(
    "fault", [drops, drops_midway(BODY), stalls(1), sends(b"", 503), sends(b"", 429, Retry_After=0)]
)
def test_passing_faults_are_tried_again(server, fault):
    server.answers["/flaky"] = first(1, fault, sends(BODY))
    assert fetch(server.url("/flaky"), LOOPBACK) == BODY
    assert server.requests["/flaky"] == 2


def test_retry_after_is_waited_for(server):
    server.answers["/busy"] = first(1, sends(b"", 429, Retry_After=1), sends(BODY))
    start = time.monotonic()
    fetch(server.url("/busy"), LOOPBACK)
    assert time.monotonic() - start >= 1


def test_lasting_503_is_given_up_and_marked_retryable(server):
    server.answers["/down"] = sends(b"", 503)
    error = failure(server, "/down", HttpOptions(allowed=("127.0.0.1",), attempts=3))
    assert error.retryable
    assert "503" in str(error)
    assert server.requests["/down"] == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_lasting_answers_are_not_tried_again(server, status):
    server.answers["/gone"] = sends(b"", status)
    error = failure(server, "/gone")
    assert not error.retryable
    assert str(status) in str(error)
    assert server.requests["/gone"] == 1


def test_a_body_shorter_than_announced_is_never_taken_for_whole(server):
    server.answers["/short"] = drops_midway(BODY)
    assert failure(server, "/short").retryable


def test_announced_size_over_the_limit_is_refused_unread(server):
    server.answers["/big"] = drips(0.05, 10**9)
    start = time.monotonic()
    assert "limit" in str(failure(server, "/big"))
    assert time.monotonic() - start < 1


def test_unannounced_size_over_the_limit_is_cut(server):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(10**6):
            handler.wfile.write(b"x" * 65536)

    server.answers["/endless"] = endless
    assert "limit" in str(failure(server, "/endless"))


@pytest.mark.parametrize("answer", [{"headers": True}, {}, {"Connection": "close"}])
def test_a_server_that_drips_meets_the_total_time_limit(server, answer):
    server.answers["/slow"] = drips(0.1, 100, **answer)
    options = HttpOptions(allowed=("127.0.0.1",), read_timeout=5, total_timeout=0.8)
    start = time.monotonic()
    error = failure(server, "/slow", options)
    assert time.monotonic() - start < 2
    assert error.retryable
    assert "longer than" in str(error)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        *((word, BODY) for word in ("", "identity", "aws-chunked", "UTF-8", "none", "binary")),
        ("gzip", gzip.compress(BODY)),
        ("X-GZIP", gzip.compress(BODY[:300]) + gzip.compress(BODY[300:])),
        ("aws-chunked, gzip", gzip.compress(BODY)),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
        ("gzip", BODY),  # said of what is not packed
    ],
)
def test_what_servers_say_of_a_body(server, encoding, body):
    server.answers["/x"] = sends(body, Content_Encoding=encoding)
    assert fetch(server.url("/x"), LOOPBACK, len(BODY)) == BODY


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", gzip.compress(bytes(10**8)), "limit"),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(10**8))), "limit"),
        ("deflate", zlib.compress(bytes(10**8)), "limit"),
        ("gzip", gzip.compress(BODY)[:-20], "too early"),
        ("gzip", b"\x1f\x8b\x08" + BODY, "damaged"),
        ("br", BODY, "br"),
        ("zstd", BODY, "zstd"),
    ],
)
def test_packed_bodies_are_bounded(server, encoding, body, message):
    server.answers["/bomb"] = sends(body, Content_Encoding=encoding)
    tracemalloc.start()
    assert message in str(failure(server, "/bomb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 10**7


def test_redirects_are_followed(server):
    server.answers["/a"] = redirects("/b", 301)
    server.answers["/b"] = redirects(server.url("/photo.jpg"), 307)
    assert fetch(server.url("/a"), LOOPBACK) == BODY


def test_endless_redirects_end(server):
    server.answers["/loop"] = redirects("/loop")
    assert "redirected more than 5" in str(failure(server, "/loop"))
    assert server.requests["/loop"] == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://a.example/x", "gopher://x/"])
def test_redirects_to_other_schemes_are_refused(server, target):
    server.answers["/out"] = redirects(target)
    assert "refused" in str(failure(server, "/out"))


def test_a_drop_within_the_headers_is_not_taken_for_an_empty_photo(server):
    def cut(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
        handler.wfile.flush()
        handler.connection.close()

    server.answers["/cut"] = first(1, cut, sends(BODY))
    assert fetch(server.url("/cut"), LOOPBACK) == BODY


def test_an_empty_photo_is_fetched_as_it_is(server):
    server.answers["/empty"] = sends(b"")
    assert fetch(server.url("/empty"), LOOPBACK) == b""


def test_a_signature_is_in_no_text_of_the_photo_or_its_error(server):
    server.answers["/signed.jpg"] = sends(b"", 403)
    url = server.url("/signed.jpg?X-Amz-Signature=5ec7e7")
    photo = HttpPhoto("a", shown_url(url), url, LOOPBACK)
    with pytest.raises(FetchError) as caught:
        photo.read()
    assert "5ec7e7" not in f"{photo} {caught.value} {photo.location}"


def test_names_are_checked_against_the_certificate(tmp_path: Path):
    """The address is pinned, yet SNI and the certificate go by name."""
    trusted, names = tls_server(tmp_path, "localhost")
    with trusted:
        trusted.answers["/photo.jpg"] = sends(BODY)
        options = HttpOptions(allowed=("127.0.0.1",), ca_file=str(tmp_path / "cert.pem"))
        url = trusted.url("/photo.jpg", host="localhost", scheme="https")
        assert fetch(url, options) == BODY
        assert names == ["localhost"]
        with pytest.raises(FetchError, match="certificate"):
            fetch(trusted.url("/photo.jpg", scheme="https"), options)
        with pytest.raises(FetchError, match="certificate"):
            fetch(url, HttpOptions(allowed=("127.0.0.1",)))


def raw(answer: bytes):
    """Send exactly these bytes and hang up."""

    def send(handler):
        handler.connection.sendall(answer)
        handler.connection.shutdown(socket.SHUT_WR)

    return send


def test_redirects_in_utf8_are_asked_for_as_they_are(server):
    location = "/café 한.jpg?q=é".replace(" ", "%20")
    server.answers["/start"] = raw(
        f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    server.answers["/caf%C3%A9%20%ED%95%9C.jpg"] = sends(BODY)
    assert fetch(server.url("/start"), LOOPBACK) == BODY


@pytest.mark.parametrize(
    "target", ["http://[bad/", "http://exa\u2100mple.com/", "//[::1", "\x7f://"]
)
def test_redirects_to_nowhere_are_a_reason(server, target):
    server.answers["/start"] = raw(
        f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    failure(server, "/start", HttpOptions(allowed=("127.0.0.0/8",), total_timeout=3))


def test_a_redirect_that_sets_a_cookie_gets_it_back(server):
    def gate(handler):
        if "seen=1" in handler.headers.get("Cookie", ""):
            handler.answer(BODY)
        else:
            handler.answer(b"", 302, Location="/gate", Set_Cookie="seen=1; Path=/")

    server.answers["/gate"] = gate
    assert fetch(server.url("/gate"), LOOPBACK) == BODY


def test_cookies_stay_with_their_host_and_photo(server):
    server.answers["/start"] = sends(
        b"", 302, Location=server.url("/photo.jpg", host="localhost"), Set_Cookie="secret=1"
    )
    options = HttpOptions(allowed=("127.0.0.0/8", "localhost"), total_timeout=8)
    assert fetch(server.url("/start"), options) == fetch(server.url("/photo.jpg"), options) == BODY
    assert not any("Cookie" in headers for headers in server.headers)


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524])
def test_what_cloudflare_answers_is_tried_again(server, status):
    server.answers["/x"] = first(1, sends(b"", status), sends(BODY))
    assert fetch(server.url("/x"), LOOPBACK) == BODY


@pytest.mark.parametrize(
    ("status", "content_range", "taken"),
    [
        (203, "", True),
        (206, f"bytes 0-{len(BODY) - 1}/{len(BODY)}", True),
        (206, f"bytes 0-{len(BODY) - 1}/{len(BODY) + 1}", False),
        (206, f"bytes 1-{len(BODY)}/{len(BODY)}", False),
        (206, f"bytes 0-{'9' * 5000}/{'9' * 5000}", False),
        (206, "", False),
        (204, "", False),
    ],
)
def test_answers_that_are_whole(server, status, content_range, taken):
    server.answers["/x"] = sends(BODY, status, Content_Range=content_range)
    if taken:
        assert fetch(server.url("/x"), LOOPBACK) == BODY
    else:
        failure(server, "/x")


def test_a_pause_in_fractions_of_a_second(server):
    server.answers["/busy"] = first(1, sends(b"", 429, Retry_After="1.5"), sends(BODY))
    start = time.monotonic()
    assert fetch(server.url("/busy"), LOOPBACK) == BODY
    assert time.monotonic() - start >= 1.5


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e999", "soon", "\u0661"])
def test_pauses_that_are_no_numbers(server, value):
    server.answers["/busy"] = first(
        1, sends(b"", 429, Retry_After=value.encode().decode("latin-1")), sends(BODY)
    )
    assert fetch(server.url("/busy"), LOOPBACK) == BODY


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ],
)
def test_answers_that_are_not_http_fail_alone(server, answer):
    server.answers["/x"] = raw(answer)
    assert read_or_reason(HttpPhoto(1, "x", server.url("/x"), LOOPBACK)) != b""


def test_an_endless_chunk_size_takes_no_memory(server):
    def endless(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(300):
            handler.wfile.write(b"1" * 10**6)

    server.answers["/x"] = endless
    tracemalloc.start()
    failure(server, "/x", HttpOptions(allowed=("127.0.0.0/8",), total_timeout=5, attempts=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**7


def test_a_slow_resolver_is_inside_the_time_limit(monkeypatch):
    over = threading.Event()

    def slow(*_args, **_options):
        over.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    start = time.monotonic()
    with pytest.raises(FetchError, match="took longer"):
        fetch("http://a.example/x.jpg", HttpOptions(total_timeout=0.5))
    assert time.monotonic() - start < 5
    over.set()
