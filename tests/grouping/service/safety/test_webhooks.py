"""Webhooks to real receivers, which check the signature with what they compute themselves."""

import hashlib
import hmac
import json

import pytest

from grouping.api import HttpOptions
from grouping.service.safety.webhooks import (
    PAUSES,
    WebhookSender,
    check_webhook,
    signature,
    webhook_secret,
)
from grouping.service.web.refusals import RefusedRequestError
from tests.helpers.services.servers import FaultyServer, drips, drops, redirects, sends, stalls
from tests.helpers.services.tls import tls_server

SECRET = "whsec_0123456789"
BODY = b'{"id":"n1","event":"album.done","album":"Zk3"}'
HERE = HttpOptions(allowed=("127.0.0.1",), connect_timeout=2.0, read_timeout=0.5, total_timeout=1.5)


@pytest.fixture
def server():
    with FaultyServer() as running:
        yield running


@pytest.fixture
def sender():
    return WebhookSender(HERE, allow_http=True, clock=lambda: 1_700_000_000.9)


class Receiver:
    """What a receiver of notices does: it reads, checks and keeps."""

    def __init__(self):
        self.taken = []

    def __call__(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        signed = handler.headers["Webhook-Timestamp"].encode() + b"." + body
        mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if handler.headers["Webhook-Signature"] != f"v1={mac}":
            handler.answer(b"bad signature", 401)
            return
        self.taken.append((handler.command, handler.headers["Webhook-Id"], json.loads(body)))
        handler.answer(b"", 204)


def test_a_notice_arrives_signed(server, sender):
    server.answers["/hook"] = receiver = Receiver()
    found = sender.deliver(server.url("/hook?a=1"), "n1", BODY, SECRET, 0)
    assert (found.delivered, found.again_in, found.reason) == (True, None, "")
    assert receiver.taken == [("POST", "n1", json.loads(BODY))]
    assert server.headers[0]["Webhook-Timestamp"] == "1700000000"
    assert server.headers[0]["Content-Type"] == "application/json"
    wrong = sender.deliver(server.url("/hook"), "n1", BODY, "whsec_other", 0)
    assert (wrong.delivered, wrong.reason) == (False, "the receiver answered 401")


def test_the_signature_as_openssl_makes_it():
    # printf '5.{}' | openssl dgst -sha256 -hmac whsec_a
    assert (
        signature("whsec_a", 5, b"{}")
        == "v1=8b911013f75dc47e71c4622cc4b7a1ebc8db7774ae4dae3fd24e859882818d54"
    )


def test_secrets_differ_by_key_and_service():
    one = webhook_secret(bytes(32), "k1")
    assert one.startswith("whsec_")
    assert one == webhook_secret(bytes(32), "k1")
    assert len({one, webhook_secret(bytes(32), "k2"), webhook_secret(b"1" * 32, "k1")}) == 3


@pytest.mark.parametrize("name", ["localhost", "hooks.example"])
def test_over_https_with_its_certificate_checked(tmp_path, name):
    server, _ = tls_server(tmp_path, name)
    with server:
        server.answers["/hook"] = receiver = Receiver()
        options = HttpOptions(allowed=("127.0.0.1",), ca_file=str(tmp_path / "cert.pem"))
        url = server.url("/hook", host="localhost", scheme="https")
        found = WebhookSender(options).deliver(url, "n1", BODY, SECRET, 0)
        assert found.delivered == (name == "localhost") == bool(receiver.taken)
        assert found.delivered or "certificate" in found.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sends(b"", 500), "the receiver answered 500"),
        (sends(b"", 404), "the receiver answered 404"),
        (sends(b"", 100), ""),
        (drops, "connection failed or was dropped"),
        (drips(0.3, 40, headers=True), ""),
        (stalls(3.0), ""),
    ],
)
def test_what_fails_is_tried_again(server, sender, answer, reason):
    server.answers["/hook"] = answer
    found = sender.deliver(server.url("/hook"), "n1", BODY, SECRET, 0)
    assert not found.delivered
    assert PAUSES[0] / 2 <= found.again_in <= PAUSES[0]
    assert found.reason
    assert reason in found.reason
    assert "/hook" not in found.reason


def test_pauses_grow_and_end(server, sender):
    server.answers["/hook"] = sends(b"", 503)
    url = server.url("/hook")
    pauses = [sender.deliver(url, "n1", BODY, SECRET, tries).again_in for tries in range(9)]
    assert pauses[-1] is None
    for pause, longest in zip(pauses[:-1], PAUSES, strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("120", 120, 120), ("99999999", 28_800, 28_800), ("soon", 0, 5)]
)
def test_a_receiver_may_ask_for_a_pause(server, sender, asked, least, most):
    server.answers["/hook"] = sends(b"", 429, Retry_After=asked)
    found = sender.deliver(server.url("/hook"), "n1", BODY, SECRET, 0)
    assert least <= found.again_in <= most


def test_gone_is_gone(server, sender):
    server.answers["/hook"] = sends(b"", 410)
    found = sender.deliver(server.url("/hook"), "n1", BODY, SECRET, 0)
    assert (found.delivered, found.again_in) == (False, None)


def test_redirects_are_not_followed(server, sender):
    server.answers["/hook"] = redirects("/inside")
    server.answers["/inside"] = sends(b"", 200)
    found = sender.deliver(server.url("/hook"), "n1", BODY, SECRET, 0)
    assert not found.delivered
    assert server.requests["/inside"] == 0


def test_of_a_large_answer_little_is_read(server, sender):
    sent = []

    def endless(handler):
        handler.answer(b"", 200, Content_Length=10**12)
        for _ in range(10_000):
            handler.wfile.write(b"x" * 65_536)
            sent.append(1)

    server.answers["/hook"] = endless
    assert sender.deliver(server.url("/hook"), "n1", BODY, SECRET, 0).delivered
    assert len(sent) < 500


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0"]
)
def test_private_addresses_are_refused_when_connecting(server, host):
    sender = WebhookSender(HttpOptions(total_timeout=2.0), allow_http=True)
    found = sender.deliver(server.url("/hook", host=host), "n1", BODY, SECRET, 0)
    assert not found.delivered
    assert "private or reserved" in found.reason
    assert not server.requests


def test_http_is_refused_unless_allowed(server):
    found = WebhookSender(HERE).deliver(server.url("/hook"), "n1", BODY, SECRET, 0)
    assert (found.delivered, found.again_in) == (False, None)
    assert not server.requests


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "https://user:password@example.org/",
        "https://[::1",
        "hook",
        "",
        "https://example.org/" + "a" * 2000,
        "https://exa\u2100mple.com/",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_are_refused_by_their_text(url):
    with pytest.raises(RefusedRequestError) as caught:
        check_webhook(url)
    assert (caught.value.status, caught.value.code) == (422, "webhook_refused")
    assert "password" not in caught.value.message.replace("user name or password", "")


def test_addresses_that_pass():
    check_webhook("https://hooks.example.org:8443/grouping?team=1")
