import hashlib
import http.client
import json
import re
import tomllib

import httpx
import pytest

from tests.helpers.paths import PHOTOS
from tests.helpers.services.served_album import running_service

OBAMA = PHOTOS / "president_obama_1.jpg"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("data")) as service:
        yield service


@pytest.fixture(scope="module")
def album(service):
    return service.add_album(sorted(PHOTOS.glob("*.jpg")))


def client(service, headers=None) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers=headers, timeout=60)


def page_link(service, album, **body) -> str:
    answer = client(service, service.key("write")).post(f"/v1/albums/{album}/page-links", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["url"]


@pytest.fixture
def visitor(service, album):
    """Who opened a link to the page."""
    with client(service) as visitor:
        answer = visitor.get(page_link(service, album))
        assert answer.status_code == 303
        yield visitor


@pytest.fixture
def onlooker(service, album):
    """Who opened a link that is for looking only."""
    with client(service) as onlooker:
        onlooker.get(page_link(service, album, may_save=False))
        yield onlooker


def test_a_link_becomes_a_cookie_of_this_page_alone(service, album):
    with client(service) as visitor:
        answer = visitor.get(page_link(service, album))
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        parts = {p.strip().lower() for p in answer.headers["set-cookie"].split(";")[1:]}
        assert {"httponly", "samesite=lax", f"path=/v1/albums/{album}/page/".lower()} <= parts
        assert visitor.get(f"/v1/albums/{album}/page/").status_code == 200
        assert visitor.get(f"/v1/albums/{album}").status_code == 401


def test_the_page_is_the_gallery_for_this_album_with_a_policy(visitor, album):
    answer = visitor.get(f"/v1/albums/{album}/page/")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"].startswith("private")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert '<meta name="corrections" content="corrections?revision=' in answer.text
    assert "two_presidents" in answer.text  # the id of an upload, not its name on the disk
    assert "uploads" not in answer.text


def test_small_pictures_and_originals_are_those_of_the_album(service, visitor, album):
    document = json.loads((service.context.folders.of(album) / "groups.json").read_text())
    place = [image["id"] for image in document["images"]].index(OBAMA.name)
    original = visitor.get(f"/v1/albums/{album}/page/photos/{place}")
    assert original.content == OBAMA.read_bytes()
    assert original.headers["content-type"] == "image/jpeg"
    assert original.headers["cache-control"].startswith("private")
    digest = hashlib.sha256(original.content).hexdigest()[:20]
    small = visitor.get(f"/v1/albums/{album}/page/thumbs/{digest}.jpg")
    assert small.content.startswith(b"\xff\xd8")
    assert "sandbox" in small.headers["content-security-policy"]


def as_it_is(visitor: httpx.Client, path: str) -> tuple[int, bytes]:
    """Ask for a path that a client would tidy up."""
    connection = http.client.HTTPConnection("127.0.0.1", visitor.base_url.port)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize(
    "path",
    [
        "groups.json",
        "cache.sqlite",
        "faces.csv",
        "corrections.toml",
        "thumbs/",
        "thumbs/..%2fgroups.json",
        "thumbs/%2e%2e%2f%2e%2e%2fservice.sqlite",
        "thumbs/../groups.json",
        "..%2f..%2f..%2fsecret.key",
        "photos/-1",
        "photos/7",
        "photos/99999999999999999999",
        "photos/..%2fgroups.json",
        "uploads/",
    ],
)
def test_nothing_else_of_the_folder_can_be_had(visitor, album, path):
    status, body = as_it_is(visitor, f"/v1/albums/{album}/page/{path}")
    assert status in (404, 422)
    assert json.loads(body)["error"]["code"] in ("not_found", "invalid")


@pytest.mark.parametrize("path", ["", "thumbs/00.jpg", "photos/0", "state"])
def test_who_has_no_link_gets_nothing(service, album, path):
    answer = client(service).get(f"/v1/albums/{album}/page/{path}")
    assert answer.status_code == 401


def test_a_link_opens_no_other_album_and_ends(service, album):
    token = page_link(service, album).partition("?t=")[2]
    other = service.add_album([OBAMA])
    with client(service) as visitor:
        assert visitor.get(f"/v1/albums/{other}/page/?t={token}").status_code == 403
        visitor.cookies.set("album_page", token)
        assert visitor.get(f"/v1/albums/{other}/page/").status_code == 403
        assert visitor.get(f"/v1/albums/{other}/page/photos/0").status_code == 403
        assert visitor.get(f"/v1/albums/{album}/page/?t={token[:-2]}AA").status_code == 403


def corrections(service, album) -> str:
    document = json.loads((service.context.folders.of(album) / "groups.json").read_text())
    image = next(i for i in document["images"] if i["id"] == OBAMA.name)
    box = [round(v) for v in image["faces"][0]["box"]]
    return (
        'version = 1\n\n[[person]]\nname = "Barack"\noverrides = true\n'
        f'faces = [{{ photo = "{image["sha256"]}", box = {box} }}]\n'
    )


def test_corrections_are_saved_and_the_album_is_grouped_again(service):
    photos = [PHOTOS / f"president_obama_{n}.jpg" for n in (1, 2)]
    album = service.add_album(photos)
    with client(service) as visitor:
        visitor.get(page_link(service, album))
        answer = visitor.put(
            f"/v1/albums/{album}/page/corrections",
            content=corrections(service, album),
            headers={"Origin": service.url},
        )
        assert answer.status_code == 202
        assert answer.json()["state"] in ("queued", "running")
        service.grouped(album)
        assert visitor.get(f"/v1/albums/{album}/page/state").json()["state"] == "done"
    folder = service.context.folders.of(album)
    (kept,) = folder.glob("corrections*.toml")
    assert kept.stat().st_mode & 0o077 == 0
    assert tomllib.loads(kept.read_text())["person"][0]["name"] == "Barack"
    document = json.loads((folder / "groups.json").read_text())
    assert document["groups"][0]["name"] == "Barack"


def test_a_page_that_is_older_than_the_album_undoes_nothing(service):
    """Two browsers show one page; the second one still has the names of before."""
    album = service.add_album([PHOTOS / f"president_obama_{n}.jpg" for n in (1, 2)])

    def shown(visitor):
        text = visitor.get(f"/v1/albums/{album}/page/").text
        return re.search('<meta name="corrections" content="([^"]+)">', text)[1]

    def saved(visitor, place, name):
        text = corrections(service, album).replace("Barack", name)
        url = f"/v1/albums/{album}/page/{place}"
        answer = visitor.put(url, content=text, headers={"Origin": service.url})
        return answer.status_code, (answer.json()["error"] or {}).get("code")

    with client(service) as one, client(service) as two:
        for visitor in (one, two):
            visitor.get(page_link(service, album))
        first, second = shown(one), shown(two)
        assert saved(one, first, "Anna") == (202, None)
        assert saved(two, second, "Ann") == (409, "conflict")  # while it is grouped again
        service.grouped(album)
        assert saved(two, second, "Ann") == (409, "conflict")
        document = json.loads((service.context.folders.of(album) / "groups.json").read_text())
        assert document["groups"][0]["name"] == "Anna"
        assert saved(two, shown(two), "Ann") == (202, None)
        service.grouped(album)


def test_corrections_are_saved_with_a_key_too(service, album):
    with client(service, service.key("write")) as caller:
        url = f"/v1/albums/{album}/corrections"
        assert caller.put(url, content="version = 1\n").status_code == 202
    with client(service, service.key("read")) as caller:
        assert caller.put(url, content="version = 1\n").status_code == 403
    service.grouped(album)


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        (b"version = 2", 422, "corrections_unusable"),
        (b"version = ", 422, "corrections_unusable"),
        (b"\xff\xfe", 422, "invalid"),
        (b'version = 1\n[[person]]\nname = ""\nfaces = []', 422, "corrections_unusable"),
        (b"#" * (9 * 2**20), 413, "too_large"),
    ],
)
def test_broken_corrections_are_refused_and_nothing_is_kept(
    service, visitor, album, text, status, code
):
    before = sorted(service.context.folders.of(album).iterdir())
    answer = visitor.put(
        f"/v1/albums/{album}/page/corrections", content=text, headers={"Origin": service.url}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert str(service.context.folders.of(album)) not in answer.text
    assert sorted(service.context.folders.of(album).iterdir()) == before


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_another_site_saves_nothing_with_the_cookie(visitor, album, headers):
    answer = visitor.put(
        f"/v1/albums/{album}/page/corrections", content="version = 1\n", headers=headers
    )
    assert answer.status_code == 403


def test_a_link_for_looking_saves_nothing(service, onlooker, album):
    text = onlooker.get(f"/v1/albums/{album}/page/").text
    assert 'name="corrections"' not in text.partition("<body>")[0]
    answer = onlooker.put(
        f"/v1/albums/{album}/page/corrections",
        content="version = 1\n",
        headers={"Origin": service.url},
    )
    assert answer.status_code == 403
