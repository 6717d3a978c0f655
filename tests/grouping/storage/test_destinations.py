"""Results in a folder and in S3, the latter in moto's server in another process."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from grouping.errors import OutputError
from grouping.storage.destinations import open_destination
from grouping.storage.result_folder import LOCK_FILE
from grouping.storage.s3.client import S3Options
from tests.helpers.paths import ROOT
from tests.helpers.services.servers import FaultyServer, drops, forwards, s3_server, sends

pytestmark = pytest.mark.usefixtures("s3_credentials", "short_pauses")

FILES = {
    "groups.json": b"[]",
    "groups/person_000.jpg": b"jpeg",
    "tsne.png": b"png",
    "가족 🎉.csv": b"csv",
    "zz/large.bin": random.Random(0).randbytes(9 * 2**20),  # more than one part
}


@pytest.fixture
def proxy():
    with FaultyServer() as server:
        server.otherwise = forwards(s3_server())
        server.options = S3Options(endpoint_url=server.url("").rstrip("/"), attempts=2)
        yield server


def write_all(folder: Path) -> None:
    for name, data in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def stored(client, bucket):
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        item["Key"]: client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in found
    }


def test_a_folder_is_made_and_tried(tmp_path):
    with open_destination(tmp_path / "new" / "out") as destination:
        write_all(destination.folder)
        destination.publish()
    assert (tmp_path / "new" / "out" / "groups.json").read_bytes() == b"[]"
    assert sorted(os.listdir(tmp_path / "new" / "out")) == sorted(
        {LOCK_FILE, *(name.split("/")[0] for name in FILES)}
    )


def test_a_second_run_into_a_folder_is_refused_until_the_first_has_ended(tmp_path):
    with open_destination(tmp_path), pytest.raises(OutputError, match="another run"):
        open_destination(tmp_path)
    open_destination(tmp_path).close()


def test_the_lock_dies_with_its_process(tmp_path):
    code = (
        "import os, sys, time; from grouping.storage.destinations import open_destination\n"
        "open_destination(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"process {holder.pid}"):
            open_destination(tmp_path)
        holder.kill()
        holder.wait()
        open_destination(tmp_path).close()


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leftovers = [
        tmp_path / f".people.zip.{dead.pid}.part",
        tmp_path / "thumbs" / f".{dead.pid}-140735.part",
        tmp_path / "people" / "000 Grandma" / f".{dead.pid}-140735.part",
    ]
    others = [
        tmp_path / f".{os.getpid()}-140735.part",  # of a run that goes on
        tmp_path / "people" / "half.part",
        tmp_path / "mine" / f".{dead.pid}-140735.part",  # no folder of ours
    ]
    for path in (*leftovers, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    open_destination(tmp_path).close()
    assert not [path for path in leftovers if path.exists()]
    assert [path for path in others if path.exists()] == others


def test_a_folder_that_cannot_be_written_is_found_out_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        open_destination(tmp_path / "file")
    with pytest.raises(OutputError, match="/proc"):
        open_destination("/proc/nowhere")


def test_other_addresses_are_refused():
    with pytest.raises(OutputError, match="neither"):
        open_destination("https://a.example/out")


def test_results_reach_the_bucket_and_nothing_else_stays(client, bucket):
    with open_destination(
        f"s3://{bucket}/night/1", S3Options(endpoint_url=s3_server())
    ) as destination:
        assert stored(client, bucket) == {}  # the probe is gone
        write_all(destination.folder)
        destination.publish()
    assert stored(client, bucket) == {f"night/1/{name}": data for name, data in FILES.items()}
    assert not destination.folder.exists()
    picture = client.head_object(Bucket=bucket, Key="night/1/tsne.png")
    assert picture["ContentType"] == "image/png"


def test_the_bucket_itself_can_be_the_place(client, bucket):
    with open_destination(f"s3://{bucket}", S3Options(endpoint_url=s3_server())) as destination:
        (destination.folder / "groups.json").write_bytes(b"[]")
        destination.publish()
    assert stored(client, bucket) == {"groups.json": b"[]"}


def test_earlier_results_come_back_where_there_are_any(client, bucket, tmp_path):
    client.put_object(Bucket=bucket, Key="out/groups.json", Body=b"old")
    with open_destination(f"s3://{bucket}/out", S3Options(endpoint_url=s3_server())) as destination:
        destination.recall("groups.json", "corrections.toml")
        assert {path.name: path.read_bytes() for path in destination.folder.iterdir()} == {
            "groups.json": b"old"
        }
    (tmp_path / "groups.json").write_bytes(b"old")
    with open_destination(tmp_path) as destination:
        destination.recall("groups.json")
        assert (destination.folder / "groups.json").read_bytes() == b"old"


def test_a_reader_never_sees_half_of_the_results(client, bucket, proxy):
    """At every request, the place holds the old index or all of the new files."""
    client.put_object(Bucket=bucket, Key="out/groups.json", Body=b"old")
    seen = []

    def watching(handler):
        state = stored(client, bucket)
        seen.append(state["out/groups.json"])
        if seen[-1] == FILES["groups.json"]:
            assert all(state[f"out/{name}"] == data for name, data in FILES.items())
        forwards(s3_server())(handler)

    with open_destination(f"s3://{bucket}/out", proxy.options) as destination:
        write_all(destination.folder)
        proxy.otherwise = watching
        destination.publish()
    assert seen.count(b"old") > len(FILES)
    assert seen[-1] == b"[]"  # the clean-up came after the index


def test_a_failure_midway_leaves_the_old_results(client, bucket, proxy):
    client.put_object(Bucket=bucket, Key="out/groups.json", Body=b"old")
    with open_destination(f"s3://{bucket}/out", proxy.options) as destination:
        write_all(destination.folder)

        def fails_for_the_picture(handler):
            faulty = handler.command == "PUT" and "tsne.png" in handler.path
            (drops if faulty else forwards(s3_server()))(handler)

        proxy.otherwise = fails_for_the_picture
        with pytest.raises(OutputError, match="cannot write s3://"):
            destination.publish()
    assert stored(client, bucket) == {"out/groups.json": b"old"}


def test_a_bucket_that_cannot_be_written_is_found_out_at_once(proxy):
    with pytest.raises(OutputError, match="no such bucket"):
        open_destination("s3://no-such-bucket-here/out", proxy.options)
    proxy.otherwise = sends(b"<Error><Code>AccessDenied</Code></Error>", 403)
    with pytest.raises(OutputError, match="access is denied"):
        open_destination("s3://bucket/out", proxy.options)
