"""Of which crops the mirror image is shown to a face network too, where that is left to it.

The mean of the embeddings of a crop and its mirror image raises the similarity of two photos of one
person by the share ``(1 - agreement) / 2``, where the agreement is the cosine similarity of the two
embeddings. That is 0.010 for the bundled network and 0.002 for EdgeFace-XS (bench_mirror; 0.0025 by
this rule): the first groups better for it, the second does not. The gain is spread over all faces,
good ones and bad; no rule that chose some by quality or norm kept it. So the network decides, by
the portraits that it is shown when it is loaded. One of which the mirror image changes nothing but
that is told by its agreement which crops show nobody (see
:mod:`grouping.faces.embedding.recognisability`) needs it where there is doubt of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grouping.config import AUTO

if TYPE_CHECKING:
    from backbone.weights.known_files import WeightRecord
    from grouping.faces.embedding.recognisability import Recognisability

ALL, DOUBTFUL, NONE = "all", "doubtful", "none"

# Agreement of the portraits: 0.984 of the bundled network, 0.995 of EdgeFace-XS. Chosen between
# these two; no third network has been measured. Of pairs of other good faces at most 2 % would
# decide otherwise for the first, 1 to 9 % for the second (bench_mirror).
PAYS_BELOW = 0.99


def known_flip(flip: bool | str, record: WeightRecord | None) -> bool | str:
    """The setting ``flip``, decided where it is left to a network that was measured.

    Args:
        flip: True, False or ``"auto"``.
        record: of the network; None for one of which nothing is known.
    """
    if flip == AUTO and record is not None and record.mirror_pays is not None:
        return record.mirror_pays
    return flip


def mirrored_crops(flip: bool | str, recognisability: Recognisability) -> str:
    """Return ``ALL``, ``DOUBTFUL`` or ``NONE``.

    Args:
        flip: as :func:`known_flip` gives it.
        recognisability: what the network made of the portraits and their mirror images.
    """
    if flip != AUTO:
        return ALL if flip else NONE
    agreement = recognisability.portraits_agree
    if agreement is None or not agreement >= PAYS_BELOW:  # NaN too
        return ALL
    return DOUBTFUL if recognisability.sign.name == "agreement" else NONE
