"""The command line, run as a user runs it: a process, its output, its exit code, its files."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from grouping.storage.cache import Cache
from tests.helpers.files import png_bomb
from tests.helpers.paths import PHOTOS, ROOT

BUNDLED = ROOT / "checkpoint" / "mobilefacenet_arcface_512.pth"


def run(*arguments, timeout=170, **options):
    command = [sys.executable, str(ROOT / "run_grouping.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


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
    process = run(
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
    assert run(*sources, *arguments).returncode == 2


def test_a_setting_out_of_range_is_a_known_error(tmp_path):
    process = run(PHOTOS, "--out", tmp_path, "--threshold", "7")
    assert_one_line_error(process, "threshold", "7")


def test_a_missing_or_empty_folder_is_a_known_error(tmp_path):
    assert_one_line_error(run(tmp_path / "nowhere", "--out", tmp_path / "o"), "nowhere")
    (tmp_path / "empty").mkdir()
    assert_one_line_error(run(tmp_path / "empty", "--out", tmp_path / "o"), "no photos")


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
        process = run(PHOTOS, "--out", out, "--checkpoint", path, cwd=tmp_path)
        assert_one_line_error(process, path.name, word)
        assert not (out / "groups.json").exists()
    assert not (tmp_path / "hacked").exists()


def test_an_unknown_device_is_a_known_error(tmp_path):
    assert_one_line_error(run(PHOTOS, "--out", tmp_path, "--device", "abacus"), "abacus")


def test_ctrl_c_ends_with_130(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for number in range(400):
        shutil.copy(PHOTOS / "two_presidents.jpg", album / f"{number}.jpg")
        with (album / f"{number}.jpg").open("ab") as file:
            file.write(str(number).encode())  # no two alike
    command = [sys.executable, str(ROOT / "run_grouping.py"), str(album), "--out", "o"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "words", [("", "--out", "x"), ("album", "--out", ""), ("album", "--out", "x", "--erase")]
)
def test_an_empty_argument_and_one_too_many_are_usage_errors(tmp_path, words):
    process = run(*words, cwd=tmp_path)
    assert process.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_forgetting_what_is_not_there_is_an_error(tmp_path):
    for words in (("--erase",), ("--forget", "a.jpg")):
        assert_one_line_error(run("--out", "typo", *words, cwd=tmp_path), "no cache")
    assert list(tmp_path.iterdir()) == []
    Cache.open(tmp_path / "cache.sqlite").close()
    process = run("--out", ".", "--forget", "a.jpg", cwd=tmp_path)
    assert process.returncode == 1
    assert "nothing was forgotten" in process.stderr
