"""Results in a bucket, night after night: what killed and earlier runs left, answers that lie."""

import logging
import os
import subprocess
import sys
import tempfile
from datetime import timedelta

import pytest

from grouping.errors import FetchError, OutputError
from grouping.storage.destinations import open_destination
from grouping.storage.s3 import leftovers, objects
from grouping.storage.s3.client import S3Options
from tests.helpers.paths import ROOT
from tests.helpers.services.servers import FaultyServer, forwards, s3_server
from tests.helpers.soaking import FAULTS

pytestmark = pytest.mark.usefixtures("s3_credentials", "short_pauses")

# Begins to upload, says so when the first file is there, and waits to be killed.
KILLED = """
import sys, time
from grouping.storage.destinations import open_destination
from grouping.storage.s3.client import S3Options
destination = open_destination(sys.argv[1], S3Options(endpoint_url=sys.argv[2]))
(destination.folder / "groups.json").write_bytes(b"face")
destination._upload("groups.json")
destination._objects._client.create_multipart_upload(
    Bucket=destination._objects._bucket, Key=destination._aside + "people.zip"
)
print("there", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where temporary folders are made, here and by runs that are started."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def options(**more):
    return S3Options(endpoint_url=s3_server(), **more)


def write(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


def put_there(url, files, s3=None):
    """One run that gives these files."""
    with open_destination(url, s3 or options()) as destination:
        write(destination.folder, files)
        destination.publish()


def stored(client, bucket):
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        item["Key"]: client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in found
    }


def started(url):
    """A run that has uploaded its first file."""
    command = [sys.executable, "-c", KILLED, url, s3_server()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "there\n"
    return process


def test_what_a_killed_run_left_is_removed_by_the_next(client, bucket, temporary):
    url = f"s3://{bucket}/out"
    with started(url) as process:
        open_destination(url, options()).close()
        assert list(stored(client, bucket).values()) == [b"face"]  # of a run that goes on
        process.kill()
    assert len(os.listdir(temporary)) == 1
    open_destination(url, options()).close()
    assert stored(client, bucket) == {}
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert os.listdir(temporary) == []


def test_a_run_to_another_place_removes_the_faces_and_leaves_the_rest_to_the_next_one_there(
    client, bucket, temporary
):
    with started(f"s3://{bucket}/out") as process:
        process.kill()
    open_destination(f"s3://{bucket}/other", options()).close()
    assert len(stored(client, bucket)) == 1
    (left,) = temporary.iterdir()
    assert os.listdir(left) == []
    open_destination(f"s3://{bucket}/out", options()).close()
    assert stored(client, bucket) == {}
    assert os.listdir(temporary) == []


def test_what_runs_of_other_machines_left_goes_when_it_is_old(client, bucket, monkeypatch):
    theirs = f"out/.incomplete-{'5f' * 16}/thumbs/a.jpg"
    for key in (theirs, "out/.incomplete-mine/a.jpg"):
        client.put_object(Bucket=bucket, Key=key, Body=b"face")
    open_destination(f"s3://{bucket}/out", options()).close()
    assert theirs in stored(client, bucket)
    monkeypatch.setattr(leftovers, "LONGEST_RUN", timedelta(seconds=-60))
    open_destination(f"s3://{bucket}/out", options()).close()
    assert [*stored(client, bucket)] == ["out/.incomplete-mine/a.jpg"]  # named as ours never are


def test_temporary_folders_of_other_forms_go_with_their_process(temporary, bucket):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for process in (dead.pid, os.getpid()):
        (temporary / f"face-grouping-{process}-ab" / "thumbs").mkdir(parents=True)
    (temporary / "face-grouping-notes").mkdir()
    open_destination(f"s3://{bucket}/out", options()).close()
    assert sorted(os.listdir(temporary)) == [
        f"face-grouping-{os.getpid()}-ab",
        "face-grouping-notes",
    ]


def test_what_only_earlier_runs_made_is_removed_and_nothing_else(client, bucket):
    """Pictures of somebody who is in no group now, say; files of others stay where they are."""
    first = {
        "groups.json": b"1",
        "people.zip": b"zip",
        "thumbs/a.jpg": b"a",
        "groups/person_001.jpg": b"b",
    }
    put_there(f"s3://{bucket}/out", first)
    others = {"out/thumbs/mine.jpg": b"m", "out/faces.csv": b"m", "elsewhere/groups.json": b"m"}
    for key, data in others.items():
        client.put_object(Bucket=bucket, Key=key, Body=data)
    put_there(f"s3://{bucket}/out", {"groups.json": b"2", "thumbs/c.jpg": b"c"})
    now = {"out/groups.json": b"2", "out/thumbs/c.jpg": b"c"}
    assert stored(client, bucket) == others | now


def test_corrections_that_are_edited_during_a_run_stay(client, bucket):
    key = {"Bucket": bucket, "Key": "out/corrections.toml"}
    client.put_object(**key, Body=b"version = 1")
    with open_destination(f"s3://{bucket}/out", options()) as destination:
        destination.recall("groups.json", "corrections.toml")
        client.put_object(**key, Body=b"version = 1 # edited")
        write(destination.folder, {"groups.json": b"{}"})
        destination.publish()
    found = stored(client, bucket)
    assert found == {"out/corrections.toml": b"version = 1 # edited", "out/groups.json": b"{}"}


# Servers that fail in a way that botocore itself takes care of, or slowly, are left to the soak.
FAST = [name for name in FAULTS if not name.startswith(("status 50", "s", "503"))]


@pytest.mark.parametrize("fault", [*FAST, "status 403", "status 404"])
def test_results_arrive_whole_though_the_first_request_of_each_kind_fails(fault, client, bucket):
    """Whatever is answered in its place, be it a lie that passes for yes."""
    right, asked, url = forwards(s3_server()), set(), f"s3://{bucket}/out"
    put_there(url, {"groups.json": b"0", "thumbs/old.jpg": b"old", "corrections.toml": b"c"})

    def answer(handler):
        place = handler.path.partition("?")[0].rpartition("/")[2]
        if "/.incomplete-" in handler.path and place == "probe":
            return right(handler)
        request = (handler.command, place, "delete" in handler.path)
        chosen = right if request in asked else FAULTS[fault](right)
        asked.add(request)
        chosen(handler)

    with FaultyServer() as server:
        server.otherwise = answer
        address = server.url("").rstrip("/")
        s3 = S3Options(endpoint_url=address, attempts=3, read_timeout=3)
        with open_destination(url, s3) as destination:
            destination.recall("groups.json", "corrections.toml")
            assert (destination.folder / "groups.json").read_bytes() == b"0"
            write(destination.folder, {"groups.json": b"1", "tsne.png": b"png"})
            destination.publish()
    assert ("PUT", "groups.json", False) in asked
    assert stored(client, bucket) == {
        "out/groups.json": b"1",
        "out/tsne.png": b"png",
        "out/corrections.toml": b"c",
    }


def test_where_nothing_may_be_removed_the_results_are_there_and_that_is_said(
    client, bucket, caplog, temporary
):
    denied = b"<Error><Code>AccessDenied</Code></Error>"

    def no_deletes(handler):
        if handler.command != "POST" or "delete" not in handler.path:
            return forwards(s3_server())(handler)
        # Read, or the rest of the request ends the connection under the next one.
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        return handler.answer(denied, 403)

    with FaultyServer() as server:
        server.otherwise = no_deletes
        s3 = S3Options(endpoint_url=server.url("").rstrip("/"), attempts=1)
        with caplog.at_level(logging.WARNING):
            put_there(f"s3://{bucket}/out", {"groups.json": b"1"}, s3)
    assert "cannot be removed now: access is denied" in caplog.text
    assert stored(client, bucket)["out/groups.json"] == b"1"
    assert len(os.listdir(temporary)) == 1  # by which the next run knows what is to be removed


def test_listings_without_an_end_are_left(client, bucket, monkeypatch):
    for number in range(3):
        client.put_object(Bucket=bucket, Key=f"thumbs/{number}", Body=b"")
    stored = objects.S3Objects(bucket, options())
    assert len(stored.listed("thumbs/")) == 3
    monkeypatch.setattr(objects, "MOST_PAGES", 0)
    assert stored.listed("thumbs/") == []


def test_a_full_temporary_folder_is_one_line(bucket, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(OutputError, match="cannot write /proc/nowhere"):
        open_destination(f"s3://{bucket}/out", options())


def test_a_start_whose_answer_was_lost_is_cleared_by_the_next(client, bucket, monkeypatch):
    """The first object may be stored, whatever came back."""
    url = f"s3://{bucket}/out"
    whole = objects.S3Objects.try_to_write

    def stored_and_lost(self, key):
        whole(self, key)
        raise FetchError("the connection to S3 failed", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(objects.S3Objects, "try_to_write", stored_and_lost)
        patch.setattr(os, "getpid", lambda: 2**22 + 1)  # of a process that is not there any more
        with pytest.raises(OutputError):
            open_destination(url, options())
    assert len(stored(client, bucket)) == 1
    put_there(url, {"groups.json": b"face"})
    assert set(stored(client, bucket)) == {"out/groups.json"}


def test_results_that_cannot_be_uploaded_for_good_stay_on_this_machine(client, bucket, temporary):
    """A token that ran out overnight: hours of work are not lost with it."""

    def uploads_denied(handler):
        place = handler.path.partition("?")[0].rpartition("/")[2]
        if handler.command != "PUT" or place == "probe":
            return forwards(s3_server())(handler)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        return handler.answer(b"<Error><Code>ExpiredToken</Code></Error>", 403)

    with FaultyServer() as server:
        server.otherwise = uploads_denied
        s3 = S3Options(endpoint_url=server.url("").rstrip("/"), attempts=1)
        with pytest.raises(OutputError, match="to be uploaded from there") as raised:
            put_there(f"s3://{bucket}/out", {"groups.json": b"1", "thumbs/a.jpg": b"face"}, s3)
    (kept,) = temporary.iterdir()
    assert str(kept) in str(raised.value)
    assert kept.stat().st_mode & 0o077 == 0
    assert (kept / "groups.json").read_bytes() == b"1"
    assert (kept / "thumbs" / "a.jpg").read_bytes() == b"face"
    assert stored(client, bucket) == {}
    put_there(f"s3://{bucket}/out", {"groups.json": b"2"})  # which clears what killed runs left
    assert (kept / "groups.json").read_bytes() == b"1"
