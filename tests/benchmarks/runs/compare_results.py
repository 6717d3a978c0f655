"""Does this working tree find in photos what another commit of it finds, to the byte?

    python -m tests.benchmarks compare_results f557d7d PHOTOS... [--timed]

Each folder is grouped by both, each without a cache, and the two ``groups.json`` are compared
without what names the run (version, time). A difference ends the program with exit code 1 and the
first line that differs. ``--timed`` runs the two sides in turn, ``--rounds`` times, and prints the
ratio of their median seconds.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.paths import ROOT

# The lines of groups.json that say which run it was; groups.json has a line for each field.
NAMES_THE_RUN = re.compile(rb'^"(version|created)": .*\n', re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--timed", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds = options.rounds if options.timed else 1
    different = 0
    with checkout(options.commit) as before:
        for photos in options.photos:
            seconds: dict[Path, list[float]] = {before: [], ROOT: []}
            found = {}
            for _ in range(rounds):
                for tree, taken in seconds.items():
                    start = time.perf_counter()
                    found[tree] = groups_of(tree, photos.resolve())
                    taken.append(time.perf_counter() - start)
            line = first_difference(found[before], found[ROOT])
            different += line is not None
            print(f"{photos}: {'the same' if line is None else line}")
            if options.timed:
                ratio = statistics.median(seconds[ROOT]) / statistics.median(seconds[before])
                print(f"  seconds, this tree over {options.commit}: {ratio:.3f}, {rounds} rounds")
    return 1 if different else 0


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def groups_of(tree: Path, photos: Path) -> bytes:
    """What ``run_grouping.py`` of a tree writes for a folder, less version and time."""
    with tempfile.TemporaryDirectory() as out:
        program = [sys.executable, str(tree / "run_grouping.py"), str(photos)]
        subprocess.run(
            [*program, "--out", out, "--no-plots", "--no-cache"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return NAMES_THE_RUN.sub(b"", (Path(out) / "groups.json").read_bytes())


def first_difference(one: bytes, other: bytes) -> str | None:
    """The first line that is not the same in both, shortened; None where there is none."""
    if one == other:
        return None
    lines = one.splitlines(), other.splitlines()
    for number, (a, b) in enumerate(zip(*lines, strict=False), start=1):
        if a != b:
            return f"line {number} differs:\n  {a[:160]!r}\n  {b[:160]!r}"
    return f"{len(lines[0])} lines before, {len(lines[1])} now"


if __name__ == "__main__":
    sys.exit(main())
