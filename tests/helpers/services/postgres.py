"""A PostgreSQL server of the test's own, from the programs of the distribution."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACES = Path("/usr/lib/postgresql")
SECONDS = 30.0


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest; None where they are not installed."""
    newest = sorted(PLACES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = str(newest[-1]) if newest else shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


def unavailable() -> str | None:
    """Why there is no server; None where one can be started."""
    if programs() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if os.getuid() == 0 and _other_user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    return None


@contextmanager
def postgres_or_skip() -> Iterator[str]:
    """Run a server as :func:`postgres` does; the test is skipped where none can be had."""
    if reason := unavailable():
        pytest.skip(reason)
    pytest.importorskip("psycopg", reason="the driver is not installed (psycopg[binary])")
    with postgres() as socket:
        yield socket


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server on a socket in a folder of its own; gives the folder of the socket."""
    binaries = programs()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # names of sockets must be short
    user = _other_user() if os.getuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-N", "-E", "UTF8"],
        check=True,
        capture_output=True,
        user=user,
        cwd=folder,
    )
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-F"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        cwd=folder,
    )
    try:
        _wait(binaries, folder, server)
        yield str(folder)
    finally:
        server.send_signal(signal.SIGINT)  # without waiting for connections
        server.wait(SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def new_database(socket: str, name: str) -> str:
    """Make an empty database; returns its address for SQLAlchemy."""
    import psycopg

    with psycopg.connect(f"host={socket} user=tests dbname=postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')  # a name of the test's own
    return f"postgresql+psycopg://tests@/{name}?host={socket}"


def _wait(binaries: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS
    while subprocess.run(
        [binaries / "pg_isready", "-q", "-h", folder, "-U", "tests"], check=False
    ).returncode:
        assert server.poll() is None, "PostgreSQL did not start"
        assert time.monotonic() < until, "PostgreSQL did not start in time"
        time.sleep(0.05)


def _other_user() -> str | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None
