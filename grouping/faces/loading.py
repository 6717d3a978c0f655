"""From settings to the networks that analyse photos. Nothing heavy is imported before the call."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.errors import ModelError

if TYPE_CHECKING:
    from grouping.faces.embedding.embedder import Embedder
    from grouping.faces.photo_analyser import PhotoAnalyser


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """Look for no garbage: what is imported stays, and looking takes a tenth of the time."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


@_nothing_is_garbage()
def import_networks() -> None:
    """Import what the networks need, for a process that will be told later which ones."""
    import grouping.faces.embedding.recognisability
    import grouping.faces.photo_analyser
    import grouping.faces.search.detection  # noqa: F401


@_nothing_is_garbage()
def load_analyser(
    detection: DetectionSettings,
    embedding: EmbeddingSettings,
    weights: tuple[Path, str] | None = None,
    *,
    announced: bool = False,
) -> PhotoAnalyser:
    """Load the networks; the detector runs where the face network does.

    Args:
        detection: which faces are looked for.
        embedding: which network embeds them, and where it runs.
        weights: the face network's file and its SHA-256, hex: where they are known, what an earlier
            run has kept of the network is used, and kept for later ones.
        announced: what there is to be said of the network was said by another process.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    from backbone.errors import BackboneError
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces.photo_analyser import PhotoAnalyser
    from grouping.faces.search.detection import Detector

    embedder = _embedder(embedding, weights, announced)
    try:
        detector = Detector(load_mtcnn(embedder.device))
    except BackboneError as error:
        raise ModelError(str(error)) from None
    return PhotoAnalyser(detector, embedder, detection)


def _embedder(
    embedding: EmbeddingSettings, weights: tuple[Path, str] | None, announced: bool
) -> Embedder:
    if weights is None:
        from grouping.faces.embedding.embedder import load_embedder

        return load_embedder(embedding)
    from grouping.faces.embedding.prepared_embedder import load_prepared_embedder

    return load_prepared_embedder(embedding, *weights, announced=announced)
