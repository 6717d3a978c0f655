"""The command ``find``, as it is typed."""

import json
import shutil
import stat

import pytest

from grouping.cli.main import main
from grouping.storage.cache import Cache
from tests.helpers.paths import PHOTOS

SELFIE = str(PHOTOS / "president_obama_1.jpg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("result")
    assert main([str(PHOTOS), "--out", str(out), "--no-plots", "--workers", "0"]) == 0
    return out


@pytest.fixture
def own(folder, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(folder, tmp_path / "own")


def answers(capsys, *words):
    capsys.readouterr()
    assert main(["find", *map(str, words), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_person_and_the_photos_are_printed(folder, capsys):
    assert main(["find", SELFIE, "--in", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "person     Person 000  similarity 0.92, 0.43 needed" in out
    assert "photos     4" in out
    assert "  1.00  president_obama_1.jpg" in out
    assert "people of this album are named when asked for with themselves taken out" in out


def test_nobody_is_an_answer_and_no_face_to_ask_for_is_none(folder, tmp_path, capsys):
    """As verify has it: one rule for the commands that look at photos one by one."""
    assert main(["find", str(PHOTOS / "two_presidents.jpg"), "--in", str(folder)]) == 1
    said = capsys.readouterr()
    assert "nobody     two faces" in said.out
    assert "error: no photo could be asked for; the first: " in said.err
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff")
    rocket, good = str(PHOTOS / "rocket.jpg"), str(PHOTOS / "astronaut.jpg")
    for words in (
        ["find", broken, "--in", folder, "--json"],
        ["find", rocket, broken, "--each", "--in", folder],
        ["verify", broken, SELFIE],
        ["verify", rocket, SELFIE],
        ["extract", broken, "--json"],
        ["analyze", broken],
    ):
        assert main([str(word) for word in words]) == 1
        assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error: ")
    for words in (
        ["find", good, "--in", folder, "--max-false-matches", "1e-9"],
        ["find", good, broken, "--each", "--in", folder],
        ["verify", good, SELFIE],
        ["extract", rocket, broken, "--json"],
        ["analyze", rocket],
    ):
        assert main([str(word) for word in words]) == 0


def test_json_is_one_object_a_look_up(folder, own, capsys):
    (found,) = answers(capsys, SELFIE, "--in", folder)
    assert found["found"]
    assert len(found["photos"]) == 4
    assert set(found["photos"][0]) == {"id", "url", "face_idx", "box", "similarity", "in_group"}
    several = answers(capsys, PHOTOS, "--each", "--in", folder, own)
    assert [line["album"] for line in several] == [str(folder)] * 7 + [str(own)] * 7
    assert sum(line["found"] for line in several[:7]) == 5


def test_photos_are_copied_and_shown(folder, tmp_path, capsys):
    mine, page = tmp_path / "mine", tmp_path / "page"
    words = ["find", SELFIE, "--in", str(folder), "--copy-to", str(mine), "--page", str(page)]
    assert main(words) == 0
    assert f"copied     4 photos to {mine}" in capsys.readouterr().out
    for path in mine.iterdir():
        assert path.read_bytes() == (PHOTOS / path.name).read_bytes()
    assert len(list(mine.iterdir())) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in (mine, page)} == {0o700}
    assert (page / "index.html").exists()


def test_each_has_a_folder_of_its_own(folder, tmp_path, capsys):
    two = [str(PHOTOS / name) for name in ("astronaut.jpg", "president_biden.jpg")]
    words = ["find", *two, "--each", "--in", str(folder), "--copy-to", str(tmp_path / "to")]
    assert main(words) == 0
    found = {path.name: len(list(path.iterdir())) for path in (tmp_path / "to").iterdir()}
    assert found == {f"{folder.name} astronaut": 1, f"{folder.name} president_biden": 2}
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("selfie ")] == [
        f"selfie     {p}" for p in two
    ]


def test_a_photo_that_has_changed_is_not_copied(folder, tmp_path, own, capsys):
    document = json.loads((own / "groups.json").read_text())
    changed = tmp_path / "president_obama_2.jpg"
    changed.write_bytes(b"something else")
    for image in document["images"]:
        if image["url"].endswith(changed.name):
            image["url"] = str(changed)
    (own / "groups.json").write_text(json.dumps(document))
    assert main(["find", SELFIE, "--in", str(own), "--copy-to", str(tmp_path / "to")]) == 0
    out = capsys.readouterr().out
    assert "note       president_obama_2.jpg: the photo has changed since it was grouped" in out
    assert len(list((tmp_path / "to").iterdir())) == 3


def test_nothing_is_made_for_nobody(folder, tmp_path):
    to = tmp_path / "to"
    rocket = str(PHOTOS / "rocket.jpg")
    words = ["find", rocket, "--in", str(folder), "--copy-to", str(to), "--page", str(to)]
    assert main(words) == 1
    assert not to.exists()


def test_a_page_of_somebody_else_is_not_written_over(folder, tmp_path, capsys):
    words = ["find", SELFIE, "--in", str(folder), "--page", str(tmp_path)]
    (tmp_path / "index.html").write_text("mine")
    assert main(words) == 1
    assert "is no page of this program" in capsys.readouterr().err
    assert (tmp_path / "index.html").read_text() == "mine"
    (tmp_path / "index.html").unlink()
    assert main(words) == main(words) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([SELFIE, "--in", "/nowhere"], "no folder of results"),
        (["/nowhere.jpg", "--in", "{}"], "does not exist"),
        ([SELFIE, "--in", "{}", "--max-false-matches", "1"], "share of false matches"),
        ([SELFIE, "--in", "{}", "--cache", "/nowhere.sqlite"], "there is no cache"),
        ([SELFIE, "--in", "{}", "--checkpoint", "/nowhere.pth"], "cannot be read"),
        ([SELFIE, "--in", "{}", "--page", "{}"], "has the page of an album"),
    ],
)
def test_errors_are_one_line(folder, capsys, words, said):
    assert main(["find", *(word.format(folder) for word in words)]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert said in error
    assert "\n" not in error


def test_an_album_grouped_without_a_cache_says_how_to_keep_vectors(tmp_path, capsys):
    out = tmp_path / "out"
    words = [str(PHOTOS / "astronaut.jpg"), "--out", str(out), "--no-plots", "--no-cache"]
    assert main([*words, "--workers", "0"]) == 0
    capsys.readouterr()
    assert main(["find", SELFIE, "--in", str(out)]) == 1
    assert "group it again without --no-cache" in capsys.readouterr().err


def test_forgotten_photos_are_told(own, capsys):
    with Cache.open(own / "cache.sqlite") as cache:
        cache.forget([PHOTOS / "astronaut.jpg"])
    (found,) = answers(capsys, SELFIE, "--in", own)
    assert any("no vector of 1 face of the album" in remark for remark in found["remarks"])
    (gone,) = answers(capsys, PHOTOS / "astronaut.jpg", "--in", own)
    assert not gone["found"]


def test_fewer_false_matches_need_more_likeness(folder, capsys):
    (usual,) = answers(capsys, SELFIE, "--in", folder)
    (strict,) = answers(capsys, SELFIE, "--in", folder, "--max-false-matches", "1e-5")
    assert strict["needed"] > usual["needed"] + 0.1
    assert strict["false_matches"]["allowed"] == 1e-5
