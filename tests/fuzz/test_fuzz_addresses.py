"""Addresses from strangers, in dictionaries and list files: photos, each failing alone.

Nothing here leaves the machine: names are not looked up, and whoever connects is noted and refused.
"""

import csv
import io
import ipaddress
import json
import socket
from contextlib import suppress

import pytest
from hypothesis import strategies as st

from grouping.errors import FetchError, InputError, SourceError
from grouping.sources.entries import SourceOptions, photo_at, photos_from_entries
from grouping.sources.list_files import read_list
from grouping.sources.web.http_photo import HttpOptions
from grouping.storage.locations import address_key, place_keys, scheme_of, shown_url
from grouping.storage.s3.client import S3Options
from tests.helpers.fuzzing import TEXTS, assert_one_line, damaged, edited, fuzz, short_and_long

SECRET = "hunter2SECRET"
OPTIONS = SourceOptions(
    http=HttpOptions(attempts=1, total_timeout=5), s3=S3Options(anonymous=True, attempts=1)
)
LOOPBACK = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "127.1", "0"]
LOOPBACK += ["2130706433", "0177.0.0.1", "１２７.0.0.1", "[64:ff9b::7f00:1]"]
PRIVATE = ["169.254.169.254", "10.0.0.1", "[fe80::1%25eth0]"]
ODD = ["[bad", "exa℀mple.com", "a" * 300, "x..y", ""]
HOSTS = [*LOOPBACK, *PRIVATE, *ODD, "8.8.8.8", "[2606:4700::1111]"]
SCHEMES = ["http", "https", "HTTP", "file", "s3", "ftp", "git+https", "http+unix", "data", ""]
PORTS = ["", ":80", ":", ":0", ":65535", ":99999999999999999999", ":x"]
ENDS = [*PORTS, "/a.jpg", "/../a", "/%", "/%zz"]
SECRET_PLACES = ["user:{}@", "{}@", "?token={}", "?w=1;token={}", "/p;jsessionid={}", "#{}", "?{}"]
ADDRESSES = [f"https://a.example/p.jpg{place}".encode() for place in ("", "?w=1&h=2", "#top")]
ADDRESSES += [
    b"s3://bucket/folder/key.jpg",
    b"file:///home/a%20b.jpg",
    b"/home/a.jpg",
    b"C:\\a.jpg",
]
WORDS = [b"://", b"@", b"[", b"]", b"%00", b"%", b"\\", b"//", "℀".encode(), b"\xed\xb0\x80", b"\0"]


@pytest.fixture
def connected(monkeypatch):
    """Where anything in this process would have connected to."""
    places = []

    def connect(_, place):
        places.append(place[0])
        raise ConnectionRefusedError("refused by the test")

    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, port, *rest, **options: look_up(
            host, port, *rest, **{**options, "flags": socket.AI_NUMERICHOST}
        ),
    )
    return places


def check_address(url, connected):
    """It is shown and remembered without ending anything; reading it works or fails as a photo."""
    connected.clear()
    assert scheme_of(url) == scheme_of(url).lower()
    shown_url(url).encode()  # can be written anywhere
    with suppress(FetchError):  # of a file:// that cannot be split
        "".join(place_keys(url)).encode()
    photo = photo_at(url, 1, OPTIONS)
    photo.location.encode()
    try:
        photo.read()
    except FetchError as error:
        assert_one_line(error)
    else:
        raise AssertionError(f"{url!r} was read")
    photo.fingerprint()
    for place in connected:
        assert ipaddress.ip_address(place).is_global, f"{url!r} leads to {place}"
    return "asked" if connected else "refused"


@st.composite
def addresses(draw):
    """Put together from parts that are odd on purpose."""
    parts = [f"{draw(st.sampled_from(SCHEMES))}://", draw(st.sampled_from(HOSTS))]
    parts += draw(st.lists(st.sampled_from(ENDS), max_size=2))
    text = draw(st.one_of(st.just(""), st.sampled_from(TEXTS), st.text(max_size=4)))
    at = draw(st.integers(0, len(parts)))
    return "".join([*parts[:at], text, *parts[at:]])


@short_and_long
def test_addresses_made_of_odd_parts_fail_alone_and_lead_to_no_private_place(cases, connected):
    fuzz(cases, lambda url: check_address(url, connected), "asked", "refused", url=addresses())


@short_and_long
def test_damaged_addresses_fail_alone(cases, connected):
    def check(data):
        return check_address(data.decode("utf-8", "surrogateescape"), connected)

    fuzz(cases, check, "refused", data=damaged(ADDRESSES, WORDS))


@short_and_long
def test_secrets_of_addresses_are_never_shown(cases, connected):
    """Wherever the password stands, it is in no name, key or message."""

    def check(host, place, end):
        url = f"http://{host}/a.jpg{place.format(SECRET)}{end}"
        if "@" in place:
            url = f"http://{place.format(SECRET)}{host}/a.jpg{end}"
        photo = photo_at(url, 1, OPTIONS)
        shown = [shown_url(url), address_key(url), photo.location, repr(photo)]
        try:
            photo.read()
        except FetchError as error:
            shown.append(str(error))
        assert not any(SECRET.lower() in text.lower() for text in shown), shown
        return "shown"

    ends = st.one_of(st.sampled_from(["", "&x=1", "#", "]"]), st.text(max_size=3))
    places = st.sampled_from(SECRET_PLACES)
    fuzz(
        cases, check, "shown", host=st.sampled_from([h for h in HOSTS if h]), place=places, end=ends
    )


ENTRIES = [
    {"id": "first", "url": "https://a.example/1.jpg"},
    {"id": 2, "url": "s3://bucket/2.jpg"},
    {"id": None, "url": "file:///3.jpg", "more": [1, {"x": None}]},
    {"url": "/home/4.jpg", "id": ""},
]


@short_and_long
def test_entries_of_any_form_are_photos_or_their_place_is_named(cases):
    def check(entries):
        try:
            photos = photos_from_entries(entries, allow_local=True)
        except InputError as error:
            assert_one_line(error)
            return "refused" if "images" in str(error) else "refused without its place"
        assert len(photos) == len(entries)
        assert [photo.location.encode() for photo in photos]
        return "photos"

    lists = edited(ENTRIES).filter(lambda case: case.value != [])
    fuzz(cases, check, "refused", "photos", entries=lists)


def as_csv(entries):
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "url"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue().encode()


LISTS = {
    ".txt": b"# photos\n" + b"\n".join(str(entry["url"]).encode() for entry in ENTRIES),
    ".csv": as_csv(ENTRIES),
    ".json": json.dumps(ENTRIES).encode(),
    ".jsonl": b"\n".join(json.dumps(entry).encode() for entry in ENTRIES),
}
LIST_WORDS = [
    b'"',
    b",",
    b"\r",
    b"\0",
    b"[" * 3000,
    b"9" * 5000,
    b"NaN",
    b"\xff",
    b'"\\ud800"',
    b"{}",
]


@short_and_long
@pytest.mark.parametrize("suffix", LISTS)
def test_damaged_lists_are_read_or_refused(cases, suffix, tmp_path):
    path = tmp_path / f"list{suffix}"

    def check(data):
        path.write_bytes(data)
        try:
            listed = list(read_list(path))
        except SourceError as error:
            assert_one_line(error)
            return "refused"
        for found in listed:
            photo_at(found.url, found.id, OPTIONS).location.encode()
        return "read"

    fuzz(cases, check, "read", "refused", data=damaged([LISTS[suffix]], LIST_WORDS))
