"""API keys: what is kept of them, who gets in with which, and what those are told who do not."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from grouping.errors import InputError
from grouping.service.safety.api_keys import (
    KEY_PATTERN,
    Scope,
    check_scope,
    key_of_request,
    new_key,
)
from grouping.service.web.refusals import RefusedRequestError


class Shelf:
    """Keys in a dictionary: what the store of the service does with a table."""

    def __init__(self, *keys):
        self.by_id = {key.id: key for key in keys}

    def add_key(self, key):
        self.by_id[key.id] = key

    def key(self, id):
        return self.by_id.get(id)

    def keys(self):
        return list(self.by_id.values())

    def revoke_key(self, id, when):
        return id in self.by_id


def refusal(headers, store):
    with pytest.raises(RefusedRequestError) as caught:
        key_of_request(headers, store)
    return caught.value


def test_of_a_key_its_digest_is_kept_and_nothing_else():
    text, key = new_key("album app", ["read", "find"])
    assert KEY_PATTERN.fullmatch(text)
    assert key.digest == hashlib.sha256(text.encode()).hexdigest()
    assert text[3:] not in repr(key)
    assert key.scopes == {Scope.READ, Scope.FIND}
    assert new_key("album app", ["read"])[0] != text


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "bell\a"])
def test_a_name_is_one_short_line(name):
    with pytest.raises(InputError, match="needs a name"):
        new_key(name, ["read"])


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", ""], ["READ"]])
def test_unknown_scopes(scopes):
    with pytest.raises(InputError, match="scope"):
        new_key("app", scopes)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {} ", " Bearer {}"])
def test_the_right_key_gets_in(form):
    text, key = new_key("app", ["read"])
    assert key_of_request([form.format(text)], Shelf(key)) is key


def test_without_a_key_the_answer_says_how_to_send_one():
    refused = refusal([], Shelf())
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="photo albums"'
    assert "Authorization: Bearer" in refused.message


def wrong_headers(text):
    return [
        [f"Basic {text}"],
        [text],
        ["Bearer"],
        ["Bearer "],
        [f"Bearer {text}x"],
        [f"Bearer {text[:-1]}"],
        [f"Bearer {text} {text}"],
        [f"Bearer {text},Bearer {text}"],
        [f"Bearer {text}\n"[:-2] + "é"],
        [f"Bearer {text}", f"Bearer {text}"],
        ["Bearer other", f"Bearer {text}"],
        ["Bearer fg_" + "A" * 43],
        ["Bearer " + "fg_" * 30_000],
        ["Bearer \x00"],
    ]


@pytest.mark.parametrize("case", range(14))
def test_headers_that_are_not_one_known_key(case):
    text, key = new_key("app", ["read"])
    header = wrong_headers(text)[case]
    refused = refusal(header, Shelf(key))
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert text not in refused.message


def test_another_key_with_the_same_id_does_not_get_in():
    """Sixteen letters of the digest find the key; all 64 have to be equal."""
    text, key = new_key("app", ["read"])
    last = "0" if key.digest[-1] != "0" else "1"
    forged = replace(key, digest=key.digest[:-1] + last)
    assert refusal([f"Bearer {text}"], Shelf(forged)).status == 401


def test_a_revoked_key_is_answered_like_an_unknown_one():
    text, key = new_key("app", ["read"])
    gone = replace(key, revoked=datetime.now(UTC))
    unknown = refusal(["Bearer fg_" + "A" * 43], Shelf())
    assert refusal([f"Bearer {text}"], Shelf(gone)).message == unknown.message


@pytest.mark.parametrize("scope", list(Scope))
def test_no_scope_holds_another(scope):
    _, key = new_key("app", [scope])
    check_scope(key, scope)
    for other in set(Scope) - {scope}:
        with pytest.raises(RefusedRequestError) as caught:
            check_scope(key, other)
        assert caught.value.status == 403
        assert f'scope="{other}"' in caught.value.headers["WWW-Authenticate"]
