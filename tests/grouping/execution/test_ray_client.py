"""A cluster that is reached through its client server (``ray://``) gives what one machine does."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from grouping.config import GroupingConfig
from grouping.errors import GroupingError
from grouping.pipeline import GroupingPipeline
from grouping.storage.cache import Cache
from tests.helpers.execution.ray_cluster import (
    KillingPhoto,
    cluster_of,
    skip_without_ray,
)
from tests.helpers.execution.ray_runs import (
    FILES,
    assert_same,
    local_photos,
    once,
    one_thread,
    plain,
    same_documents,
    slow_copies,
)
from tests.helpers.paths import PHOTOS, ROOT

skip_without_ray()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def as_workers_round():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def address():
    """Of the client server of two nodes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with cluster_of(1, ray_client_server_port=port) as cluster:
        cluster.add()
        yield f"ray://127.0.0.1:{port}"


def run(photos, address=None, cache=None, **options):
    where = {} if address is None else {"backend": "ray", "ray_address": address}
    return GroupingPipeline(GroupingConfig(**where), cache=cache).run(photos, **options)


@pytest.fixture(scope="module")
def expected():
    return run(local_photos())


def test_photos_and_graph_give_what_one_machine_does(address, expected, tmp_path, monkeypatch):
    import ray

    from grouping.execution.on_ray import graph_tasks

    done, run_tasks = [], graph_tasks.RayTaskRunner.run

    def counted(runner, work, tasks):
        for found in run_tasks(runner, work, tasks):
            done.append(work.__name__)
            yield found

    monkeypatch.setattr(graph_tasks.RayTaskRunner, "run", counted)
    monkeypatch.setattr(graph_tasks, "LEAST_PIECE", 1 << 20)
    monkeypatch.setattr("grouping.similarity.cosine_graph.FEW_TO_SPREAD", 2)
    analysed = []
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        for _ in range(2):
            found = run(local_photos(), address, cache, on_pictures=analysed.append)
            assert_same(found, expected)
            assert not ray.is_initialized()
    assert len(analysed) == len(FILES)
    assert "tile" in done


def test_a_worker_that_is_killed_costs_nothing(address, tmp_path):
    photos = slow_copies(tmp_path)

    def kill():
        os.kill(int((tmp_path / "trace").read_text().split()[-1]), signal.SIGKILL)

    found = run(photos, address, on_photo=once(kill))
    assert_same(found, run(plain(photos)))
    assert len(set((tmp_path / "trace").read_text().split())) >= 3  # one took the place


def test_a_photo_that_kills_workers_is_reported_and_left_out(address, tmp_path, expected):
    photos = local_photos()
    photos.insert(2, KillingPhoto("killer", "killer", FILES[0], tmp_path / "deaths"))
    found = run(photos, address)
    assert found.outcomes[2].failure.reason == "the process working on it was killed, 2 times"
    assert found.faces.embeddings.tobytes() == expected.faces.embeddings.tobytes()


def test_the_command_is_the_same(address, tmp_path):
    command = [sys.executable, "run_grouping.py", str(PHOTOS), "--no-plots", "--no-cache", "--out"]
    subprocess.run([*command, str(tmp_path / "here")], cwd=ROOT, check=True, capture_output=True)
    there = [*command, str(tmp_path / "there"), "--backend", "ray", "--ray-address", address]
    ran = subprocess.run(there, cwd=ROOT, check=True, capture_output=True, text=True)
    assert same_documents(tmp_path / "here", tmp_path / "there")
    assert "Traceback" not in ran.stderr
    assert "ray.util" not in ran.stderr


def test_a_connection_that_is_lost_ends_the_run_and_keeps_what_is_done(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "2")
    mark = secrets.token_hex(8)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with monkeypatch.context() as marked:
        marked.setenv("STARTED_BY", mark)
        there = cluster_of(1, ray_client_server_port=port)
        there.__enter__()
    photos = slow_copies(tmp_path)
    act = once(lambda: kill_client_servers(mark))
    try:
        with pytest.raises(GroupingError, match=r"connection to the Ray cluster .* was lost"):
            run(photos, f"ray://127.0.0.1:{port}", on_photo=act)
    finally:
        there.__exit__(None, None, None)


def kill_client_servers(mark):
    """End the processes of a cluster that serve clients."""
    for folder in Path("/proc").iterdir():
        try:
            ours = folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes()
            if ours and b"ray.util.client.server" in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:  # it has ended meanwhile
            continue


def test_nobody_there_is_said_in_a_line():
    with pytest.raises(GroupingError, match=r"^the Ray cluster ray://127.0.0.1:1 cannot be reac"):
        run(local_photos(), "ray://127.0.0.1:1")
