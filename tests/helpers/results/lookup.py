"""Folders of results of albums that exist as vectors only."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from grouping import GroupingConfig
from grouping.execution.face_models import shared_models
from grouping.records import FaceSet, PhotoFaces
from grouping.similarity.group_sums import group_members
from grouping.storage.cache import Cache

SIZE = (4000, 3000)


def write_vectors(folder: Path, faces: FaceSet, labels: np.ndarray) -> Path:
    """Write ``groups.json`` and ``cache.sqlite`` as a run that found these faces would.

    Args:
        folder: made where it is not there.
        faces: in the order of their photos, which have no gaps.
        labels: (n,) from 0, -1 for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    models = shared_models(GroupingConfig())
    count = int(faces.photo_index.max(initial=-1)) + 1
    digests = [sha256(b"%d" % photo).hexdigest() for photo in range(count)]
    ends = np.searchsorted(faces.photo_index, np.arange(count + 1))
    with Cache.open(folder / "cache.sqlite") as cache:
        for photo, digest in enumerate(digests):
            own = faces[ends[photo] : ends[photo + 1]]
            cache.store(
                PhotoFaces(*SIZE, own, sha256=digest), models.detector_key, models.model_key
            )
    document = {
        "version": "0.0.0",
        "created": "2026-01-02T03:04:05+00:00",
        "model": models.model,
        "settings": {**GroupingConfig().as_json(), "threshold": 0.38},
        "groups": [
            _group(g, rows, faces.photo_index) for g, rows in enumerate(group_members(labels))
        ],
        "images": [
            _image(photo, digest, faces, labels, range(ends[photo], ends[photo + 1]))
            for photo, digest in enumerate(digests)
        ],
        "merge_suggestions": [],
        "changes": None,
        "corrections": [],
    }
    (folder / "groups.json").write_text(json.dumps(document))
    return folder


def _group(number: int, rows: np.ndarray, photo_index: np.ndarray) -> dict[str, Any]:
    return {
        "group_idx": number,
        "group_id": f"person-{number:04d}",
        "name": None,
        "image_ids": [f"photo-{photo}" for photo in np.unique(photo_index[rows])],
        "original_images_idx_list": photo_index[rows].tolist(),
        "face2_idx_list": rows.tolist(),
        "face1_idx_list": [[], *rows[:-1].tolist()],
        "cosine_similarity_list": [-1] + [0.7] * (len(rows) - 1),
        "face_list": [],
        "crop_path_list": [],
        "representative_face_idx": int(rows[0]),
        "cohesion": 0.8,
        "purity": 0.9,
    }


def _image(
    photo: int, digest: str, faces: FaceSet, labels: np.ndarray, rows: range
) -> dict[str, Any]:
    seen = sorted({int(labels[row]) for row in rows} - {-1})
    return {
        "id": f"photo-{photo}",
        "url": f"/album/{photo}.jpg",
        "width": SIZE[0],
        "height": SIZE[1],
        "sha256": digest,
        "group_idx": seen or [-1 if len(rows) else -2],
        "faces": [
            {
                "face_idx": row,
                "box": np.round(faces.boxes[row].astype(float), 2).tolist(),
                "landmarks": faces.landmarks[row].astype(float).tolist(),
                "score": 0.99,
                "quality": float(faces.quality[row]),
                "group_idx": int(labels[row]),
                "similarity": 0.8 if labels[row] >= 0 else None,
                "evidence": [],
            }
            for row in rows
        ],
    }
