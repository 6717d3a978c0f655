"""``run_grouping.py serve`` as a process, to be asked, stopped and killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.paths import ROOT
from tests.helpers.services.serving import Client

START_SECONDS = 60.0


class ServeCommand:
    """One process of the service.

    Args:
        data: its folder.
        options: further words of the command line.
        key: an API key made before; None where the first start shows one.

    Attributes:
        client: asks it.
    """

    def __init__(self, data: Path, *options: str, key: str | None = None) -> None:
        self.log = data.parent / f"serve-{time.monotonic_ns()}.log"
        command = [sys.executable, "run_grouping.py", "serve", "--data", str(data), "--port", "0"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*command, "--workers", "0", *options],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        url = self._shown(r"serving +(http://\S+)")
        self.client = Client(url, key or self._shown(r"key +(fg_\S+)"))

    def kill(self) -> None:
        """As the kernel does where memory is short: nothing is tidied up."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 60) -> int:
        """As a supervisor does; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def text(self) -> str:
        """What it has written so far."""
        return self.log.read_text("utf-8", "replace")

    def _shown(self, pattern: str) -> str:
        until = time.monotonic() + START_SECONDS
        while (found := re.search(pattern, self.text())) is None:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < until, "the service did not start in time"
            time.sleep(0.02)
        return found[1]

    def __enter__(self) -> ServeCommand:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
