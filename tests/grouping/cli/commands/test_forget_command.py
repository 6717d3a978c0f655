"""``forget``: the cache, and the small pictures beside it."""

import json
from pathlib import Path

import pytest

from grouping.cli.main import main
from grouping.report.report import write_report
from grouping.results.document import encode_document
from grouping.storage.cache import Cache
from tests.helpers.results.album import album


@pytest.fixture
def folder(tmp_path):
    """Results of two photos of one person, and files of somebody else among the pictures."""
    out = tmp_path / "out"
    document, open_photo = album([[0], [0]])
    for number, image in enumerate(document["images"]):
        photo = tmp_path / f"{number}.png"
        photo.write_bytes(open_photo(number))
        image["url"] = str(photo)
    write_report(document, out, open_photo)
    (out / "groups.json").write_bytes(encode_document(document))
    digest = document["images"][0]["sha256"]
    for name in (f"{digest[:20]}.png", f"{digest[:20]}-mine.jpg", "mine.jpg"):
        (out / "thumbs" / name).write_bytes(b"mine")
    Cache.open(out / "cache.sqlite").close()
    return out


def small_pictures(folder: Path, photo: int) -> set[str]:
    digest = json.loads((folder / "groups.json").read_text())["images"][photo]["sha256"]
    return {p.name for p in (folder / "thumbs").glob(f"{digest[:20]}*") if p.stat().st_size > 4}


@pytest.mark.parametrize("how", ["--out", "--cache"])
@pytest.mark.parametrize("there", [True, False])
def test_small_pictures_of_forgotten_photos_go_and_nothing_else(
    folder, tmp_path, capsys, how, there
):
    """Also where the cache knows nothing of them any more, and the photo is gone."""
    others = small_pictures(folder, 1)
    assert len(small_pictures(folder, 0)) == len(others) + 1 == 3  # one is the portrait
    if not there:
        (tmp_path / "0.png").unlink()
    place = folder if how == "--out" else folder / "cache.sqlite"
    assert main(["forget", str(tmp_path / "0.png"), how, str(place)]) == 0
    assert f"removed    3 small pictures in {folder}; group it again" in capsys.readouterr().out
    assert small_pictures(folder, 0) == set()
    assert small_pictures(folder, 1) == others
    assert len([p for p in (folder / "thumbs").iterdir() if p.read_bytes() == b"mine"]) == 3
    assert main(["forget", str(tmp_path / "0.png"), how, str(place)]) == 1
    assert "nothing was forgotten" in capsys.readouterr().err


def test_a_link_in_place_of_the_folder_is_not_followed(folder, tmp_path):
    (folder / "thumbs").rename(tmp_path / "elsewhere")
    (folder / "thumbs").symlink_to(tmp_path / "elsewhere")
    before = sorted((tmp_path / "elsewhere").iterdir())
    assert main(["forget", str(tmp_path / "0.png"), "--out", str(folder)]) == 1
    assert sorted((tmp_path / "elsewhere").iterdir()) == before


def test_contact_sheets_of_others_stay(folder, tmp_path):
    document, open_photo = album([[0], [0]])
    theirs = folder / "groups" / "person_12 at the beach.jpg"
    theirs.write_bytes(b"mine")
    (folder / "groups" / "person_007_2.jpg").write_bytes(b"of an earlier run")
    write_report(document, folder, open_photo)
    assert sorted(p.name for p in (folder / "groups").iterdir()) == [
        "person_000.jpg",
        "person_12 at the beach.jpg",
    ]
