"""The file of the cache: private, shared by threads and processes, and safe from damage."""

import multiprocessing
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from grouping.errors import CacheError
from grouping.records import Fingerprint
from grouping.storage.cache import Cache
from grouping.storage.database.connection import cache_error
from tests.helpers.paths import ROOT
from tests.helpers.results.cache import assert_same, digest, result_for


def test_all_files_are_private(cache):
    cache.store(result_for("a"), "mtcnn", "small")
    files = list(cache.path.parent.iterdir())
    assert len(files) == 3  # the database, its log and its index
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_file_with_a_looser_mode_is_made_private(tmp_path):
    Cache.open(tmp_path / "cache").close()
    (tmp_path / "cache").chmod(0o644)
    Cache.open(tmp_path / "cache").close()
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["text", "cut", "middle"])
def test_a_damaged_file_is_moved_aside_with_a_warning(tmp_path, caplog, damage):
    path = tmp_path / "cache.sqlite"
    with Cache.open(path) as cache:
        for number in range(200):
            cache.store(result_for(f"{number}"), "mtcnn", "small")
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is not a database, it is a text of some length" * 100)
    elif damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[4096:12288] = random.Random(0).randbytes(8192)
    path.write_bytes(data)
    with Cache.open(path) as cache:
        assert cache.load(digest("0"), "mtcnn", "small") is None
        cache.store(result_for("0"), "mtcnn", "small")
    assert "moved aside" in caplog.text
    (aside,) = tmp_path.glob("cache.sqlite.damaged-*")
    assert aside.read_bytes() == data
    with Cache.open(path) as cache:
        assert_same(cache.load(digest("0"), "mtcnn", "small"), result_for("0"))


def test_damage_while_open_is_survived(tmp_path, caplog):
    path = tmp_path / "cache.sqlite"
    names = [str(number) for number in range(100)]
    with Cache.open(path) as cache:
        for name in names:  # more than SQLite keeps in memory, so that it reads again
            cache.store(result_for(name, faces=20, dimension=512), "mtcnn", "small")
    cache = Cache.open(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    for name in names:
        cache.load(digest(name), "mtcnn", "small")
        cache.store(result_for(name), "mtcnn", "small")
    assert "moved aside" in caplog.text
    assert_same(cache.load(digest("99"), "mtcnn", "small"), result_for("99"))
    cache.close()


def test_a_flipped_bit_in_a_row_makes_it_absent(tmp_path):
    """SQLite does not notice such a flip; the row's own checksum does."""
    path = tmp_path / "cache.sqlite"
    with Cache.open(path) as cache:
        cache.store(result_for("a"), "mtcnn", "small")
    data = bytearray(path.read_bytes())
    for column in ("embeddings", "boxes"):
        blob = getattr(result_for("a").faces, column).tobytes()
        damaged = bytearray(data)
        damaged[data.index(blob) + 2] ^= 1
        path.write_bytes(damaged)
        with Cache.open(path) as cache:
            assert cache.load(digest("a"), "mtcnn", "small") is None
            assert (cache.load_detections(digest("a"), "mtcnn") is None) == (column == "boxes")


@pytest.mark.parametrize("content", [b"my diary", b"\xff\xd8\xff" * 3000, b"x" * 100_000])
@pytest.mark.parametrize("existing", [0o644, 0o400])
def test_files_of_other_programs_are_left_alone(tmp_path, content, existing):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    path.chmod(existing)
    with pytest.raises(CacheError, match="another program"):
        Cache.open(path)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == existing
    assert list(tmp_path.iterdir()) == [path]


def test_other_databases_are_left_alone(tmp_path):
    path = tmp_path / "mail.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (text)")
    path.chmod(0o644)
    before = path.read_bytes()
    with pytest.raises(CacheError, match="another program"):
        Cache.open(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_places_that_cannot_hold_a_cache(tmp_path):
    with pytest.raises(CacheError, match="--cache"):
        Cache.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="--cache"):
        Cache.open(tmp_path / "file" / "cache.sqlite")


def test_threads_share_one_cache(cache):
    def work(number):
        for step in range(20):
            name = f"{number}-{step}"
            cache.store(result_for(name), "mtcnn", "small")
            cache.remember(Fingerprint(name, "1"), digest(name))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        for step in range(20):
            name = f"{number}-{step}"
            sha = cache.content_of(Fingerprint(name, "1"))
            assert_same(cache.load(sha, "mtcnn", "small"), result_for(name))


def _fill(path, names):
    with Cache.open(path) as cache:
        for name in names:
            cache.store(result_for(name), "mtcnn", "small")


def test_two_processes_share_one_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    spawn = multiprocessing.get_context("spawn")
    halves = [[f"{part}-{n}" for n in range(60)] for part in range(2)]
    workers = [spawn.Process(target=_fill, args=(path, names)) for names in halves]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with Cache.open(path) as cache:
        for name in halves[0] + halves[1]:
            assert_same(cache.load(digest(name), "mtcnn", "small"), result_for(name))


def _open_together(folder, barrier):
    for number in range(20):
        barrier.wait(30)
        Cache.open(folder / f"{number}.sqlite").close()


def test_processes_that_make_the_file_at_the_same_moment(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    workers = [spawn.Process(target=_open_together, args=(tmp_path, barrier)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]


WRITER = """
import sys
from tests.helpers.results.cache import result_for
from grouping.storage.cache import Cache
with Cache.open({path!r}) as cache:
    for number in range(10**6):
        cache.store(result_for(str(number)), "mtcnn", "small")
        print(number, flush=True)
"""


def _kill_while_writing(path: Path, seconds: float) -> int:
    """The number of the last result that a killed process said it had stored."""
    code = WRITER.format(path=str(path))
    writer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    said = [writer.stdout.readline()]
    killer = threading.Timer(seconds, writer.send_signal, [signal.SIGKILL])
    killer.start()
    said += writer.stdout.read().splitlines()
    writer.wait()
    return int([line for line in said if line.strip()][-1])


def _check_kills(path: Path, seconds: list[float], caplog) -> None:
    for pause in seconds:
        last = _kill_while_writing(path, pause)
        with Cache.open(path) as cache:
            for number in {0, last // 2, last}:
                name = str(number)
                assert_same(cache.load(digest(name), "mtcnn", "small"), result_for(name))
    assert "moved aside" not in caplog.text


def test_nothing_stored_is_lost_to_a_kill(tmp_path, caplog):
    _check_kills(tmp_path / "cache.sqlite", [0.05, 0.3], caplog)


@pytest.mark.slow
def test_nothing_stored_is_lost_to_twenty_kills(tmp_path, caplog):
    seconds = [random.Random(1).uniform(0.01, 1.5) for _ in range(20)]
    _check_kills(tmp_path / "cache.sqlite", seconds, caplog)


def test_a_name_of_the_schema_that_is_no_text_is_damage(tmp_path, caplog):
    """SQLite quotes it in its message, at which Python's module fails."""
    path = tmp_path / "cache.sqlite"
    Cache.open(path).close()
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE sources", b"CREATE \xceABLE sources"))
    with Cache.open(path) as cache:
        cache.store(result_for("0"), "mtcnn", "small")
        assert_same(cache.load(digest("0"), "mtcnn", "small"), result_for("0"))
    assert "moved aside" in caplog.text


def test_text_that_is_none_makes_one_row_absent(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache.open(path) as cache:
        for name in ("0", "1"):
            cache.store(result_for(name), "mtcnn", "small")
    with sqlite3.connect(path) as connection:
        text = "UPDATE detections SET warnings = CAST(x'5bce5d' AS TEXT) WHERE sha256 = ?"
        connection.execute(text, (digest("0"),))
    connection.close()
    with Cache.open(path) as cache:
        assert cache.load(digest("0"), "mtcnn", "small") is None
        assert_same(cache.load(digest("1"), "mtcnn", "small"), result_for("1"))


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE detections; CREATE VIEW detections AS WITH RECURSIVE n(i) AS (SELECT 1 UNION "
        "ALL SELECT i + 1 FROM n) SELECT i AS sha256, zeroblob(1000000000) AS boxes FROM n",
        "CREATE TRIGGER t AFTER INSERT ON sources BEGIN DELETE FROM sources; END",
        "CREATE TABLE other (a)",
        "DROP TABLE embeddings",
        "ALTER TABLE embeddings DROP COLUMN signs",
        "ALTER TABLE embeddings ADD COLUMN more AS (zeroblob(1000000000))",
    ],
)
def test_a_file_with_other_tables_than_ours_is_moved_aside(tmp_path, statement):
    """Whoever can write the file could have us read without end, or change what we write."""
    path = tmp_path / "cache.sqlite"
    Cache.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)
    with Cache.open(path) as cache:
        assert cache.content_of(Fingerprint("/a.jpg", "1")) is None
    assert [p for p in tmp_path.iterdir() if ".damaged-" in p.name]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "; free some space or name a file"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "; make it and its folder writable for you or name"),
        (sqlite3.SQLITE_BUSY, "; end the other run that uses it or name a file"),
        (sqlite3.SQLITE_IOERR, "; name a file on a local disk with --cache"),
    ],
)
def test_the_remedy_is_that_of_the_error(tmp_path, code, words):
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    assert words in str(cache_error(tmp_path / "c.sqlite", error))
    error = PermissionError(13, "Permission denied", "c.sqlite")
    said = str(cache_error(tmp_path / "c.sqlite", error))
    assert "used: Permission denied; make it writable for you or name a file" in said


def test_what_is_no_file_is_no_cache_and_keeps_its_mode(tmp_path):
    folder, pipe = tmp_path / "photos", tmp_path / "pipe"
    folder.mkdir(mode=0o755)
    os.mkfifo(pipe, 0o644)
    for path, mode in ((folder, 0o755), (pipe, 0o644)):
        with pytest.raises(CacheError, match=f"{path.name} is not a file; name a file"):
            Cache.open(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
