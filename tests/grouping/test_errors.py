"""The tree of errors, and what results and messages say of an error."""

import inspect

import pytest

from grouping import errors
from grouping.errors import FetchError, GroupingError, Interrupted, ThrottledError, one_line
from grouping.records import Failure

CLASSES = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if error.__module__ == errors.__name__
]


def test_the_docstring_draws_every_class():
    for error in CLASSES:
        assert error.__name__ in errors.__doc__


def test_all_are_grouping_errors_but_for_the_wish_to_stop():
    assert [e for e in CLASSES if not issubclass(e, GroupingError)] == [Interrupted]
    assert issubclass(Interrupted, KeyboardInterrupt)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (FetchError("gone\nfor good"), Failure("fetch", "gone for good")),
        (ThrottledError("busy", 3.0), Failure("fetch", "busy", retryable=True)),
        (errors.DecodeError("damaged"), Failure("decode", "damaged")),
    ],
)
def test_a_failure_says_what_the_error_says(error, failure):
    assert Failure.of(error) == failure


def test_an_unforeseen_error_on_one_line():
    assert one_line(ValueError("a\n  b")) == "ValueError: a b"
