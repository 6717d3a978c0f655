"""A small album with known people: flat coloured faces, so that pictures can be checked."""

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from grouping.errors import FetchError
from grouping.records import QUALITY_MEASURES, FaceSet, unknown_signs
from grouping.report.plots.plot_data import plot_data

BACKGROUND = (40, 60, 90)
PERSON_COLOURS = ((220, 40, 40), (40, 200, 60), (230, 200, 30), (200, 60, 220), (30, 190, 210))
FACE_SIDE = 60
TEMPLATE = ((38.29, 51.7), (73.53, 51.5), (56.03, 71.74), (41.55, 92.37), (70.73, 92.2))


def colour_of_person(person: int) -> tuple[int, int, int]:
    return PERSON_COLOURS[person % len(PERSON_COLOURS)]


def album(
    photos: list[list[int]], names: dict[int, str] | None = None, size: tuple[int, int] = (400, 300)
) -> tuple[dict[str, Any], Callable[[int], bytes]]:
    """``photos[i]`` lists the people in photo i, -1 for a stranger; gives result and opener."""
    data = [_draw(i, people, size) for i, people in enumerate(photos)]
    images: list[dict[str, Any]] = []
    labels: list[int] = []
    for i, people in enumerate(photos):
        faces = []
        for place, person in enumerate(people):
            faces.append(_face(len(labels), place, person))
            labels.append(person)
        images.append(_image(i, size, data[i], faces))
    vectors = _vectors(labels)
    result = {
        "version": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "model": {"name": "MobileFaceNet", "architecture": "mobilefacenet", "file": "m.pth"},
        "settings": {"threshold": 0.4, "cluster": "agglomerative", "min_photos": 2},
        "groups": _groups(images, labels, names or {}),
        "images": images,
        "merge_suggestions": [],
        "changes": None,
        "corrections": [],
        "plots": plot_data(face_set(vectors), np.array(labels, np.int64), 0.4),
    }

    def open_photo(i: int) -> bytes:
        if images[i].get("error"):
            raise FetchError("asked for a photo that is known to be unreadable")
        return data[i]

    return result, open_photo


def with_copies(result: dict[str, Any], copy_of: dict[int, int]) -> dict[str, Any]:
    """Say of photos that they are copies of others, as a run would; the same ``result``."""
    for copy, original in copy_of.items():
        result["images"][copy]["copy_of"] = result["images"][original]["id"]
    for group in result["groups"]:
        photos = set(group["original_images_idx_list"])
        group["pictures"] = len({copy_of.get(photo, photo) for photo in photos})
    return result


def face_set(vectors: np.ndarray) -> FaceSet:
    n = len(vectors)
    return FaceSet(
        photo_index=np.arange(n, dtype=np.int32),
        boxes=np.zeros((n, 4), np.float32),
        scores=np.ones(n, np.float32),
        landmarks=np.zeros((n, 5, 2), np.float32),
        quality=np.ones(n, np.float32),
        measures=np.zeros((n, len(QUALITY_MEASURES)), np.float32),
        embeddings=vectors.astype(np.float32),
        signs=unknown_signs(n),
    )


def unit_vectors(labels: list[int], noise: float, seed: int = 0, d: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(labels, default=0) + 1, d))
    rows = [centres[g] if g >= 0 else rng.normal(size=d) for g in labels]
    vectors = np.array(rows).reshape(-1, d) + noise * rng.normal(size=(len(labels), d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _vectors(labels: list[int]) -> np.ndarray:
    return unit_vectors(labels, 0.3)


def _box(place: int) -> list[float]:
    x, y = 20 + 90 * place, 100
    return [float(x), float(y), float(x + FACE_SIDE), float(y + FACE_SIDE)]


def _draw(i: int, people: list[int], size: tuple[int, int]) -> bytes:
    image = Image.new("RGB", size, BACKGROUND)
    image.putpixel((0, 0), (i % 256, i // 256, 0))  # no two photos have the same bytes
    for place, person in enumerate(people):
        colour = (128, 128, 128) if person < 0 else colour_of_person(person)
        ImageDraw.Draw(image).rectangle(_box(place), fill=colour)
    encoded = BytesIO()
    image.save(encoded, "PNG")
    return encoded.getvalue()


def _face(idx: int, place: int, person: int) -> dict[str, Any]:
    box = _box(place)
    landmarks = [[box[0] + x * FACE_SIDE / 112, box[1] + y * FACE_SIDE / 112] for x, y in TEMPLATE]
    similarity = None if person < 0 else round(0.95 - 0.01 * (idx % 40), 4)
    return {
        "face_idx": idx,
        "box": box,
        "landmarks": landmarks,
        "score": 0.99,
        "quality": 0.8,
        "group_idx": person,
        "similarity": similarity,
        "evidence": [],
    }


def _image(i: int, size: tuple[int, int], data: bytes, faces: list[dict[str, Any]]) -> dict:
    seen = sorted({face["group_idx"] for face in faces} - {-1})
    return {
        "id": f"photo-{i}",
        "url": f"/album/photo {i}.png",
        "width": size[0],
        "height": size[1],
        "sha256": sha256(data).hexdigest(),
        "group_idx": seen or ([-1] if faces else [-2]),
        "warnings": [],
        "faces": faces,
    }


def _groups(images: list[dict], labels: list[int], names: dict[int, str]) -> list[dict[str, Any]]:
    photo_of = {face["face_idx"]: i for i, image in enumerate(images) for face in image["faces"]}
    groups = []
    for g in range(max(labels, default=-1) + 1):
        faces = [idx for idx, label in enumerate(labels) if label == g]
        groups.append(
            {
                "group_idx": g,
                "group_id": f"person-{g:04d}",
                "name": names.get(g),
                "image_ids": [images[i]["id"] for i in sorted({photo_of[f] for f in faces})],
                "original_images_idx_list": [photo_of[f] for f in faces],
                "face2_idx_list": faces,
                "face1_idx_list": [[], *faces[:-1]],
                "cosine_similarity_list": [-1] + [0.8] * (len(faces) - 1),
                "representative_face_idx": faces[0],
                "cohesion": 0.9,
                "purity": 0.95,
                "crop_path_list": [],
                "face_list": [],
            }
        )
    return groups
