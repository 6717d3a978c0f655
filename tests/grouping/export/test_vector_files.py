"""Files of vectors, read back by numpy and pyarrow alone."""

import sys

import numpy as np
import pytest

from grouping.errors import InputError, OutputError
from grouping.export.vector_files import VectorTable, check_vector_file, write_vectors
from grouping.records import FaceSet
from tests.helpers.results.cache import result_for


def table(counts=(2, 0, 3)) -> VectorTable:
    parts = []
    for place, count in enumerate(counts):
        faces = result_for(str(place), faces=count).faces
        faces.photo_index[:] = place
        parts.append(faces)
    names = [f"사진/{place} 🎉.jpg" for place in range(len(counts))]
    return VectorTable(
        photos=names,
        ids=[str(place) for place in range(len(counts))],
        sha256=[f"{place:064x}" for place in range(len(counts))],
        faces=FaceSet.concatenate(parts),
        network="Net",
        network_sha256="ab" * 32,
        network_key="cd" * 32,
    )


def test_npz_holds_every_column_and_needs_no_pickle(tmp_path):
    wanted = table()
    path = write_vectors(tmp_path / "v.npz", wanted)
    assert path.stat().st_mode & 0o777 == 0o600
    with np.load(path, allow_pickle=False) as found:
        for name in ("photo_index", "boxes", "landmarks", "scores", "quality", "embeddings"):
            np.testing.assert_array_equal(found[name], getattr(wanted.faces, name))
        assert found["photo"].tolist() == wanted.photos
        assert found["photo_id"].tolist() == wanted.ids
        assert found["face"].tolist() == [0, 1, 0, 1, 2]
        assert found["photo"][found["photo_index"]].tolist()[2] == wanted.photos[2]
        assert str(found["network_key"]) == wanted.network_key


def test_parquet_has_a_row_a_face(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="an extra: pip install '.[parquet]'")
    wanted = table()
    path = write_vectors(tmp_path / "v.parquet", wanted)
    assert path.stat().st_mode & 0o777 == 0o600
    found = parquet.read_table(path)
    rows = found.to_pylist()
    assert [row["photo"] for row in rows] == [wanted.photos[p] for p in wanted.faces.photo_index]
    assert [row["face"] for row in rows] == [0, 1, 0, 1, 2]
    for row, box, vector in zip(rows, wanted.faces.boxes, wanted.faces.embeddings, strict=True):
        assert [row["x1"], row["y1"], row["x2"], row["y2"]] == box.tolist()
        assert row["embedding"] == vector.tolist()
        assert row["network"] == wanted.network_key
    assert str(found.schema.field("embedding").type).startswith("fixed_size_list<")
    assert found.schema.metadata[b"network"] == b"Net"


@pytest.mark.parametrize("name", ["v.npz", "v.parquet"])
def test_no_face_at_all_is_an_empty_table(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    wanted = VectorTable([], [], [], FaceSet.empty(), "Net", "", "")
    path = write_vectors(tmp_path / name, wanted)
    if name.endswith("npz"):
        assert np.load(path)["embeddings"].shape == (0, 512)
        assert np.load(path)["photo"].dtype.kind == "U"
    else:
        from pyarrow import parquet

        assert parquet.read_table(path).num_rows == 0


@pytest.mark.parametrize("name", ["v.csv", "v", "npz", "s3://bucket/v.npz"])
def test_other_names_are_refused_before_the_work(name):
    with pytest.raises(InputError, match=r"must end in|not on this machine"):
        check_vector_file(name)


def test_a_folder_in_the_way_is_found_before_the_work(tmp_path):
    (tmp_path / "v.npz").mkdir()
    with pytest.raises(OutputError, match=r"v\.npz: Is a directory"):
        check_vector_file(str(tmp_path / "v.npz"))


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("grouping.export.vector_files.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install '\.\[parquet\]'"):
        check_vector_file(str(tmp_path / "v.parquet"))
    check_vector_file(str(tmp_path / "v.npz"))


def test_an_earlier_file_survives_a_failure(tmp_path, monkeypatch):
    path = write_vectors(tmp_path / "v.npz", table())
    before = path.read_bytes()

    def full_disk(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OutputError, match="No space left on device"):
        write_vectors(path, table((9,)))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.npz"]
