"""Questions to a running service: how long answers take, what is refused, what memory it takes.

    python -m tests.benchmarks bench_service [--clients 4] [--requests 200] [--faces 10000]
        [--ask find verify] [--at-once N] [--photos FILE...] [--side PIXELS] [--minutes 4]

Starts ``serve`` in a process of its own on 127.0.0.1, with an album of so many faces that exists as
vectors only, and asks it over HTTP from so many clients at a time. Beside it the same photos are
embedded by the same number of threads in this process, with no service around them: what a question
takes beyond that is what the service and the look-up add. ``--minutes`` ends a long load early, and
says so.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
from PIL import Image

from grouping import represent
from grouping.service.app import create_context
from grouping.service.safety.api_keys import Scope, new_key
from grouping.service.settings import ServiceSettings
from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.results.lookup import write_vectors
from tests.helpers.services.serving import multipart
from tests.helpers.vectors import face_set, hard_vectors

SELFIES = ("president_obama_1.jpg", "president_obama_2.jpg", "president_biden.jpg", "astronaut.jpg")
MANY = 10_000_000  # requests a minute: the limit of rates is not what is measured
EVERY = 500  # requests, between two looks at the memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--faces", type=int, default=10_000)
    parser.add_argument("--ask", nargs="+", choices=("find", "verify", "extract"), default=["find"])
    parser.add_argument("--at-once", type=int, help="questions_at_once of the service")
    parser.add_argument("--photos", type=Path, nargs="+", default=[PHOTOS / n for n in SELFIES])
    parser.add_argument("--side", type=int, help="make the photos so large at the long side")
    parser.add_argument("--minutes", type=float, default=4.0)
    options = parser.parse_args()
    photos = [path.read_bytes() for path in options.photos]
    if options.side:
        photos = [made_smaller(photo, options.side) for photo in photos]
    with tempfile.TemporaryDirectory() as folder:
        key, album = prepared(Path(folder), options.faces)
        with Service(Path(folder), options.at_once) as service:
            asked = Asked(service, key, album, photos, options.ask)
            for number in range(2 * len(photos)):  # networks and album are loaded
                asked.ask(number)
            asked.forget()
            run(asked.ask, options.clients, options.requests, 60 * options.minutes)
            asked.report(options.clients, options.requests)
    alone = timed(lambda n: represent(photos[n % len(photos)]), options.clients, 40)
    print_times(f"embedded in a process of its own by {options.clients} threads", alone)
    return 0


def made_smaller(photo: bytes, side: int) -> bytes:
    """Return the photo as a JPEG with that long side at most."""
    with Image.open(io.BytesIO(photo)) as image:
        image.thumbnail((side, side))
        file = io.BytesIO()
        image.convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


class Service:
    """``serve`` in a process of its own."""

    def __init__(self, data: Path, at_once: int | None) -> None:
        command = [sys.executable, "run_grouping.py", "serve", "--data", str(data), "--port", "0"]
        command += ["--requests-a-minute", str(MANY)]
        command += [] if at_once is None else ["--questions-at-once", str(at_once)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        found = next(filter(None, map(re.compile(r":(\d+) ").search, self._process.stdout)))
        self.port = int(found[1])

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", text)
        assert found is not None
        return int(found[1]) / 1024


def prepared(data: Path, count: int) -> tuple[str, str]:
    """Fill the folder of a service with an album of so many faces; its key and the album's id."""
    context = create_context(ServiceSettings(data=data))
    text, key = new_key("bench", list(Scope))
    context.keys.add_key(key)
    added = context.albums.add(key.id, [], queue_length=10)
    vectors, person = hard_vectors(count)
    labels = np.where(np.bincount(person)[person] > 1, person, -1)
    labels[labels >= 0] = np.unique(labels[labels >= 0], return_inverse=True)[1]
    faces = face_set(vectors, np.sort(np.arange(count) // 2))
    write_vectors(context.folders.of(added.id), faces, labels)
    job = context.jobs.claim()
    assert job is not None
    context.jobs.finish(job, progress={}, counts={}, failures={})
    context.store.close()
    return text, added.id


class Asked:
    """Asks, and keeps how long each answer took and what it was."""

    def __init__(
        self, service: Service, key: str, album: str, photos: Sequence[bytes], kinds: Sequence[str]
    ) -> None:
        self._service, self._kinds = service, kinds
        self._headers = {"Authorization": f"Bearer {key}"}
        self._paths = {"find": f"/v1/albums/{album}/find", "verify": "/v1/verify"}
        self._bodies = {
            "find": [multipart(("selfie", photo)) for photo in photos],
            "extract": [multipart(("photo", photo)) for photo in photos],
            "verify": [multipart(("a", a), ("b", b)) for a, b in itertools.combinations(photos, 2)],
        }
        self._local = threading.local()
        self.forget()

    def forget(self) -> None:
        self.times: dict[str, list[float]] = {kind: [] for kind in self._kinds}
        self.statuses: Counter[int] = Counter()
        self.memory = [self._service.megabytes]
        self._since = time.perf_counter()

    def ask(self, number: int) -> None:
        kind = self._kinds[number % len(self._kinds)]
        bodies = self._bodies[kind]
        content_type, body = bodies[number // len(self._kinds) % len(bodies)]
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = HTTPConnection(
                "127.0.0.1", self._service.port, timeout=120
            )
        since = time.perf_counter()
        path = self._paths.get(kind, f"/v1/{kind}")
        connection.request("POST", path, body, {**self._headers, "Content-Type": content_type})
        reply = connection.getresponse()
        reply.read()
        self.times[kind].append(time.perf_counter() - since)
        self.statuses[reply.status] += 1
        if number % EVERY == EVERY - 1:
            self.memory.append(self._service.megabytes)

    def report(self, clients: int, wanted: int) -> None:
        seconds = time.perf_counter() - self._since
        done = sum(map(len, self.times.values()))
        for kind, times in self.times.items():
            print_times(f"{kind} by {clients} clients at a time", times)
        early = f" of {wanted}, ended by --minutes" if done < wanted else ""
        print(f"{done} requests{early} in {seconds:.1f} s, {done / seconds:.1f} a second")
        print(f"statuses: {dict(self.statuses)}")
        self.memory.append(self._service.megabytes)
        print("memory of the service, MB: " + " ".join(f"{size:.0f}" for size in self.memory))


def run(ask: Callable[[int], object], clients: int, count: int, seconds: float) -> None:
    """Ask by so many threads until all is asked or the time is over."""
    end, numbers = time.monotonic() + seconds, itertools.count()

    def work(_: int) -> None:
        while (number := next(numbers)) < count and time.monotonic() < end:
            ask(number)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))


def timed(work: Callable[[int], object], threads: int, count: int) -> list[float]:
    """Seconds of each call, by so many threads at a time, after a few that are not counted."""
    times: list[float] = []

    def one(number: int) -> None:
        since = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - since)

    run(one, threads, 2 * threads, 1e9)
    times.clear()
    run(one, threads, count, 1e9)
    return times


def print_times(what: str, times: Sequence[float]) -> None:
    shown = "  ".join(f"p{q} {1000 * np.percentile(times, q):.0f} ms" for q in (50, 95, 99))
    print(f"{what}: {shown}  ({len(times)} times, {os.cpu_count()} cores)")


if __name__ == "__main__":
    sys.exit(main())
