"""A cluster of two nodes gives what one machine does, whoever dies on the way.

One cluster of real raylets serves the whole file; nodes that are to die are added to it.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grouping.config import GroupingConfig
from grouping.errors import ConfigError, GroupingError, ModelError, SourceError
from grouping.execution import collector as collector_module
from grouping.pipeline import GroupingPipeline
from grouping.sources.entries import SourceOptions, photos_from_entries
from grouping.sources.photo import LocalPhoto, MemoryPhoto
from grouping.sources.s3_photo import photos_in_bucket
from grouping.sources.web.http_photo import HttpOptions
from grouping.storage.cache import Cache
from grouping.storage.s3.client import S3Options
from tests.helpers.execution.ray_cluster import (
    HerePhoto,
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
from tests.helpers.paths import ROOT
from tests.helpers.services.servers import FaultyServer, s3_server, sends

skip_without_ray()

AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module", autouse=True)
def as_workers_round():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)  # of the nodes: nobody sends them credentials
        with cluster_of(2) as made:
            yield made


def run(photos, cluster=None, cache=None, **options):
    where = {} if cluster is None else {"backend": "ray", "ray_address": cluster.address}
    return GroupingPipeline(GroupingConfig(**where), cache=cache).run(photos, **options)


@pytest.fixture(scope="module")
def expected():
    return run(local_photos())


def test_an_album_in_s3_gives_what_one_machine_does(cluster, bucket, client, tmp_path):
    copies = [FILES[0], *FILES, FILES[2]]  # of the same bytes, of a photo in work and of one done
    for number, path in enumerate(copies):
        client.upload_file(str(path), bucket, f"album/{number}.jpg")
    client.put_object(Bucket=bucket, Key="album/damaged.jpg", Body=b"no image")

    def photos():
        return photos_in_bucket(f"s3://{bucket}/album", S3Options(endpoint_url=s3_server()))

    analysed = []
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        found = run(photos(), cluster, cache, on_pictures=analysed.append)
        assert_same(found, run(photos()))
        assert len([seen for seen in analysed if seen.failure is None]) == len(FILES)
        assert_same(run(photos(), cluster, cache, on_pictures=analysed.append), found)
        assert len([seen for seen in analysed if seen.failure is None]) == len(FILES)


def test_people_are_found_by_the_nodes_where_faces_are_many(cluster, tmp_path, monkeypatch):
    import ray

    from grouping.execution.on_ray import cluster as connection
    from grouping.execution.on_ray import graph_tasks

    done, run_tasks = [], graph_tasks.RayTaskRunner.run
    made, connect = [], connection._connect
    monkeypatch.setattr(connection, "_connect", lambda *a: (made.append(a), connect(*a)))

    def counted(runner, work, tasks):
        for found in run_tasks(runner, work, tasks):
            done.append(work.__name__)
            yield found

    monkeypatch.setattr(graph_tasks.RayTaskRunner, "run", counted)
    monkeypatch.setattr(graph_tasks, "LEAST_PIECE", 1 << 20)
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        here = run(local_photos(), None, cache)
        assert_same(run(local_photos(), cluster, cache), here)
        assert not done  # few: nobody was waited for
        monkeypatch.setattr("grouping.similarity.cosine_graph.FEW_TO_SPREAD", 2)
        assert not made
        assert_same(run(local_photos(), cluster), here)
    assert "tile" in done
    assert len(made) == 1  # for the photos and for the graph
    assert not ray.is_initialized()


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    pipeline = GroupingPipeline(GroupingConfig(backend="ray"))
    with pytest.raises(ModelError, match=r"pip install '\.\[ray\]'"):
        pipeline.run(local_photos())


def test_an_address_needs_the_backend():
    with pytest.raises(ConfigError, match="--backend ray"):
        GroupingConfig(ray_address="auto")
    for place in ("", "local", "ray://a", "other://a:1", "ray://a:1/b", "a b:1", 6379):
        with pytest.raises(ConfigError, match=r"^ray_address must be auto, HOST:PORT or ray://"):
            GroupingConfig(backend="ray", ray_address=place)
    for place in ("auto", "10.0.0.1:6379", "[::1]:6379", "ray://head.example.org:10001"):
        assert GroupingConfig(backend="ray", ray_address=place).ray_address == place
    with pytest.raises(ConfigError, match="backend must be one of local, ray"):
        GroupingConfig(backend="dask")


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(cluster, tmp_path):
    photos = slow_copies(tmp_path)

    def kill():
        os.kill(int((tmp_path / "trace").read_text().split()[-1]), signal.SIGKILL)

    assert_same(run(photos, cluster, on_photo=once(kill)), run(plain(photos)))
    assert len(set((tmp_path / "trace").read_text().split())) >= 3  # one took the place


@pytest.mark.slow
def test_a_node_that_is_killed_costs_nothing(cluster, tmp_path):
    node, photos = cluster.add(), slow_copies(tmp_path)
    assert_same(run(photos, cluster, on_photo=once(lambda: cluster.kill(node))), run(plain(photos)))


@pytest.mark.slow
def test_a_node_that_joins_is_used(cluster, tmp_path):
    added, trace = [], tmp_path / "trace"

    def until_it_works():
        """Photos for as long as nobody works on the third node, which takes a while to start."""
        for photo in slow_copies(tmp_path, 600):
            yield photo
            if trace.exists() and len(set(trace.read_text().split())) == 3:
                return

    try:
        run(until_it_works(), cluster, on_photo=once(lambda: added.append(cluster.add())))
        assert len(set(trace.read_text().split())) == 3
    finally:
        cluster.kill(added[0])


@pytest.mark.slow
def test_a_photo_that_kills_workers_is_reported_and_left_out(cluster, tmp_path, expected):
    killer = KillingPhoto("killer", "killer", FILES[0], tmp_path / "deaths")
    photos = local_photos()
    photos.insert(2, killer)
    found = run(photos, cluster)
    reason = found.outcomes[2].failure.reason
    assert reason == "the process working on it was killed, 2 times"
    assert found.outcomes[2].failure.retryable
    assert len((tmp_path / "deaths").read_text().split()) == 2
    assert found.faces.embeddings.tobytes() == expected.faces.embeddings.tobytes()


@pytest.mark.slow
def test_a_photo_that_kills_one_worker_is_tried_again(cluster, tmp_path, expected):
    photos = local_photos()
    photos[2] = KillingPhoto("killer", "killer", FILES[2], tmp_path / "deaths", times=1)
    assert_same(run(photos, cluster), expected)


@pytest.mark.slow
def test_a_slow_driver_holds_the_workers_up(cluster, tmp_path):
    photos = [replace(photo, seconds=0.0) for photo in slow_copies(tmp_path, 80)]
    trace, ahead, done = tmp_path / "trace", [], []

    def on_photo(photo, outcome):
        done.append(photo)
        time.sleep(0.3)
        ahead.append(len(trace.read_text().split()) - len(done))

    run(photos, cluster, on_photo=on_photo)
    assert len(done) == 80
    # Two workers with two chunks each, and what is answered while the driver is busy.
    assert max(ahead) <= (2 * 2 + 2) * collector_module.CHUNK


@pytest.mark.slow
def test_a_folder_that_a_node_does_not_see_ends_the_run_at_its_start(cluster):
    photos = [HerePhoto(str(p), str(p), p, process=os.getpid()) for p in FILES]
    with pytest.raises(SourceError, match=r"node .* does not see .*: keep the photos on a drive"):
        run(photos, cluster)


@pytest.mark.slow
def test_a_file_that_is_gone_everywhere_fails_alone(cluster, tmp_path, expected):
    photos = [LocalPhoto.at(tmp_path / "gone.jpg"), *local_photos()]
    found = run(photos, cluster)
    assert found.outcomes[0].failure.stage == "fetch"
    assert found.faces.embeddings.tobytes() == expected.faces.embeddings.tobytes()


@pytest.mark.slow
def test_photos_over_http_are_found_again_by_their_content(cluster, tmp_path, expected):
    options = SourceOptions(http=HttpOptions(allowed=("127.0.0.1",)))
    with FaultyServer() as server, Cache.open(tmp_path / "cache.sqlite") as cache:
        for number, path in enumerate(FILES):
            server.answers[f"/{number}.jpg"] = sends(path.read_bytes())
        entries = [
            {"id": number, "url": server.url(f"/{number}.jpg")} for number in range(len(FILES))
        ]
        analysed = []
        for _ in range(2):
            photos = photos_from_entries(entries, options=options)
            assert_same(run(photos, cluster, cache, on_pictures=analysed.append), expected)
        assert len(analysed) == len(FILES)


@pytest.mark.slow
def test_photos_from_memory_travel_with_their_bytes(cluster, expected):
    photos = [
        MemoryPhoto(object(), path.name, data=path.read_bytes())  # an id that no process can send
        for path in FILES
    ]
    assert_same(run(photos, cluster), expected)


@pytest.mark.slow
def test_another_network_embeds_the_faces_that_are_known(cluster, tmp_path):
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        run(local_photos(), cluster, cache)
        other = {"flip": True}
        where = {"backend": "ray", "ray_address": cluster.address}
        found = GroupingPipeline(GroupingConfig(**where, **other), cache=cache).run(local_photos())
        assert_same(found, GroupingPipeline(GroupingConfig(**other)).run(local_photos()))


@pytest.mark.slow
def test_crops_come_where_they_are_asked_for(cluster):
    found, here = (run(local_photos(), at, keep_crops=True) for at in (cluster, None))
    assert np.array_equal(found.crops, here.crops)


COMMAND = [sys.executable, "run_grouping.py", "--no-plots", "--max-failures", "0"]


@pytest.mark.slow
def test_a_driver_that_is_killed_goes_on_from_the_cache(cluster, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    plain(slow_copies(album, 40))
    (album / "trace").unlink(missing_ok=True)
    out, here = tmp_path / "out", tmp_path / "here"
    ray = [*COMMAND, str(album), "--backend", "ray", "--ray-address", cluster.address]
    killed = subprocess.Popen([*ray, "--out", str(out)], cwd=ROOT, stderr=subprocess.DEVNULL)
    stored = wait_for_cache(out / "cache.sqlite", 8)
    killed.kill()
    killed.wait()
    assert stored < 40
    again = subprocess.run(
        [*ray, "--out", str(out), "--profile"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    calls = {
        line.split()[0]: int(line.split()[1])
        for line in again.stderr.splitlines()
        if line.startswith("decode")
    }
    assert 0 < calls["decode"] <= 40 - stored
    subprocess.run(
        [*COMMAND, str(album), "--out", str(here)], cwd=ROOT, capture_output=True, check=True
    )
    assert same_documents(out, here)


@pytest.mark.slow
def test_log_lines_have_the_names_of_the_nodes(cluster, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    plain(slow_copies(album, 24))
    ray = [*COMMAND, str(album), "--backend", "ray", "--ray-address", cluster.address]
    said = ["--out", str(tmp_path / "out"), "--log-json", "--profile"]
    ran = subprocess.run([*ray, *said], cwd=ROOT, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in ran.stderr.splitlines()]  # each is one
    joined = {event["node"] for event in events if event["event"].startswith("node joined")}
    assert joined == {node.name for node in nodes_of(cluster)}
    counted = [event for event in events if event.get("node") and "faces" in event]
    assert {event["node"] for event in counted} == joined
    assert sum(event["photos"] for event in counted) == 24
    document = json.loads((tmp_path / "out" / "groups.json").read_text())
    found = sum(len(image["faces"]) for image in document["images"])
    assert sum(event["faces"] for event in counted) == found > 0
    assert all(event["search_seconds"] > 0 for event in counted)
    (board,) = [event for event in events if "dashboard" in event]
    assert board["dashboard"] == "none"


def nodes_of(cluster):
    """The nodes with a core, as the program names them."""
    from grouping.execution.on_ray.cluster import connected, living_nodes

    with connected(cluster.address, 1):
        return living_nodes()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_cluster_that_was_started_here(tmp_path, sent):
    album, out, mark = tmp_path / "album", tmp_path / "out", secrets.token_hex(8)
    album.mkdir()
    for number in range(400):
        (album / f"{number:03}.jpg").write_bytes(
            FILES[number % len(FILES)].read_bytes() + b"%d" % number
        )
    process = subprocess.Popen(
        [*COMMAND, str(album), "--out", str(out), "--backend", "ray", "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, "STARTED_BY": mark},
        stderr=subprocess.PIPE,
        text=True,
    )
    stored = wait_for_cache(out / "cache.sqlite", 8)
    assert "raylet" in marked_processes(mark)
    process.send_signal(sent)
    _, said = process.communicate(timeout=120)
    assert process.returncode, said
    assert 8 <= stored < 400
    give_up = time.monotonic() + 20
    while marked_processes(mark) and time.monotonic() < give_up:
        time.sleep(0.2)
    assert marked_processes(mark) == ""


def marked_processes(mark):
    """Command lines of all processes with a mark in their environment."""
    lines = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                lines.append((folder / "cmdline").read_bytes().decode().replace("\0", " "))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(lines)


def wait_for_cache(path, count):
    """How many results a cache has, once it has so many."""
    import sqlite3

    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        time.sleep(0.1)
        if path.exists():
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
                try:
                    (stored,) = store.execute("SELECT count(*) FROM detections").fetchone()
                except sqlite3.OperationalError:
                    continue
            if stored >= count:
                return stored
    raise AssertionError("nothing is stored")


@pytest.mark.slow
def test_a_cluster_without_a_node_left_ends_the_run_and_keeps_what_is_done(tmp_path, monkeypatch):
    from grouping.execution.on_ray import workforce

    monkeypatch.setattr(workforce, "WAIT_SECONDS", 5.0)
    photos = slow_copies(tmp_path)
    with cluster_of(1, num_cpus=0) as bare, Cache.open(tmp_path / "cache.sqlite") as cache:
        node = bare.add()
        with pytest.raises(GroupingError, match=r"no free core for 5 seconds.*run again"):
            run(photos, bare, cache, on_photo=once(lambda: bare.kill(node)))
        known = [cache.content_of(photo.fingerprint()) for photo in photos]
        assert len([content for content in known if content]) >= 5


@pytest.mark.slow
def test_ctrl_c_finishes_what_is_in_flight(cluster, tmp_path):
    from grouping.errors import Interrupted

    photos, stop, done = slow_copies(tmp_path, 60), threading.Event(), []
    config = GroupingConfig(backend="ray", ray_address=cluster.address)
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        pipeline = GroupingPipeline(config, cache=cache, stop=stop)
        act = once(stop.set)
        with pytest.raises(Interrupted):
            pipeline.run(photos, on_photo=lambda *a: (done.append(a), act(*a)))
        assert 5 <= len(done) < 40
        found = [cache.content_of(photo.fingerprint()) for photo in photos]
        assert len([content for content in found if content]) == len(done)


@pytest.mark.slow
def test_weights_reach_nodes_that_do_not_have_the_file(cluster, tmp_path, monkeypatch, expected):
    from grouping.execution.on_ray import cluster as module

    checkpoint = tmp_path / "network.pth"
    shutil.copy(next((ROOT / "checkpoint").glob("*.pth")), checkpoint)
    share = module.shared

    def shared(data):
        checkpoint.unlink()
        return share(data)

    monkeypatch.setattr(module, "shared", shared)
    config = GroupingConfig(backend="ray", ray_address=cluster.address, checkpoint=checkpoint)
    assert_same(GroupingPipeline(config).run(local_photos()), expected)
