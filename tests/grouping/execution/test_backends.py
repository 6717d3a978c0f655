"""Every position comes out once, wherever the work is done."""

import pytest

from grouping.execution.backends import analyse_photos
from grouping.execution.workers.photo_work import PhotoWork
from grouping.memory.budget import split_memory
from grouping.records import PhotoFaces

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
