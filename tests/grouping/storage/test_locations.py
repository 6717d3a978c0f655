"""Addresses as people may see them, and as keys; nothing secret in either."""

import os
from pathlib import Path

import pytest

from grouping.errors import FetchError
from grouping.sources.entries import SourceOptions, photo_at
from grouping.sources.web.http_photo import HttpPhoto
from grouping.storage.locations import (
    address_key,
    local_path,
    place_keys,
    printable,
    scheme_of,
    shown_url,
)

SECRET = "hunter2"
SECRET_KEYS = (
    *("code", "jwt", "pwd", "pass", "hdnea", "hmac", "hash", "md5", "oh", "session", "sid"),
    *("ticket", "s", "sas", "rlkey", "access", "X-Amz-Signature", "token", "W3", "anything"),
)


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
        ("https://e.example:8443/k?access_token=abc", "https://e.example:8443/k?..."),
        ("https://f.example/k?w=640&id=7&fm=jpg", "https://f.example/k?w=640&fm=jpg&..."),
        ("https://[2606:4700::1]:81/k", "https://[2606:4700::1]:81/k"),
        ("s3://bucket/a@b?c;d#e.jpg", "s3://bucket/a@b?c;d#e.jpg"),
        ("/photos/a?b;c@d.jpg", "/photos/a?b;c@d.jpg"),
    ],
)
def test_addresses_as_shown(url, shown):
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://a.example/x.jpg?{key}={SECRET}" for key in SECRET_KEYS),
        f"https://a.example/x.jpg?w=1;token={SECRET}",
        f"https://a.example/x.jpg?w={SECRET}{SECRET}",
        f"https://a.example/x.jpg?{SECRET}",
        f"https://a.example/album;jsessionid={SECRET}/x.jpg",
        f"https://a.example/x.jpg;jsessionid={SECRET}?w=1",
        f"https://a.example/x.jpg#{SECRET}",
        f"https://me:{SECRET}@a.example/x.jpg",
        f"https://me:pass/{SECRET}@a.example/x.jpg",
        f"https://me:{SECRET}@[bad/x.jpg",
        f"s3://KEY:{SECRET}@bucket/x.jpg",
        f"s3://KEY:{SECRET}/more@bucket/x.jpg",
        f"git+https://me:{SECRET}@a.example/x.jpg",
        f"https://exa\u2100mple.com/x.jpg?code={SECRET}",
    ],
)
def test_no_secret_is_shown_or_kept(url):
    photo = photo_at(url, 1, SourceOptions())
    fingerprint = photo.fingerprint() if isinstance(photo, HttpPhoto) else None
    with pytest.raises(FetchError) as caught:
        photo_at(url.replace("a.example", "127.0.0.1"), 1, SourceOptions()).read()
    for text in (shown_url(url), photo.location, repr(photo), fingerprint, str(caught.value)):
        assert SECRET not in str(text)


def test_keys_tell_photos_apart_and_outlast_signatures():
    base = "https://a.example/get?w=640"
    assert address_key(f"{base}&id=1") != address_key(f"{base}&id=2")
    signed = (f"{base}&id=1&X-Amz-Signature={n}&Expires=9&token=t{n}" for n in range(2))
    assert len({address_key(url) for url in signed}) == 1
    assert address_key("https://a.example/x.jpg") == "https://a.example/x.jpg"


def test_what_version_0_1_remembered_is_found():
    assert place_keys("https://A.example/x.jpg?id=1")[1] == "https://a.example/x.jpg?id=1"
    assert place_keys("https://a.example/x.jpg?id=1&sig=a")[1] == "https://a.example/x.jpg?..."


def test_schemes():
    assert scheme_of("git+https://a") == "git+https"
    assert scheme_of("C:\\photos") == scheme_of("c://photos") == scheme_of("a b://c") == ""


def test_a_file_address_that_cannot_be_split():
    with pytest.raises(FetchError, match="not a valid address"):
        local_path("file://[bad")


def test_names_that_are_no_utf_8_are_found_by_what_is_shown_of_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = tmp_path / os.fsdecode(b"\xff\xfe.jpg")
    there.write_bytes(b"photo")
    shown = printable(there)
    assert shown.isascii()
    assert local_path(shown) == there
    assert local_path(printable(os.fsdecode(b"\xfd.jpg"))) == Path("\\udcfd.jpg")  # not there
    (tmp_path / "\\udcff.jpg").write_bytes(b"called so")
    assert local_path("\\udcff.jpg") == Path("\\udcff.jpg")
    assert local_path("\\udc2f\\udc2e") == Path("\\udc2f\\udc2e")  # no slash, no dot
