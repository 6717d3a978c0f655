"""Two services on one PostgreSQL with one data folder: jobs done once, whoever is killed."""

import json
import random
import re
import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from grouping.service.store.albums import AlbumStore
from grouping.service.store.records import NewPhoto, Repeat
from grouping.service.store.store import Store
from grouping.service.store.tables import albums, notices, photos
from tests.end_to_end.test_serve import FILES, expected, sizes, variant
from tests.helpers.paths import ROOT
from tests.helpers.services import postgres
from tests.helpers.services.albums import ended, upload
from tests.helpers.services.serve_command import ServeCommand

OPERATION = ROOT / "docs" / "service-operation.md"
FAST = ("--lease-seconds", "1", "--requests-a-minute", "100000")


@pytest.fixture(scope="module")
def server():
    with postgres.postgres_or_skip() as socket:
        yield socket


class Pair:
    """Two services that share all; one is killed and started again now and then."""

    def __init__(self, data, database):
        self._words = (data, *FAST, "--database", database)
        one = ServeCommand(*self._words)
        self.key = one.client.key
        self.both = [one, ServeCommand(*self._words, key=self.key)]
        self.logs = [service.log for service in self.both]

    def client(self, number):
        return self.both[number % 2].client

    def kill(self, number):
        self.both[number % 2].kill()
        self.both[number % 2] = ServeCommand(*self._words, key=self.key)
        self.logs.append(self.both[number % 2].log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for service in self.both:
            service.kill()

    def ends(self, how):
        return sum(log.read_text().count(f"end {how}") for log in self.logs)


def rows(database, query):
    store = Store(database)
    try:
        with store.reading() as connection:
            return connection.execute(query).all()
    finally:
        store.close()


def killed(tmp_path, server, count, kills, draw, paths):
    database = postgres.new_database(server, tmp_path.name)
    with Pair(tmp_path / "data", database) as pair:
        sent = []
        for number in range(count):
            files = [variant(path, number) for path in paths]
            answer = upload(pair.client(number), files, settings={"min_photos": 1})
            assert answer.status == 202, answer.body
            sent.append(answer.json["id"])
        for number in range(kills):
            time.sleep(draw.uniform(0.3, 2.0))
            pair.kill(number)
        wanted = expected([variant(path, 0) for path in paths])
        for id in sent:
            for number in range(2):  # both answer for every album
                album = ended(pair.client(number), id, seconds=240)
                assert (album["state"], album["revision"]) == ("done", 1)
                assert sizes(pair.client(number), id) == wanted
        assert pair.ends("failed") == 0
        found = rows(database, select(albums.c.state, albums.c.runs, albums.c.lease))
        assert [tuple(row) for row in found] == [("done", 1, None)] * count
        return pair.ends("done")


def test_jobs_of_two_services_are_done_once_though_one_is_killed(tmp_path, server):
    done = killed(tmp_path, server, 4, 2, random.Random(5), FILES[2:5])
    assert done <= 4  # one that was killed may not have said so


@pytest.mark.slow
def test_thirty_albums_and_eight_kills(tmp_path, server):
    assert killed(tmp_path, server, 30, 8, random.Random(), FILES[2:4]) <= 30


def test_both_know_what_either_was_told(tmp_path, server):
    database = postgres.new_database(server, tmp_path.name)
    with Pair(tmp_path / "data", database) as pair:
        one, other = pair.client(0), pair.client(1)
        files = [variant(path, 0) for path in FILES[:4]]
        again = {"Idempotency-Key": "the same"}
        with ThreadPoolExecutor(8) as pool:  # the same request, at once, to both
            asked = [
                pool.submit(
                    upload, pair.client(n), files, headers=again, settings={"min_photos": 1}
                )
                for n in range(8)
            ]
            answers = [future.result() for future in asked]
        assert {answer.status for answer in answers} == {202}
        (id,) = {answer.json["id"] for answer in answers}
        ended(one, id)
        path = f"/v1/albums/{id}"
        group = other.get(f"{path}/groups").json["groups"][0]["group_id"]
        name = {"names": [{"group_id": group, "name": "Grandma"}]}
        assert one.get(f"{path}/people/{group}").json["name"] is None
        assert other.ask("PATCH", f"{path}/people", *as_json(name)).status == 202
        for client in (one, other):
            ended(client, id, revision=2)
            assert client.get(f"{path}/people/{group}").json["name"] == "Grandma"
        assert one.ask("DELETE", path).status in (202, 204)
        assert other.get(path).status == 404
        until = time.monotonic() + 90
        while any((tmp_path / "data" / "albums").iterdir()):
            assert time.monotonic() < until
            time.sleep(0.2)
        for table in (photos, notices):
            assert rows(database, select(func.count()).select_from(table))[0][0] == 0


def test_a_backup_that_was_taken_meanwhile_comes_back(tmp_path, server):
    """As docs/service-operation.md says it: first the store, then the folder."""
    database, programs = postgres.new_database(server, tmp_path.name), postgres.programs()
    place = ["-h", server, "-U", "tests"]
    with ServeCommand(tmp_path / "data", "--database", database) as service:
        key, files = service.client.key, [variant(path, 0) for path in FILES]
        id = upload(service.client, files, settings={"min_photos": 1}).json["id"]
        ended(service.client, id)
        wanted = sizes(service.client, id)
        dump, archive = tmp_path / "albums.dump", tmp_path / "albums.tar"
        for command in (
            [programs / "pg_dump", *place, "-Fc", "-f", dump, tmp_path.name],
            ["tar", "-C", tmp_path, "-cf", archive, "data"],
        ):
            subprocess.run(command, check=True)
        assert service.client.ask("DELETE", f"/v1/albums/{id}").status == 204
    restored = postgres.new_database(server, f"{tmp_path.name}_again")
    (tmp_path / "other").mkdir()
    for command in (
        [programs / "pg_restore", *place, "-d", f"{tmp_path.name}_again", dump],
        ["tar", "-C", tmp_path / "other", "-xf", archive],
    ):
        subprocess.run(command, check=True)
    with ServeCommand(tmp_path / "other" / "data", "--database", restored, key=key) as service:
        assert sizes(service.client, id) == wanted
        answer = service.client.post_photos(f"/v1/albums/{id}/find", ("selfie", files[2][1]))
        assert (answer.status, answer.json["found"]) == (200, True)
        assert service.client.ask("DELETE", f"/v1/albums/{id}").status == 204


def test_a_full_vacuum_leaves_nothing_of_erased_rows_in_the_tables(tmp_path, server):
    database, told = postgres.new_database(server, tmp_path.name), "very-private-name"
    store = Store(database)
    kept = AlbumStore(store)
    urls = [NewPhoto(number, url=f"https://x.example/{told}-{number}.jpg") for number in range(50)]
    repeat = Repeat("key", "r" * 64, "d" * 64)
    album = kept.add("key", urls, queue_length=9, repeat=repeat)
    kept.begin_erasing(album.id)
    kept.erase(album.id)
    store.close()

    def in_tables():
        files = [path for path in (Path(server) / "data" / "base").rglob("*") if path.is_file()]
        data = b"".join(path.read_bytes() for path in files)
        return [word for word in (told, album.id) if word.encode() in data]

    said = re.search(r"^psql (.*)$", OPERATION.read_text(), re.MULTILINE)[1]
    psql = [postgres.programs() / "psql", "-h", server, "-U", "tests", "-q", "-d", tmp_path.name]
    subprocess.run([*psql, "-c", "CHECKPOINT"], check=True)
    assert told in in_tables()  # why there is something to say
    subprocess.run([*psql, *shlex.split(said), "-c", "CHECKPOINT"], check=True)
    assert in_tables() == []


def as_json(value):
    return json.dumps(value).encode(), {"Content-Type": "application/json"}
