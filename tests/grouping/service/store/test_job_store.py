"""The queue on both databases: whoever looks, a job is done once."""

import threading
import time
from collections import Counter

import pytest
from sqlalchemy import select, update

from grouping.service.store import jobs as jobs_module
from grouping.service.store.albums import AlbumStore
from grouping.service.store.jobs import JobStore, Notice
from grouping.service.store.records import NewPhoto
from grouping.service.store.store import Store
from grouping.service.store.tables import albums as album_table
from grouping.service.store.tables import notices

MANY = {"queue_length": 1000}
ENDED = {"progress": {}, "counts": {"people": 1}, "failures": {}}


@pytest.fixture
def store(database):
    return Store(database)


def added(store, count=1, **more):
    albums = AlbumStore(store)
    photos = [NewPhoto("a", url="https://a/a")]
    return [albums.add("key", photos, **MANY, **more).id for _ in range(count)]


def test_jobs_are_taken_in_the_order_they_came(store):
    ids = added(store, 3)
    jobs = JobStore(store, 30)
    assert [jobs.claim().album.id for _ in ids] == ids
    assert jobs.claim() is None


def test_many_threads_and_connections_take_each_job_once(database):
    ids = added(Store(database), 40)
    taken, lock = Counter(), threading.Lock()

    def work():
        jobs = JobStore(Store(database), 30)
        while (job := jobs.claim()) is not None:
            with lock:
                taken[job.album.id] += 1
            assert jobs.beat(job, {"done": 1})
            assert jobs.finish(job, **ENDED)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == dict.fromkeys(ids, 1)
    records = [AlbumStore(Store(database)).get(id) for id in ids]
    assert {(record.state, record.runs) for record in records} == {("done", 1)}


def test_a_job_whose_process_died_is_taken_over_and_what_that_one_says_is_not_heard(store):
    (id,) = added(store)
    mine, others = JobStore(store, 0.2), JobStore(store, 30)
    first = mine.claim()
    assert others.claim() is None
    time.sleep(0.3)
    second = others.claim()
    assert second.album.id == id
    assert not mine.beat(first, {})
    assert not mine.finish(first, **ENDED)
    assert not mine.fail(first, "late")
    assert not mine.put_back(first)
    assert AlbumStore(store).get(id).state == "running"
    assert others.finish(second, **ENDED)


def test_a_heartbeat_keeps_a_job(store):
    added(store)
    jobs = JobStore(store, 0.4)
    job = jobs.claim()
    for done in range(4):
        time.sleep(0.2)
        assert jobs.beat(job, {"done": done})
        assert jobs.claim() is None
    assert AlbumStore(store).get(job.album.id).progress == {"done": 3}


def test_what_is_put_back_is_taken_next(store):
    first, _ = added(store, 2)
    jobs = JobStore(store, 30)
    job = jobs.claim()
    assert job.album.id == first
    assert jobs.put_back(job)
    assert AlbumStore(store).get(first).state == "queued"
    assert jobs.claim().album.id == first


def test_photos_that_come_while_a_job_is_at_work_make_another_one(store):
    (id,) = added(store)
    albums, jobs = AlbumStore(store), JobStore(store, 30)
    job = jobs.claim()
    changed = albums.change(id, [NewPhoto("b", url="https://a/b")], most_photos=9, **MANY)
    assert (changed.state, changed.wanted) == ("running", 2)
    assert jobs.finish(job, **ENDED)
    assert (albums.get(id).state, albums.get(id).done) == ("queued", 1)
    assert jobs.finish(jobs.claim(), **ENDED)
    assert (albums.get(id).state, albums.get(id).done) == ("done", 2)
    assert jobs.claim() is None


def test_a_job_that_ends_its_process_again_and_again_is_given_up(store, monkeypatch):
    monkeypatch.setattr(jobs_module, "MOST_STARTS", 3)
    poison, good = added(store, 2)
    jobs = JobStore(store, 0.01)
    for _ in range(3):
        assert jobs.claim().album.id == poison
        time.sleep(0.02)
    assert jobs.claim().album.id == good
    record = AlbumStore(store).get(poison)
    assert record.state == "failed"
    assert "ended the process" in record.error


def test_a_job_that_was_stopped_on_purpose_does_not_count_as_one_that_died(store):
    added(store)
    jobs = JobStore(store, 30)
    for _ in range(2 * jobs_module.MOST_STARTS):
        assert jobs.put_back(jobs.claim())
    assert jobs.claim() is not None


def test_the_end_of_a_job_and_its_notice_are_written_together(store):
    added(store, webhook="https://a/hook")
    jobs = JobStore(store, 30)
    job = jobs.claim()
    notice = Notice("n1", "https://a/hook", b"{}")
    assert jobs.finish(job, **ENDED, notice=notice)
    assert not jobs.finish(job, **ENDED, notice=Notice("n2", "https://a/hook", b"{}"))
    with store.reading() as connection:
        assert connection.execute(select(notices.c.id)).scalars().all() == ["n1"]


def test_an_album_that_is_erased_while_a_job_is_at_it_stops_the_job(store):
    (id,) = added(store)
    albums, jobs = AlbumStore(store), JobStore(store, 30)
    job = jobs.claim()
    assert albums.begin_erasing(id) is False
    assert albums.get(id) is None
    assert not jobs.beat(job, {})
    assert albums.to_erase(None) == []
    assert jobs.put_back(job)
    assert albums.to_erase(None) == [id]
    albums.erase(id)
    assert albums.numbers() == {}


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_an_album_that_was_deleted_is_free_once_its_job_ends_whatever_the_end(store, end):
    (id,) = added(store)
    albums, jobs = AlbumStore(store), JobStore(store, 30)
    job = jobs.claim()
    assert albums.begin_erasing(id) is False
    assert albums.to_erase(None) == []
    kept = jobs.finish(job, **ENDED) if end == "finish" else jobs.fail(job, "no luck")
    assert kept is False
    assert albums.to_erase(None) == [id]


def test_a_clock_that_is_put_back_holds_no_job_up(store):
    (id,) = added(store)
    jobs = JobStore(store, 30)
    jobs.claim()
    with store.writing() as connection:
        lease = {"lease_until": store.now(connection) + 30 + 3600}
        connection.execute(update(album_table).where(album_table.c.id == id).values(lease))
    assert jobs.claim().album.id == id
    assert jobs.claim() is None
