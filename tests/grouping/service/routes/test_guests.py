import io
import json
import re

import httpx
import numpy as np
import pytest
from PIL import Image, ImageFilter

from grouping.service.pages.shared import GUEST, PHOTO
from grouping.service.safety.guest_links import LinkSigner
from tests.helpers.paths import PHOTOS
from tests.helpers.services.served_album import running_service
from tests.helpers.services.tls import tls_server

IN_ALBUM = [f"president_obama_{n}" for n in (1, 2, 3)] + ["president_biden", "two_presidents"]
SECRET = "Secret Garden"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("data")) as service:
        yield service


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The photos of the album; the first tells where it was taken."""
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for name in IN_ALBUM:
        with Image.open(PHOTOS / f"{name}.jpg") as photo:
            exif = Image.Exif()
            exif[0x010E] = SECRET
            exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 1.0)})
            paths.append(folder / f"{name}.jpg")
            photo.save(paths[-1], "JPEG", quality=92, exif=exif)
    return paths


@pytest.fixture(scope="module")
def album(service, photos):
    return service.add_album(photos)


@pytest.fixture(scope="module")
def link(service, album):
    """The path of a guest's link."""
    with httpx.Client(base_url=service.url, headers=service.key("write"), timeout=60) as caller:
        answer = caller.post(f"/v1/albums/{album}/guest-links", json={"expires_in_s": 3600})
    assert answer.status_code == 201, answer.text
    return answer.json()["url"]


@pytest.fixture
def guest(service, album):
    with httpx.Client(base_url=f"{service.url}/v1/albums/{album}/", timeout=60) as guest:
        yield guest


def token_of(link: str) -> str:
    return link.partition("?t=")[2]


def jpeg(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def look(guest, link, selfie: bytes) -> httpx.Response:
    return guest.post("me/find", params={"t": token_of(link)}, files={"selfie": selfie})


def shown(guest, answer) -> dict[str, Image.Image]:
    """The photos of an answer, by the address they were had at."""
    return {
        photo["address"]: Image.open(io.BytesIO(guest.get(photo["address"]).content))
        for photo in answer.json()["photos"]
    }


def is_photo(picture: Image.Image, name: str) -> bool:
    with Image.open(PHOTOS / f"{name}.jpg") as wanted:
        if wanted.size != picture.size:
            return False
        pair = [np.asarray(p.convert("L").resize((64, 64)), np.float32) for p in (wanted, picture)]
    return float(np.abs(pair[0] - pair[1]).mean()) < 3


def test_the_page_has_a_policy_and_asks_nobody_else(service, guest, link):
    answer = httpx.get(service.url + link)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"
    assert 'data-ended=""' in answer.text
    assert "<script>" not in answer.text
    assert "style=" not in answer.text
    for asset in re.findall(r'(?:src|href)="(me/[^"]+)"', answer.text):
        assert guest.get(asset).status_code == 200
    assert "://" not in answer.text + guest.get("me/me.js").text + guest.get("me/me.css").text


def test_a_guest_gets_the_photos_they_are_in_and_no_other(guest, link):
    answer = look(guest, link, jpeg("president_obama_1"))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "found")
    pictures = [*shown(guest, answer).values()]
    mine = [name for name in IN_ALBUM if name != "president_biden"]
    assert [[is_photo(p, name) for name in IN_ALBUM].count(True) for p in pictures] == [1] * 4
    assert all(any(is_photo(p, name) for p in pictures) for name in mine)
    assert not any(is_photo(p, "president_biden") for p in pictures)


def test_nothing_of_the_person_or_the_photo_is_told(guest, link, album):
    answer = look(guest, link, jpeg("president_obama_1"))
    assert set(answer.json()) == {"outcome", "photos"}
    assert {key for photo in answer.json()["photos"] for key in photo} == {
        "address",
        "sure",
        "focus",
    }
    for name in (*IN_ALBUM, "similarity", "group", "uploads"):
        assert name not in answer.text


def test_a_photo_is_handed_on_whole_but_without_where_it_was_taken(guest, link, photos):
    answer = look(guest, link, jpeg("president_biden"))
    address = answer.json()["photos"][0]["address"]
    photo = guest.get(address)
    assert photo.headers["cache-control"].startswith("private")
    assert SECRET.encode() not in photo.content
    picture = Image.open(io.BytesIO(photo.content))
    assert not picture.getexif().get_ifd(0x8825)
    with Image.open(photos[IN_ALBUM.index("president_biden")]) as original:
        assert np.array_equal(np.asarray(original), np.asarray(picture))
    small = Image.open(io.BytesIO(guest.get(address, params={"size": "small"}).content))
    assert max(small.size) <= 640


def test_nobody_elses_photo_can_be_had(service, guest, link, album):
    """Whoever has a link and their own photos tries to get at those of others."""
    answer = look(guest, link, jpeg("president_biden"))
    mine = [photo["address"].rpartition("/")[2] for photo in answer.json()["photos"]]
    signed = mine[0]
    payload, _, mac = signed.partition(".")
    foreign = LinkSigner(b"x" * 32).sign(PHOTO, album, 3600, "0.00.x")[0]
    other_kind, _ = LinkSigner(service.context.secret).sign(GUEST, album, 3600, "0.00.x")
    other_album, _ = LinkSigner(service.context.secret).sign(PHOTO, "A" * 22, 3600, "0.00.x")
    tried = [
        *("0", "1", f"{payload}.", payload, f"{payload}.{mac[:-1]}", f"{payload}A.{mac}"),
        *(f"{mac}.{payload}", token_of(link), foreign, other_kind, other_album, "../me/find"),
        *("..%2f..%2fpage%2fphotos%2f0", "%00", signed.swapcase(), f"{signed}%20"),
    ]
    for attempt in tried:
        status = guest.get(f"me/photos/{attempt}").status_code
        assert status in (403, 404, 405), attempt
    for path in ("page/", "page/photos/0", "groups", "images", "page/thumbs/0.jpg", "page/state"):
        for sent in (
            {"params": {"t": token_of(link)}},
            {"cookies": {"album_page": token_of(link)}},
        ):
            answer = httpx.get(f"{guest.base_url}{path}", **sent)
            assert answer.status_code in (401, 403, 404), path


def test_a_signed_address_opens_no_photo_of_another_album(service, guest, link, photos):
    other = service.add_album(photos[:2])
    address = look(guest, link, jpeg("president_obama_1")).json()["photos"][0]["address"]
    answer = httpx.get(f"{service.url}/v1/albums/{other}/{address}")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("selfie", "code"),
    [
        (jpeg("rocket"), "no_face"),
        (jpeg("two_presidents"), "several_faces"),
        (b"no photo at all", "photo_unusable"),
        (b"", "invalid"),
    ],
)
def test_what_cannot_be_looked_for_is_said(guest, link, selfie, code):
    answer = look(guest, link, selfie)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


def test_somebody_who_is_not_there_is_nobody(guest, link):
    answer = look(guest, link, jpeg("astronaut"))
    assert answer.json() == {"outcome": "nobody", "photos": []}


def test_a_selfie_that_is_too_poor_is_unsure(guest, link):
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        encoded = io.BytesIO()
        photo.convert("RGB").filter(ImageFilter.GaussianBlur(5)).save(encoded, "JPEG")
    answer = look(guest, link, encoded.getvalue())
    assert answer.json() == {"outcome": "unsure", "photos": []}


@pytest.mark.parametrize("token", ["", "x", "a.b", "%00"])
def test_a_broken_link_says_so_in_words(guest, token):
    answer = guest.get("me", params={"t": token})
    assert answer.status_code == 403
    assert 'data-ended="invalid"' in answer.text
    assert guest.post("me/find", params={"t": token}).status_code == 403


def test_a_link_that_has_expired_says_so_in_words(service, guest, album):
    token, _ = LinkSigner(service.context.secret, lambda: 1e9).sign(GUEST, album, 60)
    answer = guest.get("me", params={"t": token})
    assert answer.status_code == 403
    assert 'data-ended="expired"' in answer.text
    refused = guest.post("me/find", params={"t": token}, files={"selfie": b"x"})
    assert refused.json()["error"]["code"] == "link_expired"


def test_a_link_to_an_album_that_is_gone_says_so(service, guest):
    token, _ = LinkSigner(service.context.secret).sign(GUEST, "A" * 22, 60)
    answer = httpx.get(f"{service.url}/v1/albums/{'A' * 22}/me", params={"t": token})
    assert answer.status_code == 404
    assert 'data-ended="gone"' in answer.text


def test_a_link_that_asks_too_often_has_to_wait(service, guest, link, monkeypatch):
    rates = service.rates
    monkeypatch.setattr(rates.selfies, "_burst", 0.5)
    rates.selfies._buckets.clear()
    answer = look(guest, link, b"")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(answer.headers["retry-after"]) >= 1
    rates.selfies._buckets.clear()


def test_nothing_of_the_selfie_is_stored(service, guest, link):
    selfie = jpeg("president_biden")
    folder = service.context.settings.data
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    assert look(guest, link, selfie).status_code == 200
    after = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    assert set(after) - set(before) <= {p for p in after if p.name.startswith(("audit", "service"))}
    for path in after:
        assert selfie[20_000:20_200] not in path.read_bytes()


def test_a_key_that_may_not_write_makes_no_links(service, album):
    for scopes, status in ((["read"], 403), (["find"], 403)):
        answer = httpx.post(
            f"{service.url}/v1/albums/{album}/guest-links", json={}, headers=service.key(*scopes)
        )
        assert answer.status_code == status
    assert httpx.post(f"{service.url}/v1/albums/{album}/guest-links", json={}).status_code == 401


def test_who_opted_out_stays_covered(service, photos):
    """A photo that shows somebody who opted out is handed on small, as the gallery has it."""
    album = service.add_album(photos[:2])
    path = service.context.folders.of(album) / "groups.json"
    document = json.loads(path.read_text())
    document["images"][0]["opted_out"] = 1
    path.write_text(json.dumps(document))
    with httpx.Client(base_url=f"{service.url}/v1/albums/{album}/", timeout=60) as guest:
        token, _ = LinkSigner(service.context.secret).sign(GUEST, album, 60)
        answer = look(guest, f"?t={token}", jpeg("president_obama_1"))
        sizes = [max(p.size) for p in shown(guest, answer).values()]
    assert sizes[0] <= 640 < sizes[1]


def signed_only(body: bytes):
    """Answers those alone who have the signature of the address."""

    def answer(handler):
        if handler.path.endswith("?signature=hush"):
            handler.answer(body)
        else:
            handler.answer(b"", 403)

    return answer


def test_photos_from_elsewhere_are_handed_on_as_long_as_they_are_what_they_were(tmp_path):
    server, _ = tls_server(tmp_path, "localhost")
    settings = {"allowed_hosts": ("localhost",), "ca_file": str(tmp_path / "cert.pem")}
    with server, running_service(tmp_path / "data", **settings) as service:
        photos = []
        for name in IN_ALBUM[:2]:
            server.answers[f"/{name}"] = signed_only(jpeg(name))
            url = server.url(f"/{name}?signature=hush", host="localhost", scheme="https")
            photos.append({"id": name, "url": url})
        headers = service.key("write")
        answer = httpx.post(f"{service.url}/v1/albums", json={"photos": photos}, headers=headers)
        album = service.grouped(answer.json()["id"])
        token, _ = LinkSigner(service.context.secret).sign(GUEST, album, 60)
        base = f"{service.url}/v1/albums/{album}/"
        with httpx.Client(base_url=base, timeout=60) as guest:
            answer = look(guest, f"?t={token}", jpeg("president_obama_1"))
            assert "hush" not in answer.text
            addresses = [photo["address"] for photo in answer.json()["photos"]]
            first = Image.open(io.BytesIO(guest.get(addresses[0]).content))
            assert is_photo(first, IN_ALBUM[0])
            server.answers[f"/{IN_ALBUM[0]}"] = signed_only(jpeg("astronaut"))
            changed = guest.get(addresses[0])
            assert (changed.status_code, changed.json()["error"]["code"]) == (404, "gone")
            assert guest.get(addresses[0], params={"size": "small"}).status_code == 200
            httpx.delete(f"{service.url}/v1/albums/{album}", headers=headers, timeout=60)
            assert [guest.get(address).status_code for address in addresses] == [404, 404]
