"""Fixtures shared by all tests."""

import atexit
import contextlib
import ctypes
import functools
import gc
import logging
import os
import random
import secrets
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from tests.helpers.paths import PHOTOS, SHARED_DATA

MUCH_MEMORY = 900 * 10**6  # bytes; half of them are what is imported

# Tests run in one process a core: more threads than that wait for each other by spinning. Set
# before torch is imported, and inherited by the programs that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What tests make of networks stays out of the user's cache folder; programs inherit it too.
os.environ["FACE_GROUPING_CACHE"] = tempfile.mkdtemp(prefix="face-grouping-tests-")
atexit.register(shutil.rmtree, os.environ["FACE_GROUPING_CACHE"], ignore_errors=True)

# Ray reads these when a process imports it, whichever test does so first: nobody else gets at what
# tests start, and nothing is sent to its makers.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

# A shell that runs the tests in the background has them, and all they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def resident_bytes() -> int:
    """What this process holds; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def give_memory_back() -> None:
    """Have the C library return what is free, where it knows how to."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(autouse=True)
def no_logs_to_closed_streams():
    """What a test logs to ends with it; services of other tests in this process go on."""
    yield
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler]:
        root.removeHandler(handler)


def pytest_collection_finish():
    """What is there by now stays; the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def memory_is_given_back():
    """The memory of a file of tests goes back; ``main`` has its process keep what is freed."""
    yield
    if resident_bytes() > MUCH_MEMORY:
        gc.collect()
        give_memory_back()


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of sample photos."""
    return PHOTOS


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The optional photos beside the repository; skips where they are absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no optional test photos in {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def detector():
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces.search.detection import Detector

    return Detector(load_mtcnn())


@pytest.fixture(scope="session")
def facenet():
    """A function of settings that gives facenet-pytorch's own MTCNN."""
    from tests.helpers.networks.facenet_reference import (
        ReferenceUnavailableError,
        load_facenet_mtcnn,
    )

    try:
        load_facenet_mtcnn()
    except ReferenceUnavailableError as error:
        pytest.skip(str(error))
    return load_facenet_mtcnn


@pytest.fixture
def short_pauses(monkeypatch):
    """What is tried again is tried again at once, where it is not the pause that is tested."""
    monkeypatch.setattr("grouping.storage.retry.FIRST_PAUSE", 0.01)


@pytest.fixture
def s3_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@functools.cache
def made_client():
    """A client of moto's server, which runs in another process."""
    import boto3

    from tests.helpers.services.servers import s3_server

    return boto3.client("s3", endpoint_url=s3_server())


@pytest.fixture
def client(s3_credentials):
    return made_client()


@pytest.fixture
def bucket(client):
    name = f"bucket-{random.randrange(10**12)}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def cache(tmp_path):
    """An empty cache."""
    from grouping.storage.cache import Cache

    with Cache.open(tmp_path / "store" / "cache.sqlite") as opened:
        yield opened
