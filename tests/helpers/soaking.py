"""Bad weather for the soak test: servers that fail now and then, processes killed, disks full."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

from tests.helpers.services.servers import Answer, Handler, drops, sends

PAGE = b"<html>Please log in to use the network</html>"
YEAR = 365 * 24 * 3600


class _CutFile:
    """The way back to the client, which breaks after so many bytes."""

    def __init__(self, file: Any, most: int) -> None:
        self._file, self._left = file, most

    def write(self, data: bytes) -> None:
        self._file.write(data[: self._left])
        self._file.flush()
        self._left -= len(data)
        if self._left <= 0:
            raise ConnectionResetError

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return bool(self._file.closed)


class _SlowFile(_CutFile):
    """The way back to the client, in pieces with pauses."""

    def write(self, data: bytes) -> None:
        step = max(1, len(data) // 4)
        for start in range(0, len(data), step):
            self._file.write(data[start : start + step])
            self._file.flush()
            time.sleep(0.1)


def cut_after(most: int) -> Callable[[Answer], Answer]:
    def fault(right: Answer) -> Answer:
        def answer(handler: Handler) -> None:
            handler.wfile = cast(BufferedIOBase, _CutFile(handler.wfile, most))
            right(handler)
            handler.connection.close()

        return answer

    return fault


def slowly(right: Answer) -> Answer:
    def answer(handler: Handler) -> None:
        handler.wfile = cast(BufferedIOBase, _SlowFile(handler.wfile, 0))
        right(handler)

    return answer


def silent(seconds: float) -> Answer:
    def answer(handler: Handler) -> None:
        time.sleep(seconds)
        handler.connection.close()

    return answer


def says(data: bytes) -> Answer:
    """Answer these bytes in the place of HTTP."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(data)
        handler.wfile.flush()
        handler.connection.close()

    return answer


STATUSES = (403, 404, 408, 429, 500, 502, 503, 504)


def _status(status: int, _right: Answer) -> Answer:
    return sends(b"", status)


# What may come in the place of the right answer, by name: of web servers and of S3 alike.
FAULTS: dict[str, Callable[[Answer], Answer]] = {
    **{f"status {status}": partial(_status, status) for status in STATUSES},
    "503 with a pause": lambda _: sends(b"", 503, Retry_After="0.5"),
    "hangs up": lambda _: drops,
    "hangs up in the headers": cut_after(25),
    "hangs up in the body": cut_after(3000),
    "slow": slowly,
    "silent for a while": lambda _: silent(2),
    "no HTTP": lambda _: says(b"\0\xff\r\n garbage"),
    "a length of 5,000 digits": lambda _: says(
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx"
    ),
    "a chunk of less than nothing": lambda _: says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"
    ),
    "an empty answer": lambda _: sends(b""),
    "the page of somebody else": lambda _: sends(PAGE, Content_Type="text/html"),
    "a circle": lambda _: lambda handler: handler.answer(b"", 302, Location=handler.path),
}


class Weather:
    """Has a share of all requests fail, each in one of the ways of ``FAULTS``.

    Attributes:
        share: of the requests, that fail.
        requests: how many there were.
        faults: how many of each kind.
    """

    def __init__(self, seed: int) -> None:
        self.share = 0.0
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self._chance = random.Random(seed)

    def over(self, right: Answer) -> Answer:
        """Return an answer that is the right one in good weather."""

        def answer(handler: Handler) -> None:
            self.requests += 1
            if self._chance.random() >= self.share:
                return right(handler)
            name = self._chance.choice(sorted(FAULTS))
            self.faults[name] += 1
            return FAULTS[name](right)(handler)

        return answer


class Disk:
    """A folder on a small disk of its own, where one may be mounted; else a limit of file sizes."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    @contextmanager
    def full(self, process: int) -> Iterator[None]:
        """Have no byte left for a while; without a disk of its own, for one process alone."""
        if not self.mounted:
            before = resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, -1))
            yield
            with suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, before)
            return
        ballast = self.folder / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            for size in (2**20, 2**12, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
        yield
        ballast.unlink()


def children(process: int) -> list[int]:
    """Processes that a process has started and that run."""
    with suppress(OSError):
        return [
            int(p) for p in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]
    return []


def running_in_session(session: int) -> list[int]:
    """Processes of a session, those that only wait for their parent left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ProcessLookupError):
            state, _, _, sid, *_ = stat.read_text().rpartition(")")[2].split()
            if int(sid) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def kill(process: int, kind: signal.Signals = signal.SIGKILL) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, kind)
        return True
    return False


def date_ahead(files: Iterable[Path]) -> None:
    """Date files a year ahead: what is found after the clock was set back by a year."""
    for path in files:
        with suppress(OSError):
            os.utime(path, (time.time() + YEAR,) * 2, follow_symlinks=False)
