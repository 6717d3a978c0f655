"""Those without a valid key or link: counted by address, in bounded memory; others go through."""

import ipaddress
import json
import random
import socket
import time
from datetime import UTC, datetime

import pytest

from grouping.errors import ConfigError
from grouping.service.app import create_app
from grouping.service.pages.shared import GUEST, PAGE
from grouping.service.safety.api_keys import ID_LETTERS, digest_of, new_key
from grouping.service.safety.guest_links import LinkSigner
from grouping.service.safety.strangers import Strangers, line_of
from grouping.service.settings import ServiceSettings
from grouping.service.web.refusals import RefusedRequestError
from tests.helpers.services.serving import Client, client_of, serving

NOBODY = "a" * 22
ALBUM = f"/v1/albums/{NOBODY}"
REFUSAL = RefusedRequestError(401, "unauthorized", "send a key")
MOST = 5


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_an_address_has_an_allowance_that_flows_back():
    clock = Clock()
    strangers = Strangers(per_minute=6, clock=clock)
    found = [strangers.refused("192.0.2.1", REFUSAL).status for _ in range(8)]
    assert found == [401] * 6 + [429] * 2
    assert strangers.are_many("192.0.2.1")
    assert not strangers.are_many("192.0.2.2")
    assert strangers.refused("192.0.2.1", REFUSAL).headers["Retry-After"] == "10"
    clock.now += 10
    assert not strangers.are_many("192.0.2.1")
    assert strangers.refused("192.0.2.1", REFUSAL) is REFUSAL
    assert strangers.are_many("192.0.2.1")


def test_memory_is_bounded_and_holds_no_address():
    strangers = Strangers(per_minute=1, most=100, clock=Clock())
    strangers.refused("192.0.2.77", REFUSAL)
    assert "192.0.2.77" not in repr(vars(strangers._refusals))
    for number in range(5000):
        strangers.refused(str(ipaddress.ip_address(number)), REFUSAL)
        strangers.may_be_logged(str(ipaddress.ip_address(number)))
    assert len(strangers._refusals) == len(strangers._lines) == 100
    others = Strangers(per_minute=1, clock=Clock())
    assert strangers._hash("192.0.2.77") != others._hash("192.0.2.77")


def test_what_is_one_line_against_the_bits_of_addresses():
    draw = random.Random(3)
    for _ in range(300):
        one = draw.getrandbits(128) | 1 << 125  # no address that holds one of IPv4
        other = one ^ 1 << draw.randrange(128)
        lines = [line_of(str(ipaddress.IPv6Address(number))) for number in (one, other)]
        assert (lines[0] == lines[1]) == (one >> 64 == other >> 64)
    assert line_of("::ffff:192.0.2.1") == line_of("192.0.2.1") != line_of("192.0.2.2")
    assert line_of("fe80::1%eth0") == line_of("fe80::2")
    assert line_of("no address") == "no address"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    return create_app(ServiceSettings(data, refusals_a_minute=MOST, jobs_at_once=0))


@pytest.fixture(scope="module")
def url(app):
    with serving(app) as address:
        yield address


@pytest.fixture
def address():
    """An address of the test's own, as a proxy on this machine tells it."""
    return f"198.51.{random.randrange(256)}.{random.randrange(1, 255)}"


def asked(url, address, path=ALBUM, key="", method="GET", body=None):
    headers = {"X-Forwarded-For": address, "Content-Type": "application/json"}
    return Client(url, key).ask(method, path, body, headers)


def wrong_key():
    return new_key("nobody", ["read"])[0]


@pytest.mark.parametrize("kind", ["none", "malformed", "unknown"])
def test_requests_without_a_valid_key_are_refused_after_some(url, address, kind):
    keys = {"none": lambda: "", "malformed": lambda: "x", "unknown": wrong_key}
    answers = [asked(url, address, key=keys[kind]()) for _ in range(MOST + 3)]
    assert [answer.status for answer in answers] == [401] * MOST + [429] * 3
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60 / MOST
    assert answers[-1].code == "too_many_requests"
    assert asked(url, "203.0.113.9").status == 401  # another address


def test_a_good_key_goes_through_and_strangers_cost_no_look_ups(app, url, address, monkeypatch):
    known, looked_up = client_of(app, url), []
    store = app.state.context.keys
    key_of, keys_of = store.key, store.keys
    monkeypatch.setattr(store, "key", lambda id: looked_up.append(id) or key_of(id))
    for _ in range(MOST):
        asked(url, address, key=wrong_key())
    assert len(looked_up) == MOST
    time.sleep(1.1)  # what was read of all keys is too old now
    listed = []
    app.state.context.listed_keys._listed._ask = lambda: (
        listed.append(1) or {key.id: key for key in keys_of()}
    )
    since = time.monotonic()
    for _ in range(50):
        assert asked(url, address, key=wrong_key()).status == 429
        assert asked(url, address, key=known.key).status == 404  # the album, not the key
    assert len(looked_up) == MOST
    assert len(listed) <= 1 + time.monotonic() - since
    store.revoke_key(digest_of(known.key)[:ID_LETTERS], datetime.now(UTC))
    time.sleep(1.1)
    assert asked(url, address, key=known.key).status in (401, 429)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (ALBUM + "/me?t={}", "GET"),
        (ALBUM + "/me/find?t={}", "POST"),
        (ALBUM + "/me/photos/{}", "GET"),
        (ALBUM + "/page/?t={}", "GET"),
    ],
)
def test_guessed_links_are_refused_after_some_and_good_ones_are_not(
    app, url, address, path, method
):
    kind = PAGE if "/page/" in path else GUEST
    guesses = [
        LinkSigner(bytes([number] * 32)).sign(kind, NOBODY, 60)[0] for number in range(MOST + 2)
    ]
    found = [asked(url, address, path.format(token), method=method) for token in guesses]
    assert [answer.status for answer in found] == [403] * MOST + [429] * 2
    assert int(found[-1].headers["Retry-After"]) >= 1
    good, _ = app.state.context.guards.links.sign(kind, NOBODY, 60)
    photo, _ = app.state.context.guards.links.sign("photo", NOBODY, 60, "0.abc.visit")
    good = photo if "photos" in path else good
    assert asked(url, address, path.format(good), method=method).status not in (403, 429)


def test_links_that_ended_are_no_guesses(app, url, address):
    links = app.state.context.guards.links
    ended = LinkSigner.__new__(LinkSigner)
    ended._key, ended._clock = links._key, lambda: time.time() - 7200
    token, _ = ended.sign(GUEST, NOBODY, 60)
    for _ in range(3 * MOST):
        answer = asked(url, address, f"{ALBUM}/me?t={token}")
        assert answer.status == 403
    assert b"expired" in answer.body


def test_the_audit_log_takes_so_many_lines_of_a_stranger(app, url, address):
    def lines():
        files = sorted((app.state.context.settings.data / "audit").glob("*.jsonl"))
        text = "".join(path.read_text() for path in files)
        return [json.loads(line) for line in text.splitlines()]

    def come_to(count):
        """A line is written once the answer is sent."""
        end = time.monotonic() + 5
        while len(lines()) - before < count and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)  # and no more than so many
        return len(lines()) - before == count

    known = client_of(app, url)
    time.sleep(1.1)  # past the limit, keys are those of a second ago
    before = len(lines())
    for path in (ALBUM, "/v1/nowhere", f"{ALBUM}/me/me.css", f"{ALBUM}/me?t=x") * 5:
        asked(url, address, path)
    assert come_to(MOST)
    for _ in range(2 * MOST):
        asked(url, address, key=known.key)
    assert come_to(3 * MOST)


def bodied(app):
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation and "/me/" not in path:
                yield method.upper(), path.replace("{id}", NOBODY)


def test_no_body_is_read_of_a_request_without_a_key(app, url):
    asked_for = list(bodied(app))
    assert len(asked_for) >= 10
    for number, (method, path) in enumerate(asked_for):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.114.{number}\r\n"
            head += "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
            connection.sendall(head.encode() + b'{"x":')
            assert connection.recv(1000).startswith(b"HTTP/1.1 401"), path


def test_what_no_route_reads_much_of_is_refused_early(app, url):
    known = client_of(app, url)
    for path in (f"{ALBUM}/guest-links", f"{ALBUM}/page-links"):
        assert known.ask("POST", path, bytes(100_000)).status == 413
    headers = {"Content-Type": "application/json"}
    large = json.dumps({"names": [{"group_id": "a", "name": "x" * 150}] * 900}).encode()
    assert known.ask("PATCH", f"{ALBUM}/people", large, headers).status == 404


def test_proxies_are_addresses_or_networks(tmp_path):
    assert ServiceSettings(tmp_path, proxies=("10.0.0.0/8", "::1")).proxies
    for wrong in ("nginx", "10.0.0.1/8", "*"):
        with pytest.raises(ConfigError, match="no address or network of a proxy"):
            ServiceSettings(tmp_path, proxies=(wrong,))
