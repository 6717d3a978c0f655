"""The command line, as a process of its own or, where that proves nothing, in this one."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.helpers.paths import ROOT


class Finished(NamedTuple):
    """What is known of a run that has ended; named as :mod:`subprocess` does."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object, timeout: float = 170, **options: Any) -> Any:
    """As a user does: a process, its output, its exit code."""
    command = [sys.executable, str(ROOT / "run_grouping.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


def run_here(*arguments: object, cwd: Path | None = None) -> Finished:
    """Without the two seconds that a process takes to import torch and to load networks."""
    from grouping.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as end:  # of argparse
            code = int(end.code or 0)
    return Finished(code, out.getvalue(), err.getvalue())
