import pytest

from grouping.errors import ConfigError, ServiceError
from grouping.service.client import Client
from tests.helpers.paths import PHOTOS
from tests.helpers.services.served_album import running_service
from tests.helpers.services.servers import FaultyServer, drops, first, redirects, sends

OBAMA = [PHOTOS / f"president_obama_{n}.jpg" for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("data")) as service:
        yield service


@pytest.fixture(scope="module")
def client(service):
    return Client(service.url + "/", service.key()["Authorization"].removeprefix("Bearer "))


@pytest.fixture(scope="module")
def album(client):
    """The id of an album that was grouped."""
    seen = []
    id = client.create_album(sorted(PHOTOS.glob("*.jpg")), settings={"min_photos": 2})["id"]
    assert client.wait(id, on_progress=seen.append)["state"] == "done"
    assert seen[-1]["state"] == "done"
    return id


def test_an_album_is_made_and_read(client, album):
    people = list(client.groups(album))
    assert [len(person["image_ids"]) for person in people] == [4, 2]
    photos = {photo["id"]: photo for photo in client.images(album)}
    assert set(photos) == {path.name for path in PHOTOS.glob("*.jpg")}
    assert len(photos["two_presidents.jpg"]["faces"]) == 2
    first = people[0]["group_id"]
    assert len(client.person(album, first)["all_faces"]) == 4
    assert client.portrait(album, first).startswith(b"\xff\xd8")
    assert client.album(album)["counts"]["photos"] == 7


def test_pages_are_read_one_after_the_other(client, album, monkeypatch):
    monkeypatch.setattr("grouping.service.client.PAGE", 2)
    assert len({photo["id"] for photo in client.images(album)}) == 7


def test_albums_are_listed(client, album, monkeypatch):
    monkeypatch.setattr("grouping.service.client.PAGE", 1)
    other = client.create_album([OBAMA[0]])["id"]
    assert [entry["id"] for entry in client.albums()] == [other, album]
    client.wait(other)
    assert [entry["id"] for entry in client.albums("done")] == [other, album]
    assert list(client.albums("failed")) == []
    client.delete_album(other)
    assert [entry["counts"]["photos"] for entry in client.albums()] == [7]


def test_questions_are_answered(client, album):
    found = client.find(album, OBAMA[0])
    assert found["found"]
    assert "two_presidents.jpg" in [photo["id"] for photo in found["photos"]]
    assert client.find(album, *OBAMA, false_matches=0.001)["person"] == {
        **found["person"],
        "similarity": pytest.approx(1, abs=0.2),
    }
    assert client.verify(OBAMA[0], OBAMA[1].read_bytes())["verdict"] == "same"
    assert client.verify(OBAMA[0], PHOTOS / "astronaut.jpg")["verdict"] == "different"
    assert len(client.represent(OBAMA[0])[0]["embedding"]) == 512
    assert [face["flaws"] for face in client.extract(OBAMA[0])] == [[]]


def test_people_are_corrected_and_photos_added(client):
    album = client.create_album(OBAMA[:2])["id"]
    client.wait(album)
    (person,) = client.groups(album)
    client.change_people(album, names=[{"group_id": person["group_id"], "name": "Barack"}])
    client.wait(album)
    client.add_photos(album, [OBAMA[2].read_bytes()])
    client.wait(album)
    (person,) = client.groups(album)
    assert (person["name"], len(person["image_ids"])) == ("Barack", 3)
    client.save_corrections(album, "version = 1\n")
    client.wait(album)
    client.delete_album(album)
    with pytest.raises(ServiceError) as refused:
        client.album(album)
    assert (refused.value.status, refused.value.code) == (404, "not_found")
    assert refused.value.request_id


def test_the_same_request_with_the_same_key_is_done_once(client):
    ids = {client.create_album(OBAMA[:1], idempotency_key="abc")["id"] for _ in range(2)}
    assert len(ids) == 1


def test_links_are_made(client, album, service):
    assert client.guest_link(album)["url"].startswith(f"/v1/albums/{album}/me?t=")
    assert client.page_link(album, may_save=False)["url"].startswith(f"/v1/albums/{album}/page/")


def test_what_is_refused_says_why(client, service):
    with pytest.raises(ServiceError, match="photos"):
        client.create_album()
    with pytest.raises(ServiceError, match="http"):
        client.create_album([{"id": 1, "url": "http://example.org/1.jpg"}])
    with pytest.raises(ServiceError) as refused:
        Client(service.url, "fg_" + "x" * 43).album("A" * 22)
    assert refused.value.status == 401


@pytest.mark.parametrize("address", ["", "photos.example.org", "ftp://x", "file:///etc"])
def test_an_address_of_something_else_is_refused(address):
    with pytest.raises(ConfigError, match="https://"):
        Client(address, "key")


def test_files_and_addresses_do_not_go_together(client):
    with pytest.raises(ConfigError, match="all"):
        client.create_album([OBAMA[0], {"id": 1, "url": "https://example.org/1.jpg"}])


@pytest.fixture
def server():
    with FaultyServer() as server:
        yield server


def test_a_busy_service_is_asked_again(server):
    path = f"/v1/albums/{'A' * 22}"
    server.answers[path] = first(2, sends(b"", 429, Retry_After=0), sends(b'{"state": "done"}'))
    assert Client(server.url(""), "key").wait("A" * 22) == {"state": "done"}
    assert server.requests[path] == 3


def test_a_connection_that_was_dropped_is_made_anew(server):
    path = f"/v1/albums/{'A' * 22}"
    server.answers[path] = first(1, drops, sends(b'{"state": "done"}'))
    assert Client(server.url(""), "key").album("A" * 22) == {"state": "done"}
    assert server.requests[path] == 2


def test_the_key_goes_to_nobody_else(server):
    path = f"/v1/albums/{'A' * 22}"
    server.answers[path] = redirects(server.url("/elsewhere"))
    with pytest.raises(ServiceError, match="302"):
        Client(server.url(""), "key").album("A" * 22)
    assert server.requests["/elsewhere"] == 0


def test_what_is_no_such_service_is_said(server):
    server.otherwise = sends(b"<html>")
    with pytest.raises(ServiceError, match="address"):
        Client(server.url(""), "key").album("A" * 22)
    server.otherwise = sends(b"[]", 500)
    with pytest.raises(ServiceError, match="answered 500"):
        Client(server.url(""), "key").album("A" * 22)


def test_a_service_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr("grouping.service.client.RETRIES", 0)
    with pytest.raises(ServiceError, match="cannot be reached") as failed:
        Client("http://127.0.0.1:9", "key").album("A" * 22)
    assert failed.value.status is None


def test_waiting_ends(server):
    server.otherwise = sends(b'{"state": "queued"}')
    with pytest.raises(ServiceError, match="still queued"):
        Client(server.url(""), "key").wait("A" * 22, seconds=0.3)
    server.otherwise = sends(b'{"state": "failed", "error": "no photo"}')
    with pytest.raises(ServiceError, match="no photo"):
        Client(server.url(""), "key").wait("A" * 22)


def test_a_name_in_an_address_leads_nowhere_else(server):
    with pytest.raises(ServiceError):
        Client(server.url(""), "key").person("A" * 22, "../../x?y#z")
    (path,) = server.requests
    assert path == f"/v1/albums/{'A' * 22}/people/..%2F..%2Fx%3Fy%23z"
