"""What comparing two photos gave: :class:`Verification`, as values, as words and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grouping.api.extract import ExtractedFace
from grouping.api.represent import FaceEmbedding
from grouping.people.same_person import RAREST_MEASURED, Verdict

if TYPE_CHECKING:
    from PIL import Image

    from grouping.report.pair_picture import PairRow

LISTED_PAIRS = 6  # in words and in the picture; ``pairs`` has them all


@dataclass(frozen=True, eq=False)
class ComparedPhoto:
    """One of the two photos.

    Attributes:
        location: for people to read.
        sha256: of its bytes, or of its pixels where it was given as pixels.
        faces: all of them, in the order of ``groups.json``.
    """

    location: str
    sha256: str
    faces: tuple[FaceEmbedding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; the vectors are left to ``represent``."""
        faces = [ExtractedFace.as_dict(face) for face in self.faces]
        return {"photo": self.location, "sha256": self.sha256, "faces": faces}


@dataclass(frozen=True)
class FacePair:
    """A face of the first photo and one of the second.

    Attributes:
        a, b: their numbers in their photos.
        similarity: cosine.
        verdict: what it says of these two.
        reasons: why nobody can tell; empty where the verdict is not "unsure".
        false_match_rate: share of pairs of strangers who are at least so alike; None where nobody
            has measured the network.
    """

    a: int
    b: int
    similarity: float
    verdict: Verdict
    reasons: tuple[str, ...]
    false_match_rate: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "a": self.a,
            "b": self.b,
            "similarity": round(self.similarity, 4),
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "false_match_rate": self.false_match_rate,
        }


@dataclass(frozen=True, eq=False)
class Verification:
    """Whether two photos show one person.

    Attributes:
        verdict: "same" where some pair of faces is, "different" where every pair is, else "unsure".
        reasons: why nobody can tell, one line each.
        pair: the pair of faces that decided.
        same_from: similarity from which two faces are the same, given how many pairs there are;
            None where nobody has measured the network.
        different_below: similarity below which they are different; None likewise.
        measured_on: the photos that both thresholds and the rates were measured on.
        network: which one compared them.
        a, b: the photos.
        pairs: all pairs of their faces, the most similar first.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    pair: FacePair
    same_from: float | None
    different_below: float | None
    measured_on: str | None
    network: str
    a: ComparedPhoto
    b: ComparedPhoto
    pairs: tuple[FacePair, ...]

    @property
    def similarity(self) -> float:
        """Cosine similarity of the pair of faces that decided."""
        return self.pair.similarity

    @property
    def false_match_rate(self) -> float | None:
        """Share of pairs of strangers who are at least as alike as that pair."""
        return self.pair.false_match_rate

    def in_words(self) -> list[str]:
        """Return what a person reads below the verdict, one line each."""
        lines = [f"similarity {self.similarity:.3f}", *self.reasons]
        if self.same_from is not None and self.false_match_rate is not None:
            lines[0] += f" (same from {self.same_from:.3f}, "
            lines[0] += f"different below {self.different_below:.3f})"
            lines.append(f"{_how_many(self.false_match_rate)} pairs of strangers are so alike")
            lines.append(f"measured on {self.measured_on}")
        if len(self.pairs) > 1:
            lines.append(f"{len(self.pairs)} pairs of faces were compared")
        return [*lines, f"network {self.network}"]

    def picture(self) -> Image.Image:
        """Draw the most similar pairs of faces side by side, with the verdict and the numbers."""
        from grouping.report.pair_picture import draw_pairs

        listed = [self.pair, *(pair for pair in self.pairs if pair != self.pair)]
        rows = [self._row(pair) for pair in listed[:LISTED_PAIRS]]
        left = len(listed) - len(rows)
        more = [f"{left} less similar pairs are not drawn"] if left else []
        return draw_pairs(self.verdict.value, [*self.in_words(), *more], rows)

    def _row(self, pair: FacePair) -> PairRow:
        from grouping.report.pair_picture import PairRow

        a, b = self.a.faces[pair.a], self.b.faces[pair.b]
        return PairRow(
            crops=(a.loose_crop, a.crop, b.crop, b.loose_crop),
            captions=(_caption(self.a, pair.a), _caption(self.b, pair.b)),
            similarity=f"{pair.similarity:.3f}",
            verdict=pair.verdict.value,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "similarity": round(self.similarity, 4),
            "same_from": _short(self.same_from),
            "different_below": _short(self.different_below),
            "false_match_rate": self.false_match_rate,
            "measured_on": self.measured_on,
            "network": self.network,
            "pair": self.pair.as_dict(),
            "pairs": [pair.as_dict() for pair in self.pairs],
            "a": self.a.as_dict(),
            "b": self.b.as_dict(),
        }


def _caption(photo: ComparedPhoto, number: int) -> str:
    face = photo.faces[number]
    flaws = f", {', '.join(face.flaws)}" if face.flaws else ""
    name = photo.location.rstrip("/").rpartition("/")[2]
    return f"{name}, face {number}, quality {face.quality:.2f}{flaws}"


def _how_many(rate: float) -> str:
    """A share as people say it; the smallest that is known is an upper limit."""
    if rate <= RAREST_MEASURED:
        return f"fewer than 1 in {1 / RAREST_MEASURED:,.0f}"
    return f"1 in {1 / rate:,.1f}" if rate > 0.1 else f"1 in {1 / rate:,.0f}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
