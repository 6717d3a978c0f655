"""Made-up results for the tests of the cache."""

from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import numpy as np

from grouping.records import FaceSet, PhotoFaces


def result_for(name: str, faces: int = 3, dimension: int = 16) -> PhotoFaces:
    """A result that depends on ``name`` alone, so that another process can make it too."""
    random = np.random.default_rng(list(name.encode()))
    vectors = random.normal(size=(faces, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns = {
        column: random.random((faces, *shape)).astype(np.float32)
        for column, shape in [
            ("boxes", (4,)),
            ("scores", ()),
            ("landmarks", (5, 2)),
            ("quality", ()),
            ("measures", (7,)),
            ("signs", (8,)),
        ]
    }
    columns["boxes"][:, 2:] += columns["boxes"][:, :2] + 1
    face_set = FaceSet(
        photo_index=np.zeros(faces, np.int32),
        embeddings=vectors,
        **columns,
    )
    return PhotoFaces(
        640,
        480,
        face_set,
        sha256=digest(name),
        warnings=("truncated",),
        rotation=90,
        picture_hash=random.bytes(32),
    )


def digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def assert_same(a: PhotoFaces, b: PhotoFaces) -> None:
    """Whether two results are equal to the last bit; crops are not looked at."""
    for column in fields(FaceSet):
        np.testing.assert_array_equal(getattr(a.faces, column.name), getattr(b.faces, column.name))
    left_out = {"faces", "crops"}
    rest_a, rest_b = ({k: v for k, v in vars(r).items() if k not in left_out} for r in (a, b))
    assert rest_a == rest_b


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
