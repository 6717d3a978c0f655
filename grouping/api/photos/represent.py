"""The faces of one photo as unit vectors: :func:`represent`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grouping.api.photos.extract import ExtractedFace, face_values
from grouping.api.photos.photo_input import SeenPhoto, see_photo
from grouping.config import GroupingConfig
from grouping.records import Float32
from grouping.sources.entries import SourceOptions


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceEmbedding(ExtractedFace):
    """A face and the vector that a face network makes of it.

    Attributes:
        embedding: (512,) float32 of unit length; its inner product with another face's is their
            cosine similarity. Other networks may have another length.
        network: which one, for people to read.
        network_sha256: of its weight file.
        network_key: digest of all that vectors depend on (weights, preprocessing, version of the
            program's part): vectors can be compared where it is equal. The column ``network`` of
            the view ``faces`` of a cache.
        photo_sha256: of the photo's bytes, or of its pixels where it was given as pixels.
    """

    embedding: Float32 = field(repr=False)
    network: str
    network_sha256: str
    network_key: str
    photo_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values: those of a face, the network and the vector as exact numbers."""
        return {
            **super().as_dict(),
            "photo_sha256": self.photo_sha256,
            "network": self.network,
            "network_sha256": self.network_sha256,
            "network_key": self.network_key,
            "embedding": self.embedding.tolist(),
        }


def represent(
    photo: Any,
    *,
    config: GroupingConfig | None = None,
    allow_local: bool = False,
    options: SourceOptions | None = None,
    **settings: Any,
) -> list[FaceEmbedding]:
    """Find the faces of one photo and embed them; none is an empty list.

    Args:
        photo, config, allow_local, options, settings: as for
            :func:`grouping.api.photos.extract.extract_faces`.

    Raises:
        GroupingError: as there.
    """
    config = (config or GroupingConfig()).with_settings(**settings)
    return embeddings_of(see_photo(photo, config=config, allow_local=allow_local, options=options))


def embeddings_of(seen: SeenPhoto) -> list[FaceEmbedding]:
    """Return the faces of a photo that was analysed."""
    models, outcome = seen.models, seen.outcome
    assert outcome.sha256 is not None  # it was read
    return [
        FaceEmbedding(
            **values,
            embedding=vector,
            network=models.model["name"],
            network_sha256=models.weights_digest,
            network_key=models.model_key,
            photo_sha256=outcome.sha256,
        )
        for values, vector in zip(face_values(seen), outcome.faces.embeddings, strict=True)
    ]
