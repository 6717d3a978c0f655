import threading

import pytest

from grouping.service.store.albums import AlbumStore
from grouping.service.store.jobs import JobStore
from grouping.service.store.records import (
    NewPhoto,
    QueueFullError,
    Repeat,
    RepeatError,
    TooManyPhotosError,
)
from grouping.service.store.store import Store

PHOTOS = [NewPhoto("a", url="https://a/a?signature=1"), NewPhoto(7, file="f" * 32)]
MANY = {"queue_length": 1000}
ENDED = {"progress": {}, "counts": {}, "failures": {}}


@pytest.fixture
def albums(database):
    return AlbumStore(Store(database))


def test_what_is_kept_comes_back(albums):
    more = {"settings": {"min_photos": 1}, "prefixes": ["s3://b/x"], "webhook": "https://a/h"}
    album = albums.add("key", PHOTOS, **more, **MANY)
    assert albums.get(album.id) == album
    assert (album.state, album.photos, album.wanted, album.done) == ("queued", 2, 1, 0)
    assert (album.settings, album.prefixes, album.webhook) == tuple(more.values())
    assert albums.photos_of(album.id) == PHOTOS
    assert albums.known_ids(album.id, ["a", "7", 7, "b"]) == {"a", 7}
    assert albums.uploads(album.id) == {"f" * 32}
    assert albums.uploads("x" * 22) is None


def test_a_full_queue_takes_no_more_until_a_job_is_taken(albums, database):
    albums.add("key", PHOTOS, queue_length=1)
    with pytest.raises(QueueFullError):
        albums.add("key", PHOTOS, queue_length=1)
    JobStore(Store(database), 30).claim()
    albums.add("key", PHOTOS, queue_length=1)


def test_an_album_takes_so_many_photos(albums):
    album = albums.add("key", PHOTOS, **MANY)
    with pytest.raises(TooManyPhotosError):
        albums.change(album.id, [NewPhoto("c", url="https://a/c")], most_photos=2, **MANY)
    assert albums.photos_of(album.id) == PHOTOS


def test_what_is_refused_meanwhile_changes_nothing(albums):
    album = albums.add("key", PHOTOS, **MANY)

    def refuse(_):
        raise LookupError

    new = [NewPhoto("c", url="https://a/c")]
    with pytest.raises(LookupError):
        albums.change(album.id, new, most_photos=9, **MANY, meanwhile=refuse)
    assert albums.get(album.id).wanted == 1
    assert albums.photos_of(album.id) == PHOTOS


def test_the_same_request_again_makes_one_album_also_at_the_same_time(albums, database):
    repeat = Repeat("key", "1" * 64, "2" * 64)
    found, lock = [], threading.Lock()

    def work():
        album = AlbumStore(Store(database)).add("key", PHOTOS, repeat=repeat, **MANY)
        with lock:
            found.append(album.id)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert len(set(found)) == 1
    assert albums.numbers() == {"queued": 1}


def test_another_request_with_the_same_key_is_refused_and_another_caller_is_another(albums):
    albums.add("key", PHOTOS, repeat=Repeat("key", "1" * 64, "2" * 64), **MANY)
    with pytest.raises(RepeatError):
        albums.add("key", PHOTOS, repeat=Repeat("key", "1" * 64, "3" * 64), **MANY)
    albums.add("other", PHOTOS, repeat=Repeat("other", "1" * 64, "3" * 64), **MANY)
    assert albums.numbers() == {"queued": 2}


def test_photos_are_added_once_whoever_repeats_the_request(albums):
    album = albums.add("key", PHOTOS, **MANY)
    more = {"most_photos": 9, "repeat": Repeat("key", "4" * 64, "5" * 64), **MANY}
    for _ in range(2):
        changed = albums.change(album.id, [NewPhoto("c", url="https://a/c")], **more)
        assert (changed.photos, changed.wanted) == (3, 2)


def test_requests_are_forgotten_after_a_while(albums):
    repeat = Repeat("key", "1" * 64, "2" * 64)
    first = albums.add("key", PHOTOS, repeat=repeat, **MANY)
    albums.forget_requests(1000)
    assert albums.add("key", PHOTOS, repeat=repeat, **MANY).id == first.id
    albums.forget_requests(-1)
    assert albums.add("key", PHOTOS, repeat=repeat, **MANY).id != first.id


def test_old_albums_are_due_unless_they_wait(albums, database):
    old, waits = (albums.add("key", PHOTOS, **MANY).id for _ in range(2))
    jobs = JobStore(Store(database), 30)
    jobs.finish(jobs.claim(), **ENDED)
    assert albums.to_erase(1000) == []
    assert albums.to_erase(-1) == [old]
    assert albums.get(waits).state == "queued"


def test_no_byte_of_an_erased_album_stays_in_files_of_sqlite(tmp_path):
    albums = AlbumStore(Store(f"sqlite:///{tmp_path / 's.sqlite'}"))
    words = [b"grandma-at-the-beach", b"hush-hush-signature", b"secret-place"]
    photos = [NewPhoto("grandma-at-the-beach", url="https://a/b?hush-hush-signature")] * 1
    id = albums.add("key", photos, prefixes=["s3://secret-place/x"], **MANY).id
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [word for word in words if word not in held] == []
    albums.begin_erasing(id)
    albums.erase(id)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [word for word in [*words, id.encode()] if word in held] == []
