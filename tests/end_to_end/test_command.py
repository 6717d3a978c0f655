"""The command line as a user sees it: its output, its exit code, its files, its end by signals."""

import contextlib
import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image

from grouping.storage.cache import Cache
from tests.helpers.command import run, run_here
from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.photo_files.files import png_bomb

BUNDLED = ROOT / "checkpoint" / "mobilefacenet_arcface_512.pth"


def assert_one_line_error(process, *words):
    assert process.returncode == 1, process.stderr
    errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, process.stderr
    assert "Traceback" not in process.stderr
    for word in words:
        assert word in errors[0]


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    """The sample photos among broken ones with difficult names."""
    album = tmp_path_factory.mktemp("사진 album 🎉")
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, album)
    shutil.copy(PHOTOS / "president_obama_1.jpg", album / "이름 with space 😀\nnewline.jpg")
    (album / "empty.jpg").touch()
    (album / "text.png").write_text("not a picture")
    (album / "cut.jpg").write_bytes((PHOTOS / "president_biden.jpg").read_bytes()[:60])
    Image.new("RGB", (1, 1)).save(album / "one pixel.png")
    (album / "huge.png").write_bytes(png_bomb(60_000))
    out = tmp_path_factory.mktemp("out") / "result"
    process = run(album, "--out", out, "--max-failures", 50)
    return process, out, json.loads((out / "groups.json").read_text())


def test_a_run_succeeds_although_photos_fail(sample_run):
    process, _, document = sample_run
    assert process.returncode == 0, process.stderr
    errors = {Path(i["url"]).name: i["error"] for i in document["images"] if "error" in i}
    assert set(errors) == {"empty.jpg", "text.png", "cut.jpg", "huge.png"}
    assert "megapixels" in errors["huge.png"]
    assert "4 failed" in process.stdout
    assert "empty.jpg" in process.stdout


def test_the_result_names_people_model_and_settings(sample_run):
    _, _, document = sample_run
    people = [{Path(i).name for i in group["image_ids"]} for group in document["groups"]]
    assert len(people) == 2
    assert {"president_obama_1.jpg", "이름 with space 😀\nnewline.jpg"} <= people[0]
    assert people[1] == {"president_biden.jpg", "two_presidents.jpg"}
    assert document["model"]["file"] == BUNDLED.name
    assert document["model"]["sha256"].startswith("cb3e54ce")
    assert document["settings"]["threshold"] == pytest.approx(0.4, abs=0.1)
    assert document["version"]
    one = next(i for i in document["images"] if i["url"].endswith("one pixel.png"))
    assert one["group_idx"] == [-2]


def test_pictures_are_written_and_open(sample_run):
    _, out, document = sample_run
    tsne = Image.open(out / "tsne.png")
    tsne.load()
    assert min(tsne.size) >= 600
    for group in document["groups"]:
        sheet = Image.open(out / "groups" / f"person_{group['group_idx']:03d}.jpg")
        sheet.load()
        assert min(sheet.size) >= 300


def test_no_plots_leaves_them_out_and_files_are_accepted(tmp_path):
    process = run_here(
        PHOTOS / "president_obama_1.jpg",
        PHOTOS / "president_obama_2.jpg",
        "--out",
        tmp_path / "out",
        "--no-plots",
    )
    assert process.returncode == 0, process.stderr
    assert not (tmp_path / "out" / "tsne.png").exists()
    assert len(json.loads((tmp_path / "out" / "groups.json").read_text())["groups"]) == 1


def test_help_and_usage_errors_need_no_torch(tmp_path):
    code = (
        "import sys\nfrom grouping.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
        "    print('torch' in sys.modules, end.code)"
    )
    for arguments, want in ((["--help"], "False 0"), (["photos"], "False 2")):
        process = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT
        )
        assert process.stdout.splitlines()[-1] == want


def test_help_teaches():
    text = run("--help").stdout
    for word in (
        "--checkpoint",
        "--threshold",
        "--min-face",
        "--no-plots",
        "exit codes",
        "example",
    ):
        assert word in text


@pytest.mark.parametrize(
    "arguments", [["--cluster", "k"], ["--threshold", "x"], ["--nonsense"], []]
)
def test_usage_errors_exit_with_2(arguments, tmp_path):
    sources = [PHOTOS, "--out", tmp_path] if arguments else []
    assert run_here(*sources, *arguments).returncode == 2


def test_a_setting_out_of_range_is_a_known_error(tmp_path):
    process = run_here(PHOTOS, "--out", tmp_path, "--threshold", "7")
    assert_one_line_error(process, "threshold", "7")


def test_a_missing_or_empty_folder_is_a_known_error(tmp_path):
    assert_one_line_error(run_here(tmp_path / "nowhere", "--out", tmp_path / "o"), "nowhere")
    (tmp_path / "empty").mkdir()
    assert_one_line_error(run_here(tmp_path / "empty", "--out", tmp_path / "o"), "no photos")


def test_an_output_that_cannot_be_written_is_found_out_first(tmp_path):
    (tmp_path / "file").write_text("in the way")
    started = time.monotonic()
    assert_one_line_error(run(PHOTOS, "--out", tmp_path / "file" / "out"), "file")
    assert time.monotonic() - started < 5  # before any network is loaded


class _Hostile:
    def __reduce__(self):
        return (os.system, ("echo hacked > hacked",))


def _checkpoints(folder):
    data = BUNDLED.read_bytes()
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4804923\n"
    (folder / "pointer.pth").write_bytes(lfs)
    (folder / "truncated.pth").write_bytes(data[: len(data) // 2])
    (folder / "empty.pth").touch()
    (folder / "hostile.pth").write_bytes(pickle.dumps(_Hostile()))
    torch.save({"layer.weight": torch.zeros(3, 3)}, folder / "other.pth")
    words = {"pointer": "LFS", "truncated": "", "empty": "empty", "hostile": "", "other": ""}
    return {folder / f"{name}.pth": word for name, word in words.items()} | {
        folder / "missing.pth": "missing.pth"
    }


def test_bad_checkpoints_are_refused_before_any_photo_is_touched(tmp_path):
    for path, word in _checkpoints(tmp_path).items():
        out = tmp_path / f"out {path.stem}"
        process = run_here(PHOTOS, "--out", out, "--checkpoint", path, cwd=tmp_path)
        assert_one_line_error(process, path.name, word)
        assert not (out / "groups.json").exists()
    assert not (tmp_path / "hacked").exists()


def test_an_unknown_device_is_a_known_error(tmp_path):
    assert_one_line_error(run_here(PHOTOS, "--out", tmp_path, "--device", "abacus"), "abacus")


def photos_kept(cache):
    """How many photos a run that goes on has stored."""
    try:
        with contextlib.closing(sqlite3.connect(f"{cache.as_uri()}?mode=ro", uri=True)) as reading:
            return reading.execute("SELECT count(*) FROM detections").fetchone()[0]
    except sqlite3.Error:  # it has not been made
        return 0


def test_ctrl_c_ends_with_130(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for number in range(400):
        shutil.copy(PHOTOS / "two_presidents.jpg", album / f"{number}.jpg")
        with (album / f"{number}.jpg").open("ab") as file:
            file.write(str(number).encode())  # no two alike
    command = [sys.executable, str(ROOT / "run_grouping.py"), str(album), "--out", "o"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not photos_kept(tmp_path / "o" / "cache.sqlite"):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until, "no photo was done in time"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [(signal.SIGINT, 0.05), (signal.SIGINT, 0.6), (signal.SIGINT, 1.5), (signal.SIGTERM, 0.6)],
)
def test_a_signal_to_all_processes_in_the_first_seconds_is_one_line(tmp_path, seconds, kind):
    """As a terminal sends Ctrl-C, and a service manager SIGTERM."""
    album = tmp_path / "album"
    album.mkdir()
    for number in range(60):
        shutil.copy(PHOTOS / "two_presidents.jpg", album / f"{number}.jpg")
        with (album / f"{number}.jpg").open("ab") as file:
            file.write(str(number).encode())  # no two alike
    code = (
        "import os, runpy, sys; del sys.argv[0]; sys.path[0] = os.path.dirname(sys.argv[0])\n"
        "sys.stderr.write('begun\\n'); sys.stderr.flush()\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    script = str(ROOT / "run_grouping.py")
    process = subprocess.Popen(
        [sys.executable, "-c", code, script, "album", "--out", "o", "--workers", "2"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr.readline() == "begun\n"  # Python itself is up
    time.sleep(seconds)
    os.killpg(process.pid, kind)
    _, errors = process.communicate(timeout=60)
    if process.returncode == -signal.SIGTERM:  # a slow machine: before our first instruction
        assert (errors, (tmp_path / "o").exists()) == ("", False)
        return
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in errors.splitlines()[-1]


def test_two_signals_end_a_run_that_is_busy_with_one_photo(tmp_path):
    """C code that takes a minute, in this process: Python's handlers are not called meanwhile."""
    code = (
        "import hashlib, sys\n"
        "from grouping.faces import scales\n"
        "def busy(*_, **__):\n"
        "    sys.stderr.write('busy\\n'); sys.stderr.flush()\n"
        "    hashlib.pbkdf2_hmac('sha256', b'a', b'b', 200_000_000)\n"
        "scales.photo_size = busy\n"
        "from grouping.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, str(PHOTOS), "--out", str(tmp_path / "o")]
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while (line := process.stderr.readline()) != "busy\n":
        assert line, "it has ended before it was busy"
    started = time.monotonic()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 130
    assert time.monotonic() - started < 30
    assert "Traceback" not in errors


def test_sigterm_leaves_nothing_half_written(tmp_path):
    """Sent while the archive is written: no part of it stays, and 130 as after Ctrl-C."""
    out = tmp_path / "out"
    assert run_here(PHOTOS, "--out", out, "--no-plots").returncode == 0
    code = (
        "import sys, os, signal, zipfile\n"
        "real = zipfile.ZipFile.writestr\n"
        "def slow(self, *a, **k):\n"
        "    real(self, *a, **k); os.kill(os.getpid(), signal.SIGTERM)\n"
        "zipfile.ZipFile.writestr = slow\n"
        "from grouping.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, "report", str(out), "--zip", "--no-plots"]
    process = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert process.returncode == 130, process.stderr
    assert process.stderr == "interrupted\n"
    assert not list(out.glob(".*.part"))
    assert not (out / "people.zip").exists()


def test_letters_that_the_terminal_does_not_know_end_no_run(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for number, photo in enumerate(sorted(PHOTOS.glob("president_obama*.jpg"))[:2]):
        shutil.copy(photo, album / f"사진 {number}.jpg")
    (album / "깨진 파일.jpg").write_bytes(b"no picture")
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    words = (album, "--out", tmp_path / "결과", "--max-failures", 50)
    process = run(*words, env=environment, encoding="cp1252")
    assert process.returncode == 0, process.stderr
    assert r"\uae68\uc9c4" in process.stdout


def test_control_characters_of_names_do_not_reach_the_terminal(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    shutil.copy(PHOTOS / "president_biden.jpg", album / "a.jpg")
    (album / "\x1b[31mred\n2026 fake line\u202e.jpg").write_bytes(b"no picture")
    process = run(album, "--out", tmp_path / "o", "--max-failures", 60, "-v")
    assert process.returncode == 0, process.stderr
    shown = process.stdout + process.stderr
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not [line for line in shown.splitlines() if line.startswith("2026 fake line")]


def test_results_are_for_their_owner_alone_unless_shared(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for number in (2, 3):
        shutil.copy(PHOTOS / f"president_obama_{number}.jpg", album)
    before = os.umask(0o022)
    try:
        done = run_here(album, "--out", tmp_path / "mine", "--zip", "--folders", "copy")
        assert done.returncode == 0, done.stderr
        assert run(album, "--out", tmp_path / "ours", "--no-plots", "--share").returncode == 0
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "mine").rglob("*")}
    assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "ours" / "groups.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "words", [("", "--out", "x"), ("album", "--out", ""), ("album", "--out", "x", "--erase")]
)
def test_an_empty_argument_and_one_too_many_are_usage_errors(tmp_path, words):
    process = run_here(*words, cwd=tmp_path)
    assert process.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_forgetting_what_is_not_there_is_an_error(tmp_path):
    for words in (("--erase",), ("--forget", "a.jpg")):
        assert_one_line_error(run_here("--out", "typo", *words, cwd=tmp_path), "no cache")
    assert list(tmp_path.iterdir()) == []
    Cache.open(tmp_path / "cache.sqlite").close()
    process = run_here("--out", ".", "--forget", "a.jpg", cwd=tmp_path)
    assert process.returncode == 1
    assert "nothing was forgotten" in process.stderr


def test_people_known_beforehand_are_named_and_the_missing_are_listed(tmp_path):
    people = tmp_path / "people"
    people.mkdir()
    shutil.copy(PHOTOS / "president_obama_1.jpg", people / "Barack Obama.jpg")
    shutil.copy(PHOTOS / "president_biden.jpg", people / "Joe Biden.jpg")
    shutil.copy(PHOTOS / "astronaut.jpg", people / "Eileen Collins.jpg")
    album = tmp_path / "album"
    album.mkdir()
    for name in ("president_obama_2.jpg", "president_obama_3.jpg", "two_presidents.jpg"):
        shutil.copy(PHOTOS / name, album)
    out = tmp_path / "out"
    process = run_here(album, "--out", out, "--people", people)
    assert process.returncode == 0, process.stderr
    assert "2 of 3 found" in process.stdout
    assert "not found  Eileen Collins" in process.stdout
    document = json.loads((out / "groups.json").read_text())
    photos = {g["name"]: {Path(i).name for i in g["image_ids"]} for g in document["groups"]}
    assert photos == {
        "Barack Obama": {"president_obama_2.jpg", "president_obama_3.jpg", "two_presidents.jpg"},
        "Joe Biden": {"two_presidents.jpg"},
    }
    rows = (out / "people.csv").read_text("utf-8-sig").splitlines()
    assert rows[1].startswith("Barack Obama,,yes,0,3,3,president_obama_2.jpg | ")
    assert rows[2] == "Eileen Collins,,no,,0,0,"
    assert "Eileen Collins" in (out / "index.html").read_text()
    # Nothing of the references is kept: neither photo nor vector.
    with sqlite3.connect(out / "cache.sqlite") as cache:
        kept = {row[0] for row in cache.execute("SELECT sha256 FROM embeddings")}
    assert kept == {sha256(path.read_bytes()).hexdigest() for path in album.iterdir()}

    # Names travel: the next event knows the people of this one.
    later = tmp_path / "later"
    later.mkdir()
    shutil.copy(PHOTOS / "president_obama_1.jpg", later)
    shutil.copy(PHOTOS / "president_biden.jpg", later)
    process = run_here(later, "--out", tmp_path / "out 2", "--people", out, "--no-plots")
    assert process.returncode == 0, process.stderr
    document = json.loads((tmp_path / "out 2" / "groups.json").read_text())
    found = {g["name"]: [Path(i).name for i in g["image_ids"]] for g in document["groups"]}
    assert found == {
        "Barack Obama": ["president_obama_1.jpg"],
        "Joe Biden": ["president_biden.jpg"],
    }


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "holds no photo of anybody"),
        (lambda folder: (folder / "A.jpg").write_bytes(b"x"), "no photo of known people"),
        (lambda folder: (folder / "groups.json").write_text("{}"), "groups.json"),
    ],
)
def test_a_list_of_people_that_cannot_be_used_is_found_out_before_the_work(tmp_path, make, words):
    people = tmp_path / "people"
    people.mkdir()
    make(people)
    process = run_here(PHOTOS, "--out", tmp_path / "out", "--people", people)
    assert_one_line_error(process, words)
    assert not (tmp_path / "out" / "groups.json").exists()
