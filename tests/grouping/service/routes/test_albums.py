"""Albums over real HTTP, with the real networks; results are compared with the Python call's."""

import json
import re

import pytest

from grouping import face_recognition
from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from tests.helpers.paths import PHOTOS
from tests.helpers.services.albums import ended, form, grouped, upload
from tests.helpers.services.serving import client_of, serving

FILES = sorted(PHOTOS.glob("*.jpg"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("service") / "data"


@pytest.fixture(scope="module")
def app(data):
    return create_app(ServiceSettings(data, requests_a_minute=100_000, photos_a_job=12))


@pytest.fixture(scope="module")
def client(app):
    with serving(app) as url:
        yield client_of(app, url)


@pytest.fixture(scope="module")
def album(client):
    return grouped(client)


def pages(client, path, key):
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{path}?limit=2{cursor and '&cursor=' + cursor}").json
        assert len(page[key]) <= 2
        found += page[key]
        cursor = page["next_cursor"]
    return found


def test_an_album_of_uploads_is_what_the_python_call_finds(client, album):
    groups, images = face_recognition(FILES, min_photos=1, crops=False)
    assert album["counts"] == {
        **{"photos": len(FILES), "failed": 0, "without_face": 1, "copies": 0},
        **{"faces": sum(len(image["faces"]) for image in images), "people": len(groups)},
    }
    names = [path.name for path in FILES]
    found = pages(client, f"/v1/albums/{album['id']}/groups", "groups")
    assert [group["image_ids"] for group in found] == [
        [names[photo] for photo in group["image_ids"]] for group in groups
    ]
    photos = pages(client, f"/v1/albums/{album['id']}/images", "images")
    assert [photo["id"] for photo in photos] == names
    assert [[face["box"] for face in photo["faces"]] for photo in photos] == [
        [face["box"] for face in image["faces"]] for image in images
    ]
    assert {photo["url"] for photo in photos} == {None}  # of no place of the server


def test_a_person_has_faces_and_a_portrait(client, album):
    path = f"/v1/albums/{album['id']}"
    group = client.get(f"{path}/groups").json["groups"][0]
    person = client.get(f"{path}/people/{group['group_id']}").json
    assert len(person["all_faces"]) == group["faces"] == 4
    assert {face["group_id"] for face in person["all_faces"]} == {group["group_id"]}
    picture = client.get(group["portrait"])
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/jpeg")
    assert picture.body.startswith(b"\xff\xd8")
    assert client.get(f"{path}/people/p000000000000").code == "not_found"


def test_no_answer_names_a_place_of_the_server(client, album, data):
    path = f"/v1/albums/{album['id']}"
    for place in ("", "/groups", "/images"):
        assert str(data) not in client.get(path + place).body.decode()


def test_the_same_request_again_is_the_same_album(client, data):
    before = len(list((data / "albums").iterdir()))
    key = {"Idempotency-Key": "only once"}
    ids = {upload(client, FILES[:1], headers=key).json["id"] for _ in range(3)}
    assert len(ids) == 1
    assert len(list((data / "albums").iterdir())) == before + 1
    other = upload(client, FILES[1:2], headers=key)
    assert (other.status, other.code) == (409, "conflict")
    assert len(list((data / "albums").iterdir())) == before + 1


def test_photos_that_are_added_leave_people_their_ids(client):
    first, later = FILES[:3], FILES[3:]
    id = upload(client, first, settings={"min_photos": 1}).json["id"]
    ended(client, id)
    path = f"/v1/albums/{id}"
    before = {
        g["group_id"]: set(g["image_ids"]) for g in client.get(f"{path}/groups").json["groups"]
    }
    answer = upload(client, later, f"{path}/photos")
    assert (answer.status, answer.headers["Location"]) == (202, path)
    assert ended(client, id, 2)["counts"]["photos"] == len(FILES)
    after = {
        g["group_id"]: set(g["image_ids"]) for g in client.get(f"{path}/groups").json["groups"]
    }
    assert all(photos <= after[group] for group, photos in before.items())
    whole, _ = face_recognition(FILES, min_photos=1, crops=False)
    assert sorted(map(len, after.values())) == sorted(len(g["image_ids"]) for g in whole)


def test_names_merges_and_splits_hold_from_the_next_grouping_on(client):
    id = grouped(client)["id"]
    path = f"/v1/albums/{id}"
    first, second, third = client.get(f"{path}/groups").json["groups"]

    def change(revision, **changes):
        body = json.dumps({**changes, "revision": revision}).encode()
        answer = client.ask("PATCH", f"{path}/people", body, {"Content-Type": "application/json"})
        assert answer.status == 202, answer.body
        ended(client, id, revision + 1)
        return client.get(f"{path}/groups").json["groups"]

    groups = change(1, names=[{"group_id": first["group_id"], "name": 'B. "Bo" Öbama\\'}])
    assert (groups[0]["group_id"], groups[0]["name"]) == (first["group_id"], 'B. "Bo" Öbama\\')
    groups = change(2, merges=[[second["group_id"], third["group_id"]]])
    assert sorted(group["faces"] for group in groups) == [3, 4]
    faces = client.get(f"{path}/people/{first['group_id']}").json["all_faces"]
    taken = faces[-1]["face_idx"]
    groups = change(3, splits=[[taken]])
    assert sorted(group["faces"] for group in groups) == [1, 3, 3]
    groups = change(4, names=[{"group_id": first["group_id"], "name": "Barack"}])
    assert [g["name"] for g in groups if g["group_id"] == first["group_id"]] == ["Barack"]


def test_changes_of_faces_need_the_result_that_they_are_numbered_in(client, album):
    path = f"/v1/albums/{album['id']}/people"

    def answer(**body):
        sent = json.dumps(body).encode()
        return client.ask("PATCH", path, sent, {"Content-Type": "application/json"})

    assert answer(ignored=[0]).status == 422
    assert answer(ignored=[0], revision=7).code == "conflict"
    assert answer(ignored=[999], revision=1).status == 422
    assert answer(names=[{"group_id": "p0", "name": "x"}]).status == 422
    assert answer().status == 422
    assert client.get(f"/v1/albums/{album['id']}").json["revision"] == album["revision"]


def test_what_is_deleted_is_gone_to_the_byte(client, data):
    import numpy as np

    from grouping import AlbumIndex

    album = grouped(client)
    folder = data / "albums" / album["id"]
    vectors = AlbumIndex.open(folder).faces.embeddings
    needles = [FILES[0].read_bytes()[5000:5064], album["id"].encode()]
    needles += [np.asarray(vector, np.float32).tobytes()[:64] for vector in vectors]
    held = [path for path in data.rglob("*") if path.is_file()]
    assert all(any(needle in path.read_bytes() for path in held) for needle in needles)
    answer = client.ask("DELETE", f"/v1/albums/{album['id']}")
    assert (answer.status, answer.body) == (204, b"")
    assert not folder.exists()
    others = needles[1:]  # other albums of these tests have the same photo and faces
    held = [p for p in data.rglob("*") if p.is_file() and p.is_relative_to(data / "albums")]
    assert album["id"] not in "".join(map(str, held))
    base = [path.read_bytes() for path in data.glob("service.sqlite*")]
    assert not any(needle in content for content in base for needle in others)
    for path in ("", "/groups", "/images", "/people/p1", "/people/p1/portrait"):
        assert client.get(f"/v1/albums/{album['id']}{path}").status == 404
    assert client.ask("DELETE", f"/v1/albums/{album['id']}").status == 404


def test_photos_that_fail_are_counted_by_reason(client):
    files = [
        *FILES[:1],
        ("broken.jpg", b"\xff\xd8 nothing"),
        ("empty.jpg", b""),
        ("x.jpg", b"text"),
    ]
    id = upload(client, files).json["id"]
    album = ended(client, id)
    assert (album["state"], album["counts"]["failed"]) == ("done", 3)
    assert sum(album["failures"].values()) == 3
    photos = client.get(f"/v1/albums/{id}/images").json["images"]
    assert [photo["error"] is None for photo in photos] == [True, False, False, False]


def test_names_of_files_become_ids_that_nobody_mistakes(client, data):
    photo = FILES[0].read_bytes()
    names = ["../../../etc/passwd", "a.jpg", "a.jpg", "C:\\me\\b.jpg", "..", "\u202eevil"]
    id = upload(client, [(name, photo) for name in names]).json["id"]
    ended(client, id)
    photos = client.get(f"/v1/albums/{id}/images").json["images"]
    found = [photo["id"] for photo in photos]
    assert found == ["passwd", "a.jpg", "a.jpg (2)", "b.jpg", "..", "evil"]
    uploads = sorted(path.name for path in (data / "albums" / id / "uploads").iterdir())
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in uploads)
    assert not (data / "albums" / "a.jpg").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "needs photos"),
        ({"photos": [{"id": 1, "url": "http://a.example/x.jpg"}]}, "https"),
        ({"photos": [{"id": 1, "url": "file:///etc/passwd"}]}, "https"),
        ({"photos": [{"id": 1, "url": "/etc/passwd"}]}, "https"),
        ({"photos": [{"id": 1, "url": "s3://secret/x.jpg"}]}, "no bucket"),
        ({"prefix": "s3://secret/x"}, "no bucket"),
        ({"prefix": "/etc"}, "s3://"),
        ({"photos": [{"id": 1, "url": "https://a/b"}] * 2}, "two photos"),
        ({"photos": [{"id": True, "url": "https://a/b"}]}, "id"),
        ({"photos": [{"id": 1.5, "url": "https://a/b"}]}, "id"),
        ({"photos": [{"id": "a\nb", "url": "https://a/b"}]}, "printable"),
        ({"photos": [{"id": i, "url": "https://a/b"} for i in range(13)]}, "12 photos"),
        ({"photos": [{"id": 1, "url": "https://a/b"}], "settings": {"workers": 9}}, "workers"),
        ({"photos": [{"id": 1, "url": "https://a/b"}], "settings": {"checkpoint": "/x"}}, "check"),
        ({"photos": [{"id": 1, "url": "https://a/b"}], "webhook": {"url": "http://a"}}, "https"),
        ({"photos": [{"id": 1, "url": "https://a/b"}], "crops": True}, "crops"),
    ],
)
def test_what_may_not_be_named_is_refused_before_anything_is_kept(client, app, body, words):
    before = app.state.context.albums.numbers()
    answer = client.post_json("/v1/albums", body)
    assert (answer.status, answer.code) == (422, "invalid")
    assert words in answer.json["error"]["message"]
    assert app.state.context.albums.numbers() == before


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 422),
        ("application/json", b"[]", 422),
        ("application/json", b'{"photos": [{"id": 1, "url": "https://a/\xff"}]}', 422),
        ("text/plain", b"x", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhm\r\n--x--\r\n", 422),
        ("multipart/form-data; boundary=x", form([FILES[0]])[1][:1000], 400),
        ("multipart/form-data; boundary=" + "x" * 99, b"", 400),
    ],
)
def test_bodies_that_are_none_are_refused_and_leave_nothing(client, data, kind, body, status):
    before = sorted(data.rglob("*"))
    answer = client.ask("POST", "/v1/albums", body, {"Content-Type": kind})
    assert answer.status == status
    left = [path for path in set(data.rglob("*")) - set(before) if "audit" not in str(path)]
    assert left == []


def test_a_form_that_ends_early_leaves_no_upload(client, data):
    kind, body = form(FILES[:2])
    before = set((data / "albums").iterdir())
    answer = client.ask("POST", "/v1/albums", body[:-40], {"Content-Type": kind})
    assert answer.status == 400
    assert set((data / "albums").iterdir()) == before


def test_results_are_not_there_before_the_first_grouping(app, client):
    from grouping.service.store.records import NewPhoto

    app.state.context.runner.stop()  # of this app no job is taken any more
    album = app.state.context.albums.add("k", [NewPhoto("a", file="0" * 32)], queue_length=1000)
    answer = client.get(f"/v1/albums/{album.id}/groups")
    assert (answer.status, answer.code) == (409, "not_ready")
    assert client.get("/readyz").status == 503
