"""Vectors of many faces in one file, for numpy (``.npz``) and for databases (``.parquet``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from grouping.errors import InputError
from grouping.records import FaceSet, Int32
from grouping.storage.atomic_files import check_place, write_file
from grouping.storage.locations import scheme_of

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, eq=False)
class VectorTable:
    """Faces of many photos and where they come from.

    Attributes:
        photos: place of each photo, for people to read.
        ids: what its caller calls it.
        sha256: of its bytes; empty for a photo that was not read.
        faces: all faces; ``photo_index`` is a place in the lists above.
        network: which one made the vectors, for people to read.
        network_sha256: of its weight file.
        network_key: vectors can be compared where it is equal.
    """

    photos: Sequence[str]
    ids: Sequence[str]
    sha256: Sequence[str]
    faces: FaceSet
    network: str
    network_sha256: str
    network_key: str

    @property
    def numbers(self) -> Int32:
        """(n,) int32, the number of each face in its photo, from 0."""
        index = self.faces.photo_index
        first = np.searchsorted(index, index)  # faces lie in the order of their photos
        return (np.arange(len(index)) - first).astype(np.int32)


def check_vector_file(path: str) -> Path:
    """Find out before the work whether a file of vectors can be written there; make its folder.

    Raises:
        InputError: the name says no format, it is no place on this machine, or a package for the
            format is missing.
        OutputError: its folder cannot be made.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise InputError(f"{path} must end in .npz or .parquet")
    if scheme_of(path):
        raise InputError(f"{path} is not on this machine; name a file, then copy it there")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise InputError(
            "Parquet needs the package pyarrow: pip install 'photo-album-face-grouping[parquet]', "
            "or pip install '.[parquet]' in a clone; .npz needs nothing"
        )
    check_place(Path(path))
    return Path(path)


def write_vectors(path: Path, table: VectorTable) -> Path:
    """Write a file, mode 0600, in the format that its suffix names.

    Raises:
        InputError: see :func:`check_vector_file`.
        OutputError: it cannot be written; an earlier file stays whole.
    """
    path = check_vector_file(str(path))
    return write_file(path, lambda file: WRITERS[path.suffix.lower()](file, table))


def _write_npz(file: BinaryIO, table: VectorTable) -> None:
    """Arrays that numpy reads without pickle: (n, ...) of n faces, (p,) of p photos."""
    faces = table.faces
    np.savez(
        file,
        photo_index=faces.photo_index,
        face=table.numbers,
        boxes=faces.boxes,
        landmarks=faces.landmarks,
        scores=faces.scores,
        quality=faces.quality,
        embeddings=faces.embeddings,
        photo=np.array(table.photos, np.str_),
        photo_id=np.array(table.ids, np.str_),
        sha256=np.array(table.sha256, np.str_),
        network=np.array(table.network),
        network_sha256=np.array(table.network_sha256),
        network_key=np.array(table.network_key),
    )


def _write_parquet(file: BinaryIO, table: VectorTable) -> None:
    """A row a face, the vector as a list of fixed size."""
    import pyarrow as pa
    from pyarrow import parquet

    faces, place = table.faces, table.faces.photo_index
    columns: dict[str, Any] = {
        "photo": _repeated(table.photos, place),
        "photo_id": _repeated(table.ids, place),
        "sha256": _repeated(table.sha256, place),
        "face": pa.array(table.numbers),
        **{name: pa.array(faces.boxes[:, k]) for k, name in enumerate(("x1", "y1", "x2", "y2"))},
        "score": pa.array(faces.scores),
        "quality": pa.array(faces.quality),
        "network": _repeated([table.network_key], np.zeros(len(faces), np.int32)),
        "embedding": pa.FixedSizeListArray.from_arrays(
            pa.array(faces.embeddings.ravel()), faces.embeddings.shape[1]
        ),
    }
    about = {name: getattr(table, name) for name in ("network", "network_sha256", "network_key")}
    parquet.write_table(pa.table(columns).replace_schema_metadata(about), file)


def _repeated(texts: Sequence[str], place: Int32) -> pyarrow.Array:
    """One text a face, kept once a photo: (n,) strings by their place, (n,) int32."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(place), pa.array(texts, pa.string()))


WRITERS: dict[str, Callable[[BinaryIO, VectorTable], None]] = {
    ".npz": _write_npz,
    ".parquet": _write_parquet,
}
