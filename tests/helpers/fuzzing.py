"""What the fuzz tests share: damage, done to files, texts and JSON values that are right."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SHORT, LONG = 150, 5000  # cases

# A test takes ``cases`` and hands it on to fuzz(): few in each run, many with -m slow.
short_and_long = pytest.mark.parametrize(
    "cases",
    [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.slow)],
)

MOST_CHANGES = 6
# Numbers at the borders of what parsers and processors hold, and what looks like numbers.
NUMBERS = (0, -1, 1, 2, 255, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, 1e-320)
TEXTS = (
    "",
    " ",
    "x",
    "\x00",
    "\n",
    "\r\n",
    "\u202e",
    "\ud800",
    "ÿ",
    "김",
    "😀",
    "../..",
    "1" * 5000,
)
# json.loads makes NaN and infinities of what is no JSON.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    *NUMBERS,
    *TEXTS,
    [],
    {},
    [[]],
    [{}],
    [0, 1],
    {"": 0},
    float("nan"),
)

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


class Case:
    """Something right with changes made to it, shown by these.

    Attributes:
        value: what it is now.
        changes: what was done, in the order it was done.
    """

    def __init__(self, value: Any, changes: Sequence[str]) -> None:
        self.value = value
        self.changes = changes

    def __repr__(self) -> str:
        return f"<{'; '.join(self.changes) or 'as it was'}>"


def fuzz(
    cases: int, check: Callable[..., str], *outcomes: str, **strategies: st.SearchStrategy
) -> None:
    """Call ``check`` with what the strategies draw; the same cases each time in a short run.

    Args:
        cases: how often.
        check: returns what came of the case, in a word.
        outcomes: each must have come at least once, else the cases were all alike.
        strategies: by the name of the argument; of a ``Case`` its value is handed on.
    """
    seen: set[str] = set()

    def noted(**drawn: Any) -> None:
        values = {n: v.value if isinstance(v, Case) else v for n, v in drawn.items()}
        seen.add(check(**values))

    run = settings(
        max_examples=cases,
        deadline=None,
        derandomize=cases == SHORT,
        suppress_health_check=QUIET,
        print_blob=True,
    )
    run(given(**strategies)(noted))()
    assert seen >= set(outcomes), f"only {seen} in {cases} cases"


@st.composite
def damaged(draw: st.DrawFn, files: Sequence[bytes], words: Sequence[bytes] = ()) -> Case:
    """One of the files with bits turned over, bytes dropped, doubled or put in, or its end cut.

    Args:
        draw: given by hypothesis.
        files: what is damaged.
        words: put in besides random bytes: what the format means something by.
    """
    number = draw(st.integers(0, len(files) - 1))
    data, changes = bytearray(files[number]), [f"file {number}"]
    for _ in range(draw(st.integers(0, MOST_CHANGES))):
        at, kind = draw(_position(data)), draw(st.sampled_from(sorted(DAMAGE)))
        old, new = DAMAGE[kind](draw, data[at:], words)
        data[at : at + old] = new
        changes.append(f"{kind} at {at}: {old} bytes are {bytes(new[:60])!r}")
    if draw(st.integers(0, 3)) == 3:  # not 0: what is simplest, and drawn first, is undamaged
        end = draw(_position(data))
        del data[end:]
        changes.append(f"cut at {end}")
    return Case(bytes(data), changes)


# From what follows a position: how many bytes are replaced, and by what.
DAMAGE: dict[str, Callable[[st.DrawFn, bytearray, Sequence[bytes]], tuple[int, bytes]]] = {
    "flip": lambda draw, rest, _: (1, bytes(b ^ 1 << draw(st.integers(0, 7)) for b in rest[:1])),
    "byte": lambda draw, *_: (1, draw(st.sampled_from([b"\0", b"\1", b"\x7f", b"\x80", b"\xff"]))),
    "drop": lambda draw, *_: (draw(st.sampled_from([1, 2, 4, 8, 100])), b""),
    "double": lambda draw, rest, _: (0, bytes(rest[: draw(st.sampled_from([1, 8, 100]))])),
    "insert": lambda draw, *_: (0, draw(st.binary(min_size=1, max_size=8))),
    "word": lambda draw, _, words: (0, draw(st.sampled_from(words)) if words else b""),
}


def _position(data: bytearray) -> st.SearchStrategy[int]:
    """Headers decide most, so half of all damage goes there."""
    most = max(len(data) - 1, 0)
    return st.one_of(st.integers(0, min(600, most)), st.integers(0, most))


@st.composite
def edited(draw: st.DrawFn, value: Any, values: Sequence[Any] = VALUES) -> Case:
    """A JSON value with up to three of its parts changed, gone, doubled or exchanged."""
    changed, changes = copy.deepcopy(value), []
    for _ in range(draw(st.integers(1, 3))):
        path = draw(_paths(changed))
        kind = draw(st.sampled_from(["put", "put", "put", "drop", "double", "swap"]))
        new = copy.deepcopy(draw(st.sampled_from(values)))
        changes.append(f"{kind} {path} {new!r:.60}" if kind == "put" else f"{kind} {path}")
        if not path:
            return Case(new, changes)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        _edit(draw, holder, path[-1], kind, new)
    return Case(changed, changes)


def _edit(draw: st.DrawFn, holder: Any, key: Any, kind: str, new: Any) -> None:
    """Change one part of a list or dictionary."""
    if kind == "put":
        holder[key] = new
    elif kind == "drop":
        del holder[key]
    elif kind == "double" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == "swap":
        other = draw(st.sampled_from(_keys(holder)))
        holder[key], holder[other] = holder[other], holder[key]


@st.composite
def _paths(draw: st.DrawFn, value: Any) -> list[Any]:
    """Keys that lead to a part of a value; none where the value has no parts."""
    path: list[Any] = []
    while isinstance(value, list | dict) and value and (not path or draw(st.integers(0, 4))):
        path.append(draw(st.sampled_from(_keys(value))))
        value = value[path[-1]]
    return path


def _keys(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def assert_one_line(error: BaseException, without: str = "\n") -> None:
    """Whether the message of an error is one that people can be shown, without this text."""
    text = str(error)
    assert without not in text
    assert text.strip(), "an error without a word"
    assert len(text) < 2000, f"an error of {len(text)} characters"
    assert not set("\n\r") & set(text), repr(text)
