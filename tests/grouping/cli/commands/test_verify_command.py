"""verify: what a person reads, what a program reads, and the picture."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from grouping import verify
from grouping.cli.main import main
from tests.helpers.paths import PHOTOS

OBAMA, BIDEN = PHOTOS / "president_obama_1.jpg", PHOTOS / "president_biden.jpg"
TWO, ROCKET = PHOTOS / "two_presidents.jpg", PHOTOS / "rocket.jpg"


def test_a_person_reads_verdict_numbers_and_every_pair(capsys):
    assert main(["verify", str(OBAMA), str(TWO)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "verdict    same"
    assert sum(line.startswith("pair ") for line in lines) == 2
    assert any("fewer than 1 in 250,000 pairs of strangers are so alike" in line for line in lines)
    assert any("Labeled Faces in the Wild" in line for line in lines)


def test_two_people(capsys):
    assert main(["verify", str(OBAMA), str(BIDEN)]) == 0
    assert capsys.readouterr().out.startswith("verdict    different")


def test_a_program_reads_what_the_function_returns(capsys):
    assert main(["verify", str(OBAMA), str(TWO), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == verify(OBAMA, TWO).as_dict()


def test_the_picture_holds_the_faces_that_were_compared(tmp_path, capsys):
    path = tmp_path / "new" / "pair.png"
    assert main(["verify", str(OBAMA), str(BIDEN), "--picture", str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    pixels = np.asarray(Image.open(path).convert("RGB"))
    found = verify(OBAMA, BIDEN)
    for crop in (found.a.faces[0].crop, found.b.faces[0].crop):
        spots = np.argwhere((pixels == crop[56, 56]).all(axis=2)) - 56
        whole = [
            tuple(s)
            for s in spots
            if (pixels[s[0] : s[0] + 112, s[1] : s[1] + 112].shape == crop.shape)
            and (pixels[s[0] : s[0] + 112, s[1] : s[1] + 112] == crop).all()
        ]
        assert len(whole) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([OBAMA, ROCKET], "no face in "),
        ([OBAMA, "nobody.jpg"], "nobody.jpg: cannot be read: No such file"),
        ([PHOTOS, OBAMA], "photos: "),
        ([OBAMA, PHOTOS / "README.md"], "README.md: not an image"),
        ([OBAMA, "http://127.0.0.1:1/a.jpg"], "private"),
        ([OBAMA, OBAMA, "--threshold", "7"], "threshold must be between -1 and 1"),
        ([OBAMA, OBAMA, "--picture", PHOTOS], "Is a directory"),
    ],
)
def test_known_errors_are_one_line(words, message, capsys):
    assert main(["verify", *map(str, words)]) == 1
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert message in line


def test_no_photo_is_written_over(tmp_path, capsys):
    photo, link = tmp_path / "mine.jpg", tmp_path / "link.png"
    shutil.copy(OBAMA, photo)
    link.symlink_to(photo)
    for picture in (photo, link):
        assert main(["verify", str(BIDEN), str(photo), "--picture", str(picture)]) == 1
        assert "is one of the photos; name another file" in capsys.readouterr().err
    assert photo.read_bytes() == OBAMA.read_bytes()
