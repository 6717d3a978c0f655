"""What the corrections in a folder of results say of faces that are not in a person's group."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from grouping.clustering.constraints import extend_cannot_links
from grouping.corrections.apply import apply_corrections
from grouping.corrections.overrides import in_download_order
from grouping.corrections.toml_file import load_all_corrections
from grouping.records import FaceSet, Int64
from grouping.results.album import Album
from grouping.storage.result_folder import CORRECTIONS_PATTERN


class CorrectedFaces(NamedTuple):
    """Faces of which a person said something.

    Attributes:
        ignored: (k,) int64, rows that belong to nobody.
        apart: (c, 2) int64, pairs of rows that are two people.
    """

    ignored: Int64
    apart: Int64


def corrected_faces(folder: Path, album: Album, faces: FaceSet) -> CorrectedFaces:
    """Read the corrections that lie in the folder, where a run finds them too.

    Args:
        folder: of the results.
        album: what ``groups.json`` says.
        faces: those of the album.

    Raises:
        CorrectionsError: they cannot be read, or contradict each other.
    """
    entries = load_all_corrections(in_download_order([*folder.glob(CORRECTIONS_PATTERN)]))
    if not entries:
        return CorrectedFaces(np.zeros(0, np.int64), np.zeros((0, 2), np.int64))
    digests = [image.get("sha256") for image in album.images]
    told = apply_corrections(entries, faces, digests).constraints
    apart = extend_cannot_links(told.cannot_link, told.must_link, len(faces))
    return CorrectedFaces(told.ignore, apart)
