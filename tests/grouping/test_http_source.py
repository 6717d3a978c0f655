"""Fetching over real HTTP from a server that misbehaves in every way we know."""

import ipaddress
import time
from pathlib import Path

import pytest
from servers import (
    FaultyServer,
    drips,
    drops,
    drops_midway,
    first,
    redirects,
    sends,
    stalls,
)

from grouping.addresses import AddressPolicy, is_public
from grouping.errors import ConfigError, FetchError
from grouping.http_source import HttpOptions, HttpPhoto, fetch
from grouping.locations import shown_url

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


@pytest.mark.parametrize("headers", [True, False])
def test_a_server_that_drips_meets_the_total_time_limit(server, headers):
    server.answers["/slow"] = drips(0.1, 10**5, headers=headers)
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


def test_a_redirect_to_a_private_address_is_refused(server):
    """The first host is allowed, the second is not: only the second check can stop this."""
    with FaultyServer("127.0.0.2") as inner:
        inner.answers["/secret"] = sends(b"secret")
        server.answers["/out"] = redirects(inner.url("/secret", host="127.0.0.2"))
        options = HttpOptions(allowed=("127.0.0.1",))
        assert "refused" in str(failure(server, "/out", options))
        assert not inner.requests


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0", "[::1]"),
        *("[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "[fd00:ec2::254]"),
    ],
)
def test_private_hosts_are_refused_in_every_spelling(server, host):
    with pytest.raises(FetchError, match=r"refused|cannot be found"):
        fetch(server.url("/photo.jpg", host=host), HttpOptions(attempts=1))
    assert not server.requests


@pytest.mark.parametrize("allowed", ["localhost", "LOCALHOST.", "127.0.0.1", "127.0.0.0/8"])
def test_allowed_hosts_and_networks(server, allowed):
    options = HttpOptions(allowed=(allowed,))
    assert fetch(server.url("/photo.jpg", host="localhost"), options) == BODY
    assert server.headers[0]["Host"] == f"localhost:{server.server_address[1]}"


def test_an_allowed_host_allows_no_other(server):
    with pytest.raises(FetchError, match="refused"):
        fetch(server.url("/photo.jpg"), HttpOptions(allowed=("localhost", "10.0.0.0/8")))


def test_passwords_in_addresses_are_refused():
    with pytest.raises(FetchError, match="user name"):
        fetch("http://user:word@example.org/a.jpg", LOOPBACK)


@pytest.mark.parametrize("url", ["http://", "http:///x.jpg", "http://[::1", "http://a b/", "x"])
def test_broken_addresses_fail_alone(url):
    with pytest.raises(FetchError):
        fetch(url, HttpOptions(attempts=1))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        # RFC 6890 and the clouds' metadata services, checked by hand.
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::8.8.8.8", True),
        ("0.0.0.0", False),
        ("10.255.255.255", False),
        ("100.64.0.1", False),
        ("127.255.0.1", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("172.31.0.1", False),
        ("192.0.0.192", False),
        ("192.168.0.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::127.0.0.1", False),
        ("64:ff9b:1::1", False),
        ("2001::1", False),
        ("2002:7f00:1::", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize("entry", ["", "http://x", "a b", "10.0.0.0/33"])
def test_an_allow_list_that_cannot_be_understood(entry):
    with pytest.raises(ConfigError):
        HttpOptions(allowed=(entry,))


def test_limits_are_checked():
    with pytest.raises(ConfigError, match="total_timeout"):
        HttpOptions(total_timeout=0)


def test_the_policy_resolves_public_addresses_to_themselves():
    assert AddressPolicy().resolve("8.8.8.8", 80) == ["8.8.8.8"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x.jpg?w=3#top", "https://a.example/x.jpg?w=3"),
        ("https://u:p@a.example/x.jpg", "https://a.example/x.jpg"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=abc",
            "https://b.s3.amazonaws.com/k?...",
        ),
        ("https://c.example/k?Expires=1&Signature=abc", "https://c.example/k?..."),
        ("https://d.blob.example/k?sv=2&sr=b&sig=abc", "https://d.blob.example/k?..."),
        ("https://e.example/k?access_token=abc", "https://e.example/k?..."),
    ],
)
def test_shown_addresses_hold_no_secret(url, shown):
    assert shown_url(url) == shown


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
