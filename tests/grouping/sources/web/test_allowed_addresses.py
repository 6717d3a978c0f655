"""Which hosts may be asked, in every spelling, and what of an address may be shown."""

import ipaddress

import pytest

from grouping.errors import ConfigError, FetchError
from grouping.sources.web.allowed_addresses import AddressPolicy, is_public
from grouping.sources.web.http_photo import HttpOptions, fetch
from tests.helpers.services.servers import FaultyServer, redirects, sends

BODY = b"photo"


@pytest.fixture
def server():
    with FaultyServer() as running:
        running.answers["/photo.jpg"] = sends(BODY)
        yield running


def test_a_redirect_to_a_private_address_is_refused(server):
    """The first host is allowed, the second is not: only the second check can stop this."""
    with FaultyServer("127.0.0.2") as inner:
        inner.answers["/secret"] = sends(b"secret")
        server.answers["/out"] = redirects(inner.url("/secret", host="127.0.0.2"))
        options = HttpOptions(allowed=("127.0.0.1",))
        with pytest.raises(FetchError, match="refused"):
            fetch(server.url("/out"), options)
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
        fetch("http://user:word@example.org/a.jpg", HttpOptions())


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
        ("3fff::1", False),
        ("3fff:fff::1", False),
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
