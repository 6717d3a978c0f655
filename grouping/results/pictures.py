"""What copies of pictures are told by, from the photos of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from grouping.records import FaceSet, PhotoFaces
from grouping.sources.file_kinds import is_raw_name, raw_companions
from grouping.sources.photo import Photo

if TYPE_CHECKING:
    from grouping.people.copies import Pictures


def pictures_of(
    photos: Sequence[Photo], outcomes: Sequence[PhotoFaces], faces: FaceSet
) -> Pictures:
    """Return what copies are told by; of like photos the one of the shortest name comes first.

    A RAW file counts as a copy of the picture beside it, and comes after it.
    """
    from grouping.people.copies import Pictures

    places = [photo.location for photo in photos]
    contents = [outcome.sha256 for outcome in outcomes]
    for raw, picture in raw_companions(places).items():
        if outcomes[picture].failure is None:
            contents[raw] = contents[picture]
    names = [(is_raw_name(p), len(p), p, position) for position, p in enumerate(places)]
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return Pictures(
        contents,
        [outcome.picture_hash for outcome in outcomes],
        np.array([(o.width, o.height) for o in outcomes], np.int64).reshape(-1, 2),
        rank,
        faces,
    )
