"""The cache: what goes in comes out, damage is survived, forgotten is gone from every byte."""

import multiprocessing
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from grouping.cache import Cache
from grouping.errors import CacheError, InputError
from grouping.photo import Fingerprint, LocalPhoto
from grouping.records import FaceSet, Failure, PhotoFaces

ROOT = Path(__file__).resolve().parents[2]


def result_for(name: str, faces: int = 3, dimension: int = 16) -> PhotoFaces:
    """A result that depends on ``name`` alone, so that another process can make it too."""
    random = np.random.default_rng(list(name.encode()))
    vectors = random.normal(size=(faces, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns = {
        column: random.random((faces, *shape)).astype(np.float32)
        for column, shape in [
            ("boxes", (4,)),
            ("scores", ()),
            ("landmarks", (5, 2)),
            ("quality", ()),
            ("measures", (6,)),
        ]
    }
    face_set = FaceSet(photo_index=np.zeros(faces, np.int32), embeddings=vectors, **columns)
    return PhotoFaces(640, 480, face_set, sha256=digest(name), warnings=("truncated",))


def digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def assert_same(a: PhotoFaces, b: PhotoFaces) -> None:
    for column in ("boxes", "scores", "landmarks", "quality", "measures", "embeddings"):
        np.testing.assert_array_equal(getattr(a.faces, column), getattr(b.faces, column))
    assert (a.width, a.height, a.sha256, a.warnings) == (b.width, b.height, b.sha256, b.warnings)


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture
def cache(tmp_path):
    with Cache.open(tmp_path / "store" / "cache.sqlite") as opened:
        yield opened


def test_results_come_back_bit_by_bit_after_reopening(tmp_path):
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        cache.store(result_for("a"), "mtcnn", "ir50")
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        assert_same(cache.load(digest("a"), "mtcnn", "ir50"), result_for("a"))
        assert cache.load(digest("b"), "mtcnn", "ir50") is None
        assert cache.load(digest("a"), "other", "ir50") is None


def test_another_model_keeps_the_detections(cache):
    cache.store(result_for("a"), "mtcnn", "small")
    assert cache.load(digest("a"), "mtcnn", "large") is None
    detected = cache.load_detections(digest("a"), "mtcnn")
    np.testing.assert_array_equal(detected.detections.boxes, result_for("a").faces.boxes)
    vectors = np.eye(3, 8, dtype=np.float32)
    cache.store(detected.with_embeddings(digest("a"), vectors), "mtcnn", "large")
    np.testing.assert_array_equal(
        cache.load(digest("a"), "mtcnn", "large").faces.embeddings, vectors
    )
    assert_same(cache.load(digest("a"), "mtcnn", "small"), result_for("a"))


def test_a_photo_without_faces_is_known_for_every_model(cache):
    cache.store(PhotoFaces(10, 20, sha256=digest("sky")), "mtcnn", "small")
    known = cache.load(digest("sky"), "mtcnn", "large")
    assert (known.width, known.height, len(known.faces)) == (10, 20, 0)


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        (Failure("decode", "not an image"), True),
        (Failure("decode", "out of memory", retryable=True), False),
        (Failure("fetch", "404"), False),
        (Failure("process", "bug"), False),
    ],
)
def test_only_failures_for_good_are_kept(cache, failure, kept):
    cache.store(PhotoFaces(sha256=digest("bad"), failure=failure), "mtcnn", "small")
    known = cache.load(digest("bad"), "mtcnn", "small")
    assert (known is not None) == kept
    assert not kept or known.failure == failure


def test_a_result_of_unknown_bytes_is_refused(cache):
    with pytest.raises(InputError):
        cache.store(PhotoFaces(), "mtcnn", "small")


def test_places_lead_to_content_until_the_version_changes(cache):
    cache.remember(Fingerprint("/a.jpg", "1"), digest("one"))
    assert cache.content_of(Fingerprint("/a.jpg", "1")) == digest("one")
    assert cache.content_of(Fingerprint("/a.jpg", "2")) is None
    assert cache.content_of(Fingerprint("/b.jpg", "1")) is None
    cache.remember(Fingerprint("/a.jpg", "2"), digest("two"))
    assert cache.content_of(Fingerprint("/a.jpg", "2")) == digest("two")


def test_places_without_a_version_are_never_trusted(cache):
    for fingerprint in (None, Fingerprint("http://a.example/x.jpg", None)):
        cache.remember(fingerprint, digest("one"))
        assert cache.content_of(fingerprint) is None


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


def test_other_databases_are_left_alone(tmp_path):
    path = tmp_path / "mail.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (text)")
    before = path.read_bytes()
    with pytest.raises(CacheError, match="another program"):
        Cache.open(path)
    assert path.read_bytes() == before


def test_places_that_cannot_hold_a_cache(tmp_path):
    with pytest.raises(CacheError, match="--cache"):
        Cache.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="--cache"):
        Cache.open(tmp_path / "file" / "cache.sqlite")


def test_forgetting_leaves_no_byte(cache, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    for name, place in [("one", photo), ("two", tmp_path / "two.jpg")]:
        cache.store(result_for(name), "mtcnn", "small")
        cache.remember(Fingerprint(str(place), "1"), digest(name))
    folder = cache.path.parent
    (folder / "cache.sqlite.damaged-1").write_bytes(b"who knows")
    vectors = {name: result_for(name).faces.embeddings.tobytes() for name in ("one", "two")}
    boxes = result_for("one").faces.boxes.tobytes()
    assert vectors["one"] in bytes_on_disk(folder)

    assert cache.forget([photo, "https://a.example/unknown.jpg"]) == [
        "https://a.example/unknown.jpg"
    ]
    left = bytes_on_disk(folder)
    for trace in (vectors["one"], boxes, digest("one").encode(), str(photo).encode()):
        assert trace not in left
    assert not list(folder.glob("*damaged*"))
    assert_same(cache.load(digest("two"), "mtcnn", "small"), result_for("two"))


def test_a_photo_is_forgotten_under_every_name_and_in_every_version(cache, tmp_path):
    place = str(tmp_path / "a.jpg")
    for name, key in [("new", place), ("old", place), ("new", str(tmp_path / "copy.jpg"))]:
        cache.store(result_for(name), "mtcnn", "small")
        cache.remember(Fingerprint(key, name), digest(name))
    assert cache.forget([place]) == []
    assert cache.load(digest("old"), "mtcnn", "small") is None
    assert cache.content_of(Fingerprint(str(tmp_path / "copy.jpg"), "new")) is None


def test_a_renamed_file_is_forgotten_by_its_content(cache, tmp_path):
    cache.store(result_for("one"), "mtcnn", "small")
    cache.remember(Fingerprint("/earlier/name.jpg", "1"), digest("one"))
    (tmp_path / "now.jpg").write_bytes(b"one")
    assert cache.forget([tmp_path / "now.jpg"]) == []
    assert cache.load(digest("one"), "mtcnn", "small") is None


def test_signed_addresses_are_forgotten_by_their_plain_part(cache):
    cache.store(result_for("one"), "mtcnn", "small")
    cache.remember(Fingerprint("https://a.example/x.jpg?...", None), digest("one"))
    assert cache.forget(["https://a.example/x.jpg?X-Amz-Signature=other"]) == []
    assert cache.load(digest("one"), "mtcnn", "small") is None


def test_erasing_leaves_no_byte(cache):
    for name in ("one", "two"):
        cache.store(result_for(name, faces=40), "mtcnn", "small")
        cache.remember(Fingerprint(f"/secret/{name}.jpg", "1"), digest(name))
    cache.erase()
    left = bytes_on_disk(cache.path.parent)
    for name in ("one", "two"):
        vectors = result_for(name, faces=40).faces.embeddings
        assert not any(row.tobytes() in left for row in vectors)
    assert b"/secret/" not in left
    assert cache.load(digest("one"), "mtcnn", "small") is None


def test_forgetting_says_so_when_another_run_holds_old_pages(cache):
    cache.store(result_for("one"), "mtcnn", "small")
    reader = sqlite3.connect(cache.path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM detections").fetchone()
    cache._connection.execute("PRAGMA busy_timeout = 100")
    with pytest.raises(CacheError, match=r"another run|locked"):
        cache.erase()
    reader.close()
    cache.erase()


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
sys.path[:0] = [{tests!r}, {root!r}]
from test_cache import Cache, result_for
with Cache.open({path!r}) as cache:
    for number in range(10**6):
        cache.store(result_for(str(number)), "mtcnn", "small")
        print(number, flush=True)
"""


def _kill_while_writing(path: Path, seconds: float) -> int:
    """The number of the last result that a killed process said it had stored."""
    code = WRITER.format(tests=str(ROOT / "tests/grouping"), root=str(ROOT), path=str(path))
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
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


def test_a_thousand_known_photos_are_looked_up_in_no_time(tmp_path):
    """Whole second runs over 1,000 photos are to take seconds; this part must not show."""
    cache = Cache.open(tmp_path / "cache.sqlite")
    result = result_for("x", faces=5, dimension=512)
    photos = []
    for number in range(1000):
        path = tmp_path / f"{number}.jpg"
        path.touch()
        photos.append(LocalPhoto.at(path))
        cache.remember(photos[-1].fingerprint(), result.sha256)
    cache.store(result, "mtcnn", "small")
    start = time.process_time()
    for photo in photos:
        assert cache.load(cache.content_of(photo.fingerprint()), "mtcnn", "small") is not None
    assert time.process_time() - start < 1.5
    cache.close()


def test_importing_the_cache_does_not_load_the_networks():
    code = (
        "import sys, grouping.cache, grouping.sources, grouping.prefetch;"
        "print([m for m in ('torch', 'boto3', 'sklearn', 'PIL', 'urllib3') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
