import pytest

from grouping.service.store.albums import AlbumStore
from grouping.service.store.jobs import JobStore
from grouping.service.store.listing import Place, listed_albums
from grouping.service.store.records import NewPhoto
from grouping.service.store.store import Store

PHOTO = [NewPhoto("a", url="https://a/a")]


@pytest.fixture
def store(database):
    return Store(database)


def pages(store, limit, **more):
    """The ids of each page."""
    found, after = [], None
    while page := listed_albums(store, after=after, limit=limit, **more):
        found.append([album.id for album in page])
        after = Place(page[-1].created, page[-1].id)
    return found


def test_pages_hold_each_album_once_the_newest_first(store, monkeypatch):
    kept = AlbumStore(store)
    times = iter([5.25, 7.1, 7.1, 7.1, 9.000001])  # three of one instant
    monkeypatch.setattr(Store, "now", lambda self, connection: next(times))
    ids = [kept.add("k", PHOTO, queue_length=9).id for _ in range(5)]
    expected = [ids[4], *sorted(ids[1:4], reverse=True), ids[0]]
    for limit in (1, 2, 3, 5, 9):
        found = pages(store, limit)
        assert [id for page in found for id in page] == expected
        assert all(len(page) == limit for page in found[:-1])


def test_albums_are_told_by_state_and_not_once_they_are_erased(store):
    kept, jobs = AlbumStore(store), JobStore(store, 30)
    ids = [kept.add("k", PHOTO, queue_length=9).id for _ in range(3)]
    jobs.fail(jobs.claim(), "no photo")
    assert pages(store, 9, state="failed") == [[ids[0]]]
    assert pages(store, 9, state="queued") == [[ids[2], ids[1]]]
    assert pages(store, 9, state="done") == []
    kept.begin_erasing(ids[1])
    assert pages(store, 9) == [[ids[2], ids[0]]]


def test_what_comes_and_goes_between_two_pages_moves_nobody(store):
    kept = AlbumStore(store)
    ids = [kept.add("k", PHOTO, queue_length=99).id for _ in range(6)]
    first = listed_albums(store, limit=3)
    kept.erase(ids[5])
    kept.erase(ids[3])  # the last one of the page, which the next one begins after
    kept.add("k", PHOTO, queue_length=99)
    after = Place(first[-1].created, first[-1].id)
    assert [album.id for album in listed_albums(store, after=after, limit=9)] == ids[2::-1]
