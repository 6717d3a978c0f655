"""The last lines of a run."""

from __future__ import annotations

from collections.abc import Sequence

from grouping.cli.display.logs import terminal_line


def print_end(problems: Sequence[str], place: str) -> None:
    """Say what went wrong on the way, and where the results are."""
    for problem in problems:
        print(terminal_line(f"note       {problem}"))
    print(terminal_line(f"results    {place}"))
