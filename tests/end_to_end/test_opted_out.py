"""Somebody opts out: of the results, of the cache, and of all that earlier runs left behind."""

import io
import json
import os
import shutil
import sqlite3
import zipfile
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grouping import GroupingPipeline, pipeline
from grouping.cli.commands import group
from grouping.cli.main import main
from grouping.errors import OutputError
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.helpers.networks.attributes import needs_extra
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.folders import tree
from tests.helpers.soaking import Disk

BIDEN = {"president_biden.jpg", "two_presidents.jpg"}
STRANGER = 0.3  # faces that are less alike are two people


class Traces:
    """What may not be found of one person, as it is written in all kinds of files.

    Attributes:
        vectors: (m, 512) float32 of his faces in the album.
        probes: bytes that stand for a vector, a box or the name of a crop.
    """

    def __init__(self, album: Path, folder: Path) -> None:
        result = GroupingPipeline().run(list_sources([album]))
        places = [Path(photo.location).name for photo in result.photos]
        owner = np.array([places[i] in BIDEN for i in result.faces.photo_index])
        reference = result.faces[np.flatnonzero(owner)]
        near = result.faces.embeddings @ reference.embeddings[0]
        self.rows = np.flatnonzero(owner & (near > STRANGER))
        assert len(self.rows) == len(BIDEN)
        self.vectors = result.faces.embeddings[self.rows]
        self.probes: dict[str, bytes] = {}
        self.seen = folder / "seen.sqlite"  # pictures that were looked at before
        for row in self.rows.tolist():
            box = result.faces.boxes[row]
            words = [json.dumps(round(float(v), 2)) for v in box]
            vector = result.faces.embeddings[row].astype("<f4").tobytes()
            for start in range(0, len(vector), 128):  # pages of a database cut it somewhere
                self.probes[f"vector {row} from {start}"] = vector[start : start + 32]
            self.probes[f"box {row}"] = box.astype("<f4").tobytes()
            self.probes[f"box {row} in JSON"] = ", ".join(words).encode()
            self.probes[f"box {row} in CSV"] = ",".join(words).encode()
            self.probes[f"crop {row}"] = "-".join(str(round(float(v))) for v in box).encode()
            landmark = result.faces.landmarks[row, 2]
            self.probes[f"landmark {row}"] = landmark.astype("<f4").tobytes()
            self.probes[f"landmark {row} in JSON"] = ", ".join(
                json.dumps(round(float(v), 2)) for v in landmark
            ).encode()

    def found_in(self, folder: Path) -> set[str]:
        """Names of the probes that any file, or name of one, below a folder holds."""
        found = set()
        for path in folder.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            text = data + path.relative_to(folder).as_posix().encode()
            found |= {name for name, probe in self.probes.items() if probe in text}
        for cache in folder.rglob("*.sqlite"):
            if self.alike_in(cache):
                found.add("a vector that is like his")
        return found

    def alike_in(self, cache: Path) -> bool:
        """Whether a cache has a face of his, rounded otherwise or of another photo."""
        with closing(sqlite3.connect(cache)) as database:
            rows = database.execute("SELECT vectors FROM embeddings").fetchall()
        vectors = np.frombuffer(b"".join(row[0] for row in rows), "<f4").reshape(-1, 512)
        return bool((vectors @ self.vectors.T > STRANGER).any())

    def shown_in(self, folder: Path) -> list[str]:
        """Pictures below a folder, the originals among people's aside, that show him."""
        pictures = [
            p
            for p in sorted(folder.rglob("*"))
            if p.suffix in (".jpg", ".png") and "people" not in p.relative_to(folder).parts
        ]
        with Cache.open(self.seen) as cache:
            result = GroupingPipeline(cache=cache).run(list_sources(pictures))
        near = (result.faces.embeddings @ self.vectors.T).max(axis=1, initial=-1) > STRANGER
        return [pictures[i].name for i in np.unique(result.faces.photo_index[near])]


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, folder)
    return folder


@pytest.fixture(scope="module")
def traces(album, tmp_path_factory):
    return Traces(album, tmp_path_factory.mktemp("seen"))


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """One photo of him that is not in the album: his part of a photo, saved anew."""
    folder = tmp_path_factory.mktemp("references")
    with Image.open(PHOTOS / "president_biden.jpg") as photo:
        photo.resize((photo.width * 3 // 4, photo.height * 3 // 4)).save(folder / "Joe.jpg")
    return folder


@pytest.fixture(scope="module")
def first(album, tmp_path_factory):
    """All that a run without --opt-out writes, and a correction that names him."""
    out = tmp_path_factory.mktemp("results") / "out"
    assert run(album, out, "--folders", "copy", "--zip", "--xmp") == 0
    document = json.loads((out / "groups.json").read_text())
    image = next(i for i in document["images"] if i["url"].endswith("president_biden.jpg"))
    (out / "corrections.toml").write_text(
        "version = 1\n[[person]]\nname = 'Joe'\nfaces = ["
        f"{{ photo = '{image['sha256']}', box = {image['faces'][0]['box']} }}]\n"
    )
    assert run(album, out, "--folders", "copy", "--zip", "--xmp") == 0
    return out


def run(album: Path, out: Path, *options: object) -> int:
    return main([str(album), "--out", str(out), "--workers", "0", *map(str, options)])


@pytest.fixture(scope="module")
def second(album, first, references, tmp_path_factory):
    """The same folder after a run with --opt-out; the corrections are the user's own file."""
    out = tmp_path_factory.mktemp("later") / "out"
    shutil.copytree(first, out)
    redacted = out.parent / "redacted"
    assert run(album, out, "--opt-out", references, "--redact", redacted, "--xmp") == 0
    (out / "corrections.toml").unlink()
    return out


def test_the_search_finds_what_is_there(first, traces):
    found = traces.found_in(first)
    assert "a vector that is like his" in found
    missing = set(traces.probes) - found
    assert len(missing) <= len(BIDEN)  # a part of a vector that lies on two pages
    assert all("vector" in name for name in missing)
    shown = traces.shown_in(first)
    assert "person_001.jpg" in shown
    assert len([name for name in shown if "-" in name]) >= len(BIDEN)  # crops


def test_no_byte_of_him_is_left(second, traces):
    assert traces.found_in(second) == set()
    assert traces.shown_in(second) == []
    assert not (second / "people.zip").exists()
    assert not (second / "people").exists() or not [*(second / "people").rglob("*.jpg")]
    assert {p.name for p in (second / "groups").iterdir()} == {"person_000.jpg"}
    assert "Joe" not in (second / "groups.json").read_text() + (second / "index.html").read_text()


def test_his_photos_are_listed_and_nothing_else_is_said(second):
    head, *lines = (second / "opt_out.csv").read_text("utf-8-sig").splitlines()
    assert head == "photo_id,photo_url,certainty,similarity,face_idx"
    assert {Path(line.split(",")[1]).name for line in lines} == BIDEN
    assert all(line.split(",")[2] == "sure" and line.endswith(",") for line in lines)
    assert (second / "opt_out.csv").stat().st_mode & 0o777 == 0o600


def test_others_are_as_they_were(second, first):
    before, after = (json.loads((out / "groups.json").read_text()) for out in (first, second))
    assert after["groups"][0]["group_id"] == before["groups"][0]["group_id"]
    assert after["groups"][0]["image_ids"] == before["groups"][0]["image_ids"]
    both = next(i for i in after["images"] if i["url"].endswith("two_presidents.jpg"))
    assert both["group_idx"] == [0]
    assert both["opted_out"] == 1
    assert "somebody opted out" in " ".join(both["warnings"])
    alone = next(i for i in after["images"] if i["url"].endswith("president_biden.jpg"))
    assert alone["group_idx"] == [-2]
    assert after["changes"]["vanished"] == []


def test_a_correction_that_names_him_is_told_of(second):
    notes = json.loads((second / "groups.json").read_text())["corrections"]
    assert len(notes) == 1
    assert "line 2" in notes[0]
    assert "opted out" in notes[0]
    assert "box" not in notes[0]


def test_the_cache_keeps_the_others(second):
    with closing(sqlite3.connect(second / "cache.sqlite")) as database:
        kept = database.execute("SELECT count(*) FROM detections").fetchone()[0]
    assert kept == len([*PHOTOS.glob("*.jpg")]) - len(BIDEN)


def test_a_report_keeps_the_promise(second, traces, tmp_path):
    """Made again from groups.json, with and without the small pictures that the run made."""
    out = tmp_path / "out"
    shutil.copytree(second, out)
    assert main(["report", str(out), "--folders", "copy", "--zip", "--xmp"]) == 0
    assert traces.found_in(out) == set()
    assert traces.shown_in(out) == []
    shutil.rmtree(out / "thumbs")
    assert main(["report", str(out)]) == 0
    assert traces.shown_in(out) == []
    assert "somebody in it opted out" in (out / "index.html").read_text()
    with zipfile.ZipFile(out / "people.zip") as archive:  # photos stay the user's own
        assert "000/two_presidents.jpg" in archive.namelist()


def test_pictures_go_where_none_are_made(first, album, references, traces, tmp_path):
    """Also the cache that lies beside the results goes, where another one is used or none."""
    out = tmp_path / "out"
    shutil.copytree(first, out)
    (out / "corrections.toml").unlink()
    (out / "thumbs" / ("0" * 20 + ".jpg")).write_bytes(b"of a photo that is not in the album now")
    (out / "thumbs" / "mine.txt").write_text("of somebody else")
    damaged = out / "cache.sqlite.damaged-20260101-000000-1"
    damaged.write_bytes(b"".join(traces.probes.values()))
    assert run(album, out, "--opt-out", references, "--no-plots", "--no-cache") == 0
    assert traces.found_in(out) == set()
    assert traces.shown_in(out) == []
    assert not damaged.exists()
    assert not (out / "thumbs" / ("0" * 20 + ".jpg")).exists()
    assert (out / "thumbs" / "mine.txt").exists()


def test_photos_of_other_albums_leave_the_cache_too(album, references, traces, tmp_path):
    """The cache is of a run over all photos, the later run over one without him."""
    part = tmp_path / "part"
    part.mkdir()
    shutil.copy(album / "astronaut.jpg", part)
    out = tmp_path / "out"
    assert run(album, out, "--no-plots") == 0
    assert any("vector" in name for name in traces.found_in(out))
    assert run(part, out, "--opt-out", references, "--no-plots") == 0
    assert traces.found_in(out) == set()
    with Cache.open(out / "cache.sqlite") as cache:
        assert len(cache.contents()) == len([*PHOTOS.glob("*.jpg")]) - len(BIDEN)


def test_results_of_other_networks_leave_the_cache(album, references, tmp_path):
    out = tmp_path / "out"
    assert run(album, out, "--no-plots", "--no-flip") == 0
    assert run(album, out, "--no-plots", "--opt-out", references) == 0
    with closing(sqlite3.connect(out / "cache.sqlite")) as database:
        (models,) = database.execute("SELECT count(DISTINCT model) FROM embeddings").fetchone()
    assert models == 1


@needs_extra
def test_his_age_leaves_the_cache_too(album, references, tmp_path):
    out = tmp_path / "out"
    assert run(album, out, "--no-plots", "--attributes") == 0
    with closing(sqlite3.connect(out / "cache.sqlite")) as database:
        ages = dict(database.execute("SELECT sha256, age FROM attributes"))
    his = {sha256((album / name).read_bytes()).hexdigest() for name in BIDEN}
    assert his <= set(ages)
    for options in ((), ("--attributes",)):
        assert run(album, out, "--no-plots", "--opt-out", references, *options) == 0
        data = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
        assert [photo for photo in his if ages[photo] in data] == []
        with closing(sqlite3.connect(out / "cache.sqlite")) as database:
            kept = {row[0] for row in database.execute("SELECT sha256 FROM attributes")}
        assert kept == set(ages) - his


def test_nothing_is_stored_on_the_way(album, references, traces, tmp_path, monkeypatch):
    """Not for a moment: what a run that is killed leaves has nothing of him."""
    monkeypatch.setattr(pipeline, "clear_cache", lambda *a, **k: None)
    out = tmp_path / "out"
    assert run(album, out, "--opt-out", references) == 0
    assert traces.found_in(out) == set()


def test_who_is_in_the_run_before_is_not_in_this_one(album, references, first, traces, tmp_path):
    """--previous knows his name, which goes to nobody."""
    before = tmp_path / "before.json"
    before.write_bytes((first / "groups.json").read_bytes())
    assert "Joe" in before.read_text()
    out = tmp_path / "out"
    assert run(album, out, "--opt-out", references, "--previous", before, "--no-plots") == 0
    text = (out / "groups.json").read_text()
    assert "Joe" not in text
    assert json.loads(text)["changes"]["vanished"] == []
    assert traces.found_in(out) == set()


def test_without_the_option_he_is_back_and_the_list_gone(second, album, traces, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(second, out)
    assert run(album, out) == 0
    assert not (out / "opt_out.csv").exists()
    assert "the run before left people out" in capsys.readouterr().err
    assert len(json.loads((out / "groups.json").read_text())["groups"]) == 2
    assert len(traces.shown_in(out)) >= 2  # also the previews that were covered


def test_redacted_copies_show_nobody(second, album, traces):
    folder = second.parent / "redacted"
    assert {p.name for p in folder.glob("*.jpg")} == BIDEN
    assert traces.shown_in(folder) == []
    for name in BIDEN:
        with Image.open(folder / name) as copy, Image.open(album / name) as original:
            assert copy.size == original.size
            assert copy.quantization == original.quantization
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_redacting_again_writes_anew_and_never_over_other_files(
    second, album, references, tmp_path, capsys
):
    redacted, out = tmp_path / "redacted", tmp_path / "out"
    shutil.copytree(second.parent / "redacted", redacted)
    mine = redacted / "two_presidents.jpg"
    mine.write_bytes(b"my own picture")
    (redacted / "president_biden.jpg").unlink()
    (redacted / "president_biden.jpg").symlink_to(album / "president_biden.jpg")
    original = (album / "president_biden.jpg").read_bytes()
    options = ("--opt-out", references, "--redact", redacted, "--no-plots")
    assert run(album, out, *options) == 0
    assert mine.read_bytes() == b"my own picture"
    assert (album / "president_biden.jpg").read_bytes() == original
    assert capsys.readouterr().out.count("not redacted") == 2
    mine.unlink()
    (redacted / "president_biden.jpg").unlink()
    for _ in range(2):
        assert run(album, out, *options) == 0
        assert "not redacted" not in capsys.readouterr().out
        assert {p.name for p in redacted.glob("*.jpg")} == BIDEN


def test_what_does_not_go_together_is_said(album, tmp_path, capsys):
    assert run(album, tmp_path / "out", "--redact", tmp_path / "redacted") == 1
    assert "--redact needs --opt-out" in capsys.readouterr().err
    options = ("--opt-out", PHOTOS / "president_biden.jpg", "--redact", album / "redacted")
    assert run(album, tmp_path / "out", *options) == 1
    assert "lies among the photos" in capsys.readouterr().err


def test_somebody_whose_photos_cannot_be_used_is_an_error(album, tmp_path, capsys):
    """A run that left him in without a word would be worse than none."""
    people = tmp_path / "people"
    people.mkdir()
    shutil.copy(PHOTOS / "president_biden.jpg", people / "Joe.jpg")
    shutil.copy(PHOTOS / "rocket.jpg", people / "Neil.jpg")
    out = tmp_path / "out"
    assert run(album, out, "--opt-out", people) == 1
    error = capsys.readouterr().err
    assert "no photo of Neil can be used" in error
    assert "no face" in error
    assert not (out / "groups.json").exists()


def test_nobody_is_named_and_left_out(album, references, tmp_path, capsys):
    people = tmp_path / "people"
    people.mkdir()
    shutil.copy(PHOTOS / "president_obama_1.jpg", people / "Barack.jpg")
    options = ("--opt-out", references, "--people", people)
    out = tmp_path / "out"
    assert run(album, out, *options, "--no-plots") == 0
    assert [g["name"] for g in json.loads((out / "groups.json").read_text())["groups"]] == [
        "Barack"
    ]
    shutil.copy(PHOTOS / "president_biden.jpg", people / "Joseph.jpg")
    assert run(album, out, *options, "--no-plots") == 1
    assert "--people names Joseph and --opt-out names Joe, whose photos" in capsys.readouterr().err


def test_pixels_are_left_out_as_well(references):
    """Photos that come in memory."""
    from grouping.people.identify.opt_out import OptOut
    from grouping.sources.entries import photos_from_entries

    reference = GroupingPipeline().run(list_sources([references]))
    opt_out = OptOut(np.zeros(1, np.int64), reference.faces.embeddings)
    data = (PHOTOS / "two_presidents.jpg").read_bytes()
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    photos = photos_from_entries([pixels, data], allow_local=False)
    result = GroupingPipeline().run(photos, keep_crops=True, opt_out=opt_out)
    assert result.faces.photo_index.tolist() == [0, 1]
    assert result.crops is not None
    assert len(result.crops) == 2
    assert result.opted_out is not None
    assert result.opted_out.photo.tolist() == [0, 1]
    assert len(result.opted_out.references) == 2


@pytest.fixture
def disk(first, tmp_path):
    """A small disk with the results of the first run and a file of somebody else."""
    with closing(Disk(tmp_path / "disk", 24)) as made:
        if not made.mounted:
            pytest.skip("no disk may be mounted here")
        out = made.folder / "out"
        shutil.copytree(first, out, copy_function=shutil.copyfile)
        (out / "corrections.toml").unlink()
        (out / "people" / "mine.jpg").write_bytes(b"mine")
        yield made


def test_on_a_full_disk_what_shows_him_goes_all_the_same(album, references, traces, disk, capsys):
    """Nobody can be told apart without room; what goes is made again by the next run."""
    out = disk.folder / "out"
    with disk.full(os.getpid()):
        assert run(album, out, "--opt-out", references) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: the disk is full; pictures, exports, faces.csv and the ")
        assert "groups.json still lists" in error
    left = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert left - {".face-grouping.lock", "failures.csv"} == {"groups.json", "people/mine.jpg"}
    assert run(album, out, "--opt-out", references) == 0
    assert traces.found_in(out) == set()


def test_on_a_disk_that_fills_meanwhile_what_is_removed_makes_room(
    album, references, traces, disk, monkeypatch
):
    out, whole = disk.folder / "out", group.write_results
    with ExitStack() as stack:

        def on_a_full_disk(*arguments):
            stack.enter_context(disk.full(os.getpid()))
            return whole(*arguments)

        monkeypatch.setattr(group, "write_results", on_a_full_disk)
        assert run(album, out, "--opt-out", references) == 0
        assert traces.found_in(out) == set()


def test_an_error_of_another_kind_removes_nothing(first, album, references, tmp_path):
    """Nor does a cache that cannot be opened for another reason."""
    out = tmp_path / "out"
    shutil.copytree(first, out)
    before = tree(out)
    (tmp_path / "file").write_text("in the way")
    for more in (["--cache", tmp_path / "file" / "c.sqlite"], ["--cache", tmp_path]):
        assert run(album, out, "--opt-out", references, *more) == 1
        assert tree(out) == before


@pytest.mark.parametrize("opt_out", [True, False])
def test_small_pictures_wait_until_it_is_known_who_is_left_out(tmp_path, monkeypatch, opt_out):
    def stopped(*_):
        raise OutputError("stopped before the report")

    monkeypatch.setattr("grouping.cli.commands.group.write_results", stopped)
    options = ["--opt-out", str(PHOTOS / "president_biden.jpg")] if opt_out else []
    out = tmp_path / "out"
    assert main([str(PHOTOS), "--out", str(out), "--workers", "0", *options]) == 1
    assert any(out.glob("thumbs/*")) is not opt_out
