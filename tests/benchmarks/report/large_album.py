"""A result as large as an album gets, made up: photos, faces and people, without their pixels.

Sizes of people fall off as in albums, a quarter of the faces are of nobody. All photos show one
picture, so that twenty thousand of them lie on the disk in seconds.
"""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from tests.helpers.results.album import TEMPLATE

STRANGERS = 0.25  # share of the faces
SAME, SIDE = 0.6, 512  # cosine of two faces of one person, length of a vector
PHOTO = (4032, 3024)
FACE_SIDE = 400.0


def large_album(photos: int, faces: int, people: int, seed: int = 0) -> tuple[Any, np.ndarray]:
    """The document without its plots, and the (n,) int64 person of each face, -1 for none."""
    rng = np.random.default_rng(seed)
    labels = large_labels(faces, people, seed)
    photo_of = np.sort(rng.integers(photos, size=faces))
    images = [_image(photo) for photo in range(photos)]
    for idx, (photo, person) in enumerate(zip(photo_of.tolist(), labels.tolist(), strict=True)):
        images[photo]["faces"].append(_face(idx, len(images[photo]["faces"]), person, rng))
    for image in images:
        seen = sorted({face["group_idx"] for face in image["faces"]} - {-1})
        image["group_idx"] = seen or ([-1] if image["faces"] else [-2])
    document = {
        "version": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "model": {"name": "made up", "architecture": "none", "file": "none.pth"},
        "settings": {"threshold": 0.4, "cluster": "agglomerative", "min_photos": 2},
        "groups": _groups(labels, photo_of, images, people),
        "images": images,
        "merge_suggestions": [],
        "changes": None,
        "corrections": [],
    }
    return document, labels


def large_vectors(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return (n, 512) float32 unit vectors, faces of nobody each in a direction of its own."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((labels.max() + 1, SIDE), np.float32)
    vectors = rng.standard_normal((len(labels), SIDE), np.float32) * np.sqrt(1 / SAME - 1)
    known = labels >= 0
    vectors[known] += centres[labels[known]]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def share_thumbnails(document: Any, folder: Path) -> None:
    """Lay down all small pictures of the document: three files under many names."""
    thumbnails = Thumbnails(Album(document), _no_photo, folder)
    sizes = {"": (640, 480), "crop": (112, 112), "portrait": (256, 256)}
    data = {kind: _noise(size) for kind, size in sizes.items()}
    for photo in range(len(document["images"])):
        for place, name in enumerate(thumbnails.names(photo)):
            kind = "portrait" if name.endswith("-portrait.jpg") else "crop" if place else ""
            _link(folder, name, data[kind])


def _link(folder: Path, name: str, data: bytes) -> None:
    """One file for a thousand names: file systems bound how many names a file may have."""
    shared = folder / f".{sha256(data).hexdigest()[:8]}-{sha256(name.encode()).hexdigest()[:2]}"
    if not shared.exists():
        shared.write_bytes(data)
    (folder / name).hardlink_to(shared)


def _no_photo(photo: int) -> bytes:
    raise AssertionError(f"photo {photo} is asked for, though its small pictures are there")


def _noise(size: tuple[int, int]) -> bytes:
    noise = np.random.default_rng(size[0]).integers(60, 200, (size[1] // 8, size[0] // 8, 3))
    encoded = BytesIO()
    Image.fromarray(noise.astype(np.uint8)).resize(size).save(encoded, "JPEG", quality=88)
    return encoded.getvalue()


def large_labels(faces: int, people: int, seed: int = 0) -> np.ndarray:
    """Two faces or more of each person, the rest by rank: a few are in very many photos."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(3, people + 3)
    rest = round(faces * (1 - STRANGERS)) - 2 * people
    more = rng.choice(people, rest, p=shares / shares.sum())
    nobody = np.full(faces - rest - 2 * people, -1)
    return rng.permutation(np.concatenate([np.arange(people).repeat(2), more, nobody]))


def _image(photo: int) -> dict[str, Any]:
    return {
        "id": f"photo-{photo}",
        "url": f"/album/{2000 + photo // 1000}/IMG_{photo:05d}.jpg",
        "width": PHOTO[0],
        "height": PHOTO[1],
        "sha256": sha256(str(photo).encode()).hexdigest(),
        "warnings": [],
        "faces": [],
    }


def _face(idx: int, place: int, person: int, rng: np.random.Generator) -> dict[str, Any]:
    x, y = 60.0 + 450 * (place % 8) + rng.integers(40), 400.0 + rng.integers(1500)
    step = FACE_SIDE / 112
    return {
        "face_idx": idx,
        "box": [x, y, x + FACE_SIDE, y + FACE_SIDE],
        "landmarks": [[x + u * step, y + v * step] for u, v in TEMPLATE],
        "score": 0.99,
        "quality": 0.8,
        "group_idx": person,
        "similarity": None if person < 0 else round(float(rng.uniform(0.5, 0.95)), 4),
        "evidence": [],
    }


def _groups(
    labels: np.ndarray, photo_of: np.ndarray, images: list[dict[str, Any]], people: int
) -> list[dict[str, Any]]:
    order = np.argsort(labels, kind="stable")
    of_person = np.split(order, np.searchsorted(labels[order], np.arange(people)))[1:]
    return [
        {
            "group_idx": g,
            "group_id": f"person-{g:04d}",
            "name": f"Somebody {g}" if g % 5 == 0 else None,
            "image_ids": [images[i]["id"] for i in sorted(set(photo_of[faces].tolist()))],
            "original_images_idx_list": photo_of[faces].tolist(),
            "face2_idx_list": faces.tolist(),
            "face1_idx_list": [[], *faces[:-1].tolist()],
            "cosine_similarity_list": [-1] + [0.8] * (len(faces) - 1),
            "representative_face_idx": int(faces[0]),
            "cohesion": 0.6,
            "purity": 0.95,
            "crop_path_list": [],
            "face_list": [],
        }
        for g, faces in enumerate(of_person)
    ]
