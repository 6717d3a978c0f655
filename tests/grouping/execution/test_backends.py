"""Every position comes out once, wherever the work is done."""

import pytest

from grouping.errors import MemoryLimitError
from grouping.execution.backends import analyse_photos
from grouping.execution.large_photos import OneLargeAtATime
from grouping.execution.photo_work import PhotoWork
from grouping.memory.budget import MemoryBudget, split_memory
from grouping.records import Failure, PhotoFaces

HERE = split_memory(2**40, 0, 0)


class Models:
    """Stands in for the networks; a photo of "bug" is one that no code foresaw."""

    detection = embedding = None

    @staticmethod
    def analyser(photos, pictures=False):
        if b"bug" in photos:
            raise KeyError("bug")
        return [PhotoFaces(width=len(photo)) for photo in photos]


def chunks(*contents, size=3):
    numbered = [(i, PhotoWork(data)) for i, data in enumerate(contents)]
    return [numbered[i : i + size] for i in range(0, len(numbered), size)]


def test_one_photo_that_no_code_foresaw_fails_alone():
    results = dict(analyse_photos(Models(), chunks(b"a", b"bug", b"abc", b"ab"), HERE))
    assert {i: result.width for i, result in results.items()} == {0: 1, 1: 0, 2: 3, 3: 2}
    assert results[1].failure.reason == "KeyError: 'bug'"
    assert results[1].failure.retryable
    assert [i for i, result in results.items() if result.failure] == [1]


@pytest.mark.parametrize("workers", [0, 2])
def test_no_work_starts_nothing(workers):
    class Refusing(Models):
        """Networks that would not load."""

        detection = property(lambda self: 1 / 0)
        analyser = property(lambda self: 1 / 0)

    assert list(analyse_photos(Refusing(), [], split_memory(2**40, workers, 0))) == []


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
