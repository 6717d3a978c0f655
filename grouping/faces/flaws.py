"""Why a face is too poor to say who it is: in the words of a person who looks at it."""

from __future__ import annotations

import numpy as np

from grouping.faces.quality import FACTORS, quality_factors
from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet

# Below this quality the faces of one person are no longer alike: of the pairs of one person in
# full-size photos of two athletes with a face of 0.1 to 0.2 a quarter, with one below 0.1 four
# fifths are less alike than one in a hundred pairs of strangers; of those from 0.5 on one in fifty
# (bench_verify, on people of one half).
POOR_QUALITY = 0.2
# A factor of the quality that is named where the face is poor; the smallest one always is.
SERIOUS = 0.5


def flaws_of(faces: FaceSet) -> list[tuple[str, ...]]:
    """Return for each face what makes it too poor, the worst first; empty for all others.

    Example: ``("blurred (sharpness 9)", "tiny (21 px)")``.
    """
    factors = np.vstack([quality_factors(faces.scores, faces.measures), _recognisable(faces)])
    names = (*FACTORS, "recognisable")
    found: list[tuple[str, ...]] = []
    for row, quality in enumerate(faces.quality.tolist()):
        order = np.argsort(factors[:, row], kind="stable").tolist()
        worst = [k for k in order if k == order[0] or factors[k, row] < SERIOUS]
        named = [_in_words(names[k], faces, row) for k in worst]
        found.append(tuple(named) if quality < POOR_QUALITY else ())
    return found


def _recognisable(faces: FaceSet) -> np.ndarray:
    """(n,) float32, what the network makes of each face."""
    return faces.signs[:, RECOGNITION_SIGNS.index("recognisable")]


def _in_words(factor: str, faces: FaceSet, row: int) -> str:
    measure = dict(zip(QUALITY_MEASURES, faces.measures[row].tolist(), strict=True))
    return {
        "score": f"hardly a face (detector score {faces.scores[row]:.2f})",
        "size": f"tiny ({measure['size']:.0f} px)",
        "sharpness": f"blurred (sharpness {measure['sharpness']:.0f})",
        "angle": f"turned away (yaw {measure['yaw']:.0f}, pitch {measure['pitch']:.0f} degrees)",
        "landmarks": "eyes, nose and mouth not found where they should be",
        "visible": f"cut by the edge of the photo ({100 * measure['visible']:.0f} % of it visible)",
        "recognisable": "nothing that the network recognises (a blur, a mask or no face)",
    }[factor]
