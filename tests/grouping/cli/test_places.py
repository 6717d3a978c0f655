"""Folders of one run inside of each other, or links to each other."""

import shutil

import pytest

from grouping.cli.main import main
from grouping.report.report import write_report
from grouping.sources.listing import list_sources
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.folders import touch, tree
from tests.helpers.results.album import album


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("album/a", "no/Joe", "guests/Ada", "out/people/000"):
        (tmp_path / name).mkdir(parents=True)
        shutil.copy(PHOTOS / "astronaut.jpg", tmp_path / name / "1.jpg")
    touch(tmp_path, "out/groups.json", "out/faces.csv", "out/people/.contents")
    (tmp_path / "link").symlink_to("no")
    (tmp_path / "album link").symlink_to("album")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "album --out no/out --opt-out no",
        "album --out no --opt-out no",
        "album --out link/out --opt-out no",
        "album --out guests/out --people guests",
        "album --out out --opt-out no --redact no/covered",
        "album --out out --opt-out no --redact link",
        "album --out out --people guests --opt-out no --redact guests/covered",
        "album --out out --opt-out out/people",
        "album --out out --people out/people",
        "album --out new --opt-out guests/Ada --people guests",
        "album --out new --opt-out no --people link",
        "no --out new --opt-out no",
        "link/Joe --out new --opt-out no",
        "no/Joe/1.jpg --out new --opt-out no",
        "out/people --out out",
        "album --out new --cache new/groups.json",
        "album --out new --cache new/thumbs/c.sqlite",
        "album --out new --cache new/.face-grouping.lock",
        "album --out new --opt-out out",
        "album --out out --opt-out no --redact out",
        "album --out out --opt-out no --redact out/thumbs",
        "album --out new --opt-out no --redact album/covered",
        "album --out new --opt-out no --redact album?link/covered",
        "album/a --out new --opt-out no --redact album",
    ],
)
def test_folders_that_would_mix_are_refused_and_nothing_is_touched(here, capsys, words):
    before = tree(here)
    assert main([word.replace("?", " ") for word in words.split()]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert tree(here) == before
    assert not (here / "new").exists()


def test_photos_of_people_among_the_photos_are_none_of_the_album(here, caplog):
    shutil.copytree(here / "no", here / "album" / "no")
    (here / "album" / "a link").symlink_to(here / "guests")
    folders = [here / "album" / "no", here / "guests"]
    listed = [photo.location for photo in list_sources([here / "album"], references=folders)]
    assert listed == [str(here / "album" / "a" / "1.jpg")]
    assert caplog.text.count("photos of --people or --opt-out") == 2
    assert len(list(list_sources([here / "guests"], references=folders))) == 1  # named itself


def test_results_of_a_run_are_nobody(here, capsys):
    shutil.copytree(here / "out", here / "guests" / "earlier")
    for option in ("--people", "--opt-out"):
        assert main(["album", "--out", "new", option, "guests"]) == 1
        assert "holds results of a run, no photos of one person" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["index.html", "faces.csv", "tsne.png", "groups/person_001.jpg", "people.zip"]
)
def test_a_first_run_writes_over_nothing(tmp_path, capsys, name):
    out = tmp_path / "out"
    touch(out, name, "mine.txt", "groups/mine.jpg")
    before = tree(out)
    assert main([str(PHOTOS / "rocket.jpg"), "--out", str(out)]) == 1
    assert f"has {name}, which is of no run of this program" in capsys.readouterr().err
    assert tree(out) == before
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("name", ["thumbs", "groups", "people", "sidecars"])
def test_nothing_that_shows_who_opted_out_hides_behind_a_link(here, capsys, name):
    (here / "elsewhere").mkdir()
    shutil.rmtree(here / "out" / name, ignore_errors=True)
    (here / "out" / name).symlink_to(here / "elsewhere")
    assert main(["album", "--out", "out", "--opt-out", "no"]) == 1
    assert f"{name} is a link, and nothing that shows" in capsys.readouterr().err


def test_contact_sheets_behind_a_link_stay(tmp_path):
    touch(tmp_path, "elsewhere/person_777.jpg")
    result, open_photo = album([[0], [0]])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "groups").symlink_to(tmp_path / "elsewhere")
    write_report(result, tmp_path / "out", open_photo, plots=False)
    assert (tmp_path / "elsewhere" / "person_777.jpg").exists()
