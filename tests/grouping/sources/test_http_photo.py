"""Fetching over real HTTP from a server that misbehaves in every way we know."""

import time
from pathlib import Path

import pytest

from grouping.errors import FetchError
from grouping.sources.http_photo import HttpOptions, HttpPhoto, fetch
from grouping.storage.locations import shown_url
from tests.helpers.servers import (
    FaultyServer,
    drips,
    drops,
    drops_midway,
    first,
    redirects,
    sends,
    stalls,
)

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


def test_compressed_answers_are_refused_rather_than_unpacked(server):
    server.answers["/bomb"] = sends(b"\x1f\x8b", Content_Encoding="gzip")
    assert "compressed" in str(failure(server, "/bomb"))


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
    trusted, names = _tls_server(tmp_path, "localhost")
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


def _tls_server(folder, name):
    """A server with a fresh certificate for ``name``, and the names that clients ask for."""
    import datetime
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    plain, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, plain, no_password))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    names = []
    context.sni_callback = lambda _socket, asked, _context: names.append(asked)
    server = FaultyServer()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server, names
