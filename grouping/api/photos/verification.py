"""What comparing two photos gave: :class:`Verification`, as values, as words and as a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from grouping.api.photos.extract import ExtractedFace
from grouping.api.photos.represent import FaceEmbedding
from grouping.people.identify.same_person import Verdict, VerdictRule

if TYPE_CHECKING:
    from PIL import Image

    from grouping.people.identify.album_impostors import Rate
    from grouping.report.pair_picture import PairRow

# In words and in the picture; ``pairs`` and ``reasons`` have them all.
LISTED_PAIRS, LISTED_REASONS = 6, 4


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

    @property
    def name(self) -> str:
        """Its location without the folders."""
        return self.location.rstrip("/").rpartition("/")[2]

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
        rule: by which; None where nobody has measured the network.
        network: which one compared them.
        a, b: the photos.
        pairs: all pairs of their faces, the most similar first.
        album_rate: how many pairs of faces of one photo, who are strangers, are at least as alike
            as the pair that decided, in an album; None where none was asked.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    pair: FacePair
    rule: VerdictRule | None
    network: str
    a: ComparedPhoto
    b: ComparedPhoto
    pairs: tuple[FacePair, ...]
    album_rate: Rate | None = None

    @property
    def similarity(self) -> float:
        """Cosine similarity of the pair of faces that decided."""
        return self.pair.similarity

    @property
    def same_from(self) -> float | None:
        """Similarity from which two faces are the same, given how many pairs there are."""
        return None if self.rule is None else self.rule.same_from(len(self.pairs))

    @property
    def different_below(self) -> float | None:
        """Similarity below which two faces are different."""
        return None if self.rule is None else self.rule.different_below

    @property
    def measured_on(self) -> str | None:
        """What the thresholds and the rates were measured on."""
        return None if self.rule is None else self.rule.measured_on

    @property
    def false_match_rate(self) -> float | None:
        """Share of pairs of strangers who are at least as alike as that pair."""
        return self.pair.false_match_rate

    def in_words(self) -> list[str]:
        """Return what a person reads below the verdict, one line each."""
        lines = [f"similarity {self.similarity:.3f}", *self.reasons[:LISTED_REASONS]]
        if len(self.reasons) > LISTED_REASONS:
            lines.append(f"and {len(self.reasons) - LISTED_REASONS} more reasons like these")
        if self.rule is not None and self.false_match_rate is not None:
            lines[0] += f" (same from {self.same_from:.3f}, "
            lines[0] += f"different below {self.different_below:.3f})"
            share = _how_many(self.false_match_rate, self.rule.rarest)
            lines.append(f"{share} pairs of strangers are so alike")
            lines.append(f"measured on {self.measured_on}")
        if self.album_rate is not None:
            rate = self.album_rate
            lines.append(
                f"{rate.count} of {rate.of} pairs of faces of one photo in the album are so alike "
                f"({_percent(rate.low)} to {_percent(rate.high)} %)"
            )
        if len(self.pairs) > 1:
            lines.append(f"{len(self.pairs)} pairs of faces were compared")
        return [*lines, f"network {self.network}"]

    def picture(self) -> Image.Image:
        """Draw the most similar pairs of faces side by side, with the verdict and the numbers."""
        from grouping.report.pair_picture import draw_pairs

        listed = [self.pair, *(pair for pair in self.pairs if pair != self.pair)]
        rows = [self._row(pair) for pair in listed[:LISTED_PAIRS]]
        left = len(listed) - len(rows)
        more = [f"{left} more pairs are not drawn"] if left else []
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
            "album_rate": None if self.album_rate is None else asdict(self.album_rate),
            "network": self.network,
            "pair": self.pair.as_dict(),
            "pairs": [pair.as_dict() for pair in self.pairs],
            "a": self.a.as_dict(),
            "b": self.b.as_dict(),
        }


def _caption(photo: ComparedPhoto, number: int) -> str:
    face = photo.faces[number]
    flaws = f", {', '.join(face.flaws)}" if face.flaws else ""
    return f"{photo.name}, face {number}, quality {face.quality:.2f}{flaws}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.2g}"


def _how_many(rate: float, rarest: float) -> str:
    """A share as people say it; the smallest that is known is an upper limit."""
    if rate <= rarest:
        return f"fewer than 1 in {1 / rarest:,.0f}"
    return f"1 in {1 / rate:,.1f}" if rate > 0.1 else f"1 in {1 / rate:,.0f}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
