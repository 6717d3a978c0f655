"""``GET /v1/albums`` over real HTTP; nothing is grouped."""

import base64

import pytest

from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from grouping.service.store.records import NewPhoto
from tests.helpers.services.albums import upload
from tests.helpers.services.serving import Client, client_of, serving


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    data = tmp_path_factory.mktemp("service") / "data"
    return create_app(ServiceSettings(data, jobs_at_once=0))


@pytest.fixture(scope="module")
def url(app):
    with serving(app) as url:
        yield url


@pytest.fixture(scope="module")
def ids(app):
    """Of albums of two keys, the newest first."""
    kept, photo = app.state.context.albums, [NewPhoto("a", url="https://a.example/a")]
    return [kept.add(f"key-{n % 2}", photo, queue_length=9).id for n in range(5)][::-1]


def test_all_albums_are_listed_page_by_page(app, url, ids):
    client = client_of(app, url, "read")
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/albums?limit=2&state=queued{cursor and '&cursor=' + cursor}").json
        assert len(page["albums"]) <= 2
        found += page["albums"]
        cursor = page["next_cursor"]
    assert [album["id"] for album in found] == ids
    assert set(found[0]) == {"id", "state", "created", "counts"}
    whole = client.get(f"/v1/albums/{ids[0]}").json
    assert found[0] == {name: whole[name] for name in found[0]}
    assert client.get("/v1/albums?state=done").json == {"albums": [], "next_cursor": None}


def test_the_list_is_for_those_who_may_read(app, url):
    assert Client(url).get("/v1/albums").status == 401
    assert client_of(app, url, "write", "find").get("/v1/albums").code == "forbidden"


BAD = ["x", "%C3%A9", *(base64.urlsafe_b64encode(c).decode() for c in (b"nan@a", b"1e9@a", b"5@a"))]


@pytest.mark.parametrize("query", ["state=deleting", "limit=0", *(f"cursor={c}" for c in BAD)])
def test_what_is_no_list_is_refused(app, url, query):
    answer = client_of(app, url, "read").get(f"/v1/albums?{query}")
    assert (answer.status, answer.code) == (422, "invalid")


def test_the_description_has_an_example(app, url):
    document = Client(url).get("/openapi.json").json
    answer = document["paths"]["/v1/albums"]["get"]["responses"]["200"]["content"]
    assert answer["application/json"]["schema"] == {"$ref": "#/components/schemas/AlbumsPage"}
    assert document["components"]["schemas"]["AlbumsPage"]["example"]["albums"]


def test_the_photos_of_an_album_that_waits_are_counted(app, url, ids):
    client = client_of(app, url)
    assert client.get(f"/v1/albums/{ids[0]}").json["progress"]["total"] == 1
    new = upload(client, [("a.jpg", b"x"), ("b.jpg", b"y"), ("c.jpg", b"z")])
    assert new.json["progress"] == {"done": 0, "total": 3, "faces": 0, "failed": 0}
    path = f"/v1/albums/{new.json['id']}"
    more = upload(client, [("d.jpg", b"w")], f"{path}/photos").json["progress"]
    assert (more["done"], more["total"]) == (0, 4)
    kept, jobs = app.state.context.albums, app.state.context.jobs
    while jobs.claim().album.id != new.json["id"]:
        pass
    assert client.get(path).json["progress"]["total"] == 4  # before its first heartbeat
    assert kept.get(new.json["id"]).state == "running"
