"""Links of guests: computed by hand, and every way to bend one."""

import base64
import hashlib
import hmac

import pytest

from grouping.service.safety.guest_links import LinkSigner
from grouping.service.web.refusals import RefusedRequestError

SECRET = bytes(range(32))
ALBUM, OTHER = "Zk3vYw0Qm1n8rT5uXp2aLA", "other-album_id-0000000"


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signer(clock):
    return LinkSigner(SECRET, clock)


def code(signer, token, kind="guest", album=ALBUM):
    with pytest.raises(RefusedRequestError) as caught:
        signer.check(token, kind, album)
    assert caught.value.status == 403
    return caught.value.code


def unpadded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_token_as_computed_by_hand(signer):
    token, link = signer.sign("guest", ALBUM, 3600, "12")
    payload = f"1\nguest\n{ALBUM}\n12\n1700003600\n{link.id}".encode()
    key = hmac.new(SECRET, b"links", hashlib.sha256).digest()
    mac = hmac.new(key, payload, hashlib.sha256).digest()
    assert token == f"{unpadded(payload)}.{unpadded(mac)}"
    assert signer.check(token, "guest", ALBUM) == link
    assert link.subject == "12"


def test_two_links_are_never_the_same(signer):
    assert signer.sign("guest", ALBUM, 60)[0] != signer.sign("guest", ALBUM, 60)[0]


def test_it_ends(signer, clock):
    token, link = signer.sign("guest", ALBUM, 60)
    clock.now = link.expires - 0.001
    signer.check(token, "guest", ALBUM)
    clock.now = link.expires
    assert code(signer, token) == "link_expired"


def test_of_another_album_kind_or_service(signer, clock):
    token, _ = signer.sign("guest", ALBUM, 60)
    assert code(signer, token, album=OTHER) == "link_invalid"
    assert code(signer, token, kind="page") == "link_invalid"
    assert code(LinkSigner(bytes(32), clock), token) == "link_invalid"


def test_every_letter_counts(signer):
    """Base64 lets some last letters vary without a change of the bytes; that is refused as well."""
    token, _ = signer.sign("guest", ALBUM, 60)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, letter in enumerate(token):
        for other in (
            {letters[(letters.index(letter) + n) % 64] for n in (1, 2, 32)} - {letter}
            if letter != "."
            else {"A"}
        ):
            assert code(signer, token[:place] + other + token[place + 1 :]) == "link_invalid"


@pytest.mark.parametrize(
    "bend",
    [
        lambda t: "",
        lambda t: ".",
        lambda t: t + "=",
        lambda t: t + "\n",
        lambda t: " " + t,
        lambda t: t.replace(".", ".."),
        lambda t: t + "." + t,
        lambda t: t.partition(".")[0],
        lambda t: t.partition(".")[0] + ".",
        lambda t: "." + t.partition(".")[2],
        lambda t: t.replace(".", "%2E"),
        lambda t: "\u0660" + t[1:],
        lambda t: t[:5] + "\x00" + t[6:],
        lambda t: "A" * 1_000_000,
        lambda t: t[:-1],
        lambda t: t.partition(".")[0] + "." + "A" * 43,
    ],
)
def test_bent_tokens(signer, bend):
    token, _ = signer.sign("guest", ALBUM, 60)
    assert code(signer, bend(token)) == "link_invalid"


@pytest.mark.parametrize("field", ["a\nb", "../x", "ü", "x" * 129, "a b"])
def test_nothing_is_signed_that_could_be_read_as_something_else(signer, field):
    for arguments in ((field, ALBUM, 60), ("guest", field, 60), ("guest", ALBUM, 60, field)):
        with pytest.raises(ValueError, match="letters, digits"):
            signer.sign(*arguments)
