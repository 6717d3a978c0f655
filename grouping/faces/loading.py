"""From settings to the networks that analyse photos. Nothing heavy is imported before the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.errors import ModelError

if TYPE_CHECKING:
    from grouping.faces.photo_analyser import PhotoAnalyser


def load_analyser(detection: DetectionSettings, embedding: EmbeddingSettings) -> PhotoAnalyser:
    """Load the networks; the detector runs where the face network does.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    from backbone.errors import BackboneError
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces.embedding import load_embedder
    from grouping.faces.photo_analyser import PhotoAnalyser
    from grouping.faces.search.detection import Detector

    embedder = load_embedder(embedding)
    try:
        detector = Detector(load_mtcnn(embedder.device))
    except BackboneError as error:
        raise ModelError(str(error)) from None
    return PhotoAnalyser(detector, embedder, detection)
