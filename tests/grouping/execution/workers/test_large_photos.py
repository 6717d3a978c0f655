"""Large photos go alone, and none is lost that waits for its turn."""

from grouping.errors import MemoryLimitError
from grouping.execution.workers.large_photos import OneLargeAtATime
from grouping.memory.budget import MemoryBudget
from grouping.records import Failure, PhotoFaces
from tests.grouping.execution.test_backends import chunks


def taken(photos):
    """The positions of the next chunk and whether it goes alone; None where there is none now."""
    chunk = next(photos, None)
    return chunk and ([position for position, _ in chunk], [work.alone for _, work in chunk])


def large_photos(*contents, size=3, ahead=100):
    budget = MemoryBudget(1000, 2, ahead, 50, chunk=10, usual=100, large=500, here=500)
    return OneLargeAtATime(iter(chunks(*contents, size=size)), budget)


SHORT = PhotoFaces(failure=Failure.of(MemoryLimitError("too little")))


def test_large_files_go_alone_and_one_at_a_time():
    photos = large_photos(b"a", b"x" * 20, b"y" * 20, b"b", b"c")
    assert taken(photos) == ([0], [False])
    assert taken(photos) == ([1], [True])
    assert taken(photos) == ([3, 4], [False, False])
    assert taken(photos) is None  # for now: a large one is worked on
    assert photos.is_done(0, PhotoFaces())
    assert taken(photos) is None
    assert photos.is_done(1, PhotoFaces())
    assert taken(photos) == ([2], [True])
    assert photos.is_done(2, SHORT)  # alone already: that is its result
    assert taken(photos) is None


def test_what_is_too_large_for_a_usual_share_is_looked_at_again_alone():
    photos = large_photos(b"a", b"b", b"c")
    assert taken(photos) == ([0, 1, 2], [False] * 3)
    assert photos.is_done(0, PhotoFaces())
    assert not photos.is_done(1, SHORT)
    assert not photos.is_done(2, SHORT)
    assert taken(photos) == ([1], [True])
    assert photos.is_done(1, PhotoFaces(width=3))
    assert taken(photos) == ([2], [True])


def test_large_photos_that_wait_are_bounded():
    photos = large_photos(*[b"x" * 30] * 20, size=1)
    assert taken(photos) == ([0], [True])
    assert taken(photos) is None
    assert len(photos._large) == 4  # of 30 bytes, where 100 may wait and one more
    for position in range(19):
        assert photos.is_done(position, PhotoFaces())
        assert taken(photos) == ([position + 1], [True])
