"""Questions of a grouped album: faces drawn by hand are in it, and it tells of strangers."""

import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256

import numpy as np
import pytest

from grouping import AlbumIndex, extract_faces, find, verify
from grouping.cli.main import main
from grouping.errors import ConfigError
from grouping.similarity.impostors import Impostors
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.drawn import BOX, CORNER, SHRUNK, missed_face_photo

OBAMA = [PHOTOS / f"president_obama_{number}.jpg" for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """The sample photos, grouped."""
    out = tmp_path_factory.mktemp("album") / "out"
    assert main([str(PHOTOS), "--out", str(out), "--no-plots"]) == 0
    return out


def test_a_face_that_was_drawn_is_found_with_the_others(tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    missed = missed_face_photo()
    (photos / "missed.jpg").write_bytes(missed)
    for photo in (OBAMA[0], OBAMA[2]):
        shutil.copy(photo, photos)
    out.mkdir()
    (out / "corrections.toml").write_text(
        f'version = 1\n[[face]]\nphoto = "{sha256(missed).hexdigest()}"\nbox = {list(BOX)}\n'
    )
    words = [str(photos), "--out", str(out), "--no-plots", "--min-face", "180", "--no-crowds"]
    assert main(words) == 0
    document = json.loads((out / "groups.json").read_text())
    drawn = [face for image in document["images"] for face in image["faces"] if face.get("drawn")]
    assert len(drawn) == 1
    index = AlbumIndex.open(out)
    assert not len(index.without_vectors)
    assert index.face_idx.tolist() == list(range(3))
    row = index.row_of[drawn[0]["face_idx"]]
    assert index.faces.embeddings[row] @ index.faces.embeddings[(row + 1) % 3] > 0.3


def test_a_name_whose_face_is_in_no_group_is_said(tmp_path, capsys):
    sha256_of = sha256((PHOTOS / "astronaut.jpg").read_bytes()).hexdigest()
    face = f'{{ photo = "{sha256_of}", box = [180, 60, 269, 173] }}'
    (tmp_path / "corrections.toml").write_text(
        f'version = 1\n[[person]]\nname = "Eileen"\nfaces = [{face}]\n'
    )
    photos = [PHOTOS / "astronaut.jpg", *OBAMA[:2]]
    words = [*map(str, photos), "--out", str(tmp_path), "--no-plots", "--workers", "0"]
    said = "note       named, but their faces are in no group, which needs 2 pictures: Eileen"
    assert main(words) == 0
    assert said in capsys.readouterr().out.splitlines()
    assert main([*words, "--min-photos", "1"]) == 0
    out = capsys.readouterr().out
    assert "  Eileen           1 photo      1 face   cohesion 1.00" in out
    assert "named, but" not in out


def test_two_photos_are_compared_by_how_alike_the_people_of_an_album_are(album):
    index = AlbumIndex.open(album)
    found = verify(OBAMA[0], OBAMA[1], album=album, false_matches=1e-3)
    assert found.verdict == "same"
    assert str(album) in found.measured_on
    expected = Impostors(index.impostors.mean, index.impostors.spread).similarity(1e-3)
    assert found.same_from == pytest.approx(expected)
    assert found.same_from < verify(OBAMA[0], OBAMA[1], album=index).same_from
    pairs = index.strangers.similarity
    assert found.album_rate.of == len(pairs) == 1  # the two presidents
    assert found.album_rate.count == int(np.sum(pairs >= found.similarity))
    assert found.as_dict()["album_rate"]["of"] == 1
    assert any("pairs of faces of one photo in the album" in line for line in found.in_words())


@pytest.mark.parametrize("share", [0, 1, -1, float("nan")])
def test_shares_of_false_matches_that_make_no_sense_are_refused(album, share):
    with pytest.raises(ConfigError):
        verify(OBAMA[0], OBAMA[1], album=album, false_matches=share)


def test_the_command_asks_an_album_too(album, capsys):
    words = ["verify", str(OBAMA[0]), str(OBAMA[1]), "--in", str(album)]
    assert main([*words, "--max-false-matches", "0.001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["album_rate"]["of"] == 1
    assert main([*words[:-1], str(album / "nothing")]) == 1
    assert "no folder of results" in capsys.readouterr().err


def test_somebody_whose_face_was_drawn_may_opt_out(tmp_path):
    photos, out, gone = (tmp_path / name for name in ("photos", "out", "gone"))
    for folder in (photos, out, gone):
        folder.mkdir()
    missed = missed_face_photo()
    content = sha256(missed).hexdigest()
    (photos / "missed.jpg").write_bytes(missed)
    shutil.copy(PHOTOS / "president_biden.jpg", photos)
    shutil.copy(OBAMA[0], gone)
    (out / "corrections.toml").write_text(
        f'version = 1\n[[face]]\nphoto = "{content}"\nbox = {list(BOX)}\nname = "Barack"\n'
    )
    words = [str(photos), "--out", str(out), "--no-plots", "--min-face", "180", "--no-crowds"]
    assert main(words) == 0
    with closing(sqlite3.connect(out / "cache.sqlite")) as cache:
        query = "SELECT vector FROM faces WHERE photo = ?"
        (vector,) = (row[0] for row in cache.execute(query, (content,)))
    assert main([*words, "--opt-out", str(gone)]) == 0
    document = json.loads((out / "groups.json").read_text())
    assert [len(image["faces"]) for image in document["images"]] == [0, 1]
    assert "opted out" in document["corrections"][0]
    assert "missed.jpg" in (out / "opt_out.csv").read_text("utf-8-sig")
    ours = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".toml"]
    assert not [path for path in ours if vector[:64] in path.read_bytes()]


def drawn_album(folder, *names):
    """An album of photos of people far away, whose faces were drawn; returns words and digests."""
    photos, out, gone = (folder / name for name in ("photos", "out", "gone"))
    for place in (photos, out, gone):
        place.mkdir()
    contents, lines = [], ["version = 1"]
    for name in names:
        (box,) = (face.box for face in extract_faces(PHOTOS / name))
        drawn = [CORNER[k % 2] + round(side / SHRUNK) for k, side in enumerate(box)]
        missed = missed_face_photo(name)
        contents.append(sha256(missed).hexdigest())
        (photos / name).write_bytes(missed)
        lines.append(f'[[face]]\nphoto = "{contents[-1]}"\nbox = {drawn}')
    (out / "corrections.toml").write_text("\n".join(lines))
    options = ("--no-plots", "--min-face", "180", "--no-crowds")
    return [str(photos), "--out", str(out), *options, "--opt-out", str(gone)], contents


def drawn_vectors(out):
    with closing(sqlite3.connect(out / "cache.sqlite")) as cache:
        return {row[0]: len(row[1]) for row in cache.execute("SELECT photo, vector FROM faces")}


def test_drawn_faces_of_others_stay_in_the_cache(tmp_path, monkeypatch):
    words, (obama, _) = drawn_album(tmp_path, "president_obama_2.jpg", "president_biden.jpg")
    shutil.copy(PHOTOS / "president_biden.jpg", tmp_path / "gone")
    assert main(words) == 0
    assert drawn_vectors(tmp_path / "out") == {obama: 2048}
    answer = find(PHOTOS / "president_obama_2.jpg", tmp_path / "out")
    assert [photo.in_group for photo in answer.photos] == [False]
    # Nor is anything rewritten for them where nobody has to go.
    (tmp_path / "photos/president_biden.jpg").unlink()
    monkeypatch.setattr("grouping.storage.cache.scrub", lambda *a: pytest.fail("rewritten"))
    assert main(words) == 0
    assert drawn_vectors(tmp_path / "out") == {obama: 2048}


def test_a_drawn_face_of_somebody_who_opts_out_is_stored_at_no_time(tmp_path, monkeypatch):
    words, (obama, _) = drawn_album(tmp_path, "president_obama_2.jpg", "president_biden.jpg")
    shutil.copy(PHOTOS / "president_biden.jpg", tmp_path / "gone")
    monkeypatch.setattr("grouping.pipeline.clear_cache", lambda *a, **k: None)
    assert main(words) == 0
    assert drawn_vectors(tmp_path / "out") == {obama: 2048}


def test_drawn_faces_that_waited_are_kept_as_drawn_ones(tmp_path, monkeypatch):
    """Nothing that was drawn is taken for detected by the next run."""
    words, (obama,) = drawn_album(tmp_path, "president_obama_2.jpg")
    shutil.copy(PHOTOS / "president_biden.jpg", tmp_path / "gone")
    monkeypatch.setattr("grouping.pipeline.may_be_of", lambda *a: lambda result: True)
    monkeypatch.setattr("grouping.opting_out.may_be_of", lambda *a: lambda result: True)
    assert main(words) == 0
    assert drawn_vectors(tmp_path / "out") == {obama: 2048}
    (tmp_path / "out/corrections.toml").unlink()
    assert main(words[:-2]) == 0
    document = json.loads((tmp_path / "out/groups.json").read_text())
    assert [image["faces"] for image in document["images"]] == [[]]
