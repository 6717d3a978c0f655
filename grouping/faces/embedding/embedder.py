"""The face network as a function: aligned crops in, unit vectors and what they tell out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from backbone.errors import BackboneError
from grouping.config import EmbeddingSettings
from grouping.errors import InputError, ModelError
from grouping.faces.embedding.mirror import ALL, DOUBTFUL, known_flip, mirrored_crops
from grouping.records import Float32, UInt8

if TYPE_CHECKING:
    from backbone.runtime.runner import Runner
    from backbone.weights.known_files import WeightRecord
    from backbone.weights.loading import WeightOrigin
    from grouping.faces.embedding.recognisability import RawEmbeddings, Recognisability


class ModelInfo(TypedDict):
    """Which network made the embeddings, as written to result files."""

    name: str
    architecture: str
    file: str
    sha256: str
    source: str
    licence: str


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What a face network gives for the faces of some crops.

    Attributes:
        vectors: (n, d) float32, rows of unit length.
        signs: (n, 8) float32, columns ``RECOGNITION_SIGNS``.
    """

    vectors: Float32
    signs: Float32

    def __getitem__(self, rows: slice) -> Embeddings:
        """Those of some of the faces."""
        return Embeddings(self.vectors[rows], self.signs[rows])


class Embedder:
    """A face network as a function from aligned crops to unit vectors.

    Calls from several threads at once are safe: nothing is changed after construction.

    Attributes:
        dimension: length of an embedding.
        model: which network this is.
        default_threshold: cosine similarity at which its faces are grouped; None where nobody has
            measured it.
        mirrored: of which crops the mirror image is averaged in, see
            :mod:`grouping.faces.embedding.mirror`.
        recognisability: how its faces are told from crops that show nobody.
    """

    def __init__(
        self,
        runner: Runner,
        model: ModelInfo,
        default_threshold: float | None,
        mirrored: str,
        recognisability: Recognisability,
    ) -> None:
        self._runner = runner
        self.model = model
        self.default_threshold = default_threshold
        self.mirrored = mirrored
        self.recognisability = recognisability
        self.dimension: int = runner.dimension

    @property
    def runner(self) -> Runner:
        """The network itself."""
        return self._runner

    @property
    def device(self) -> str:
        """What it runs on; changes where a GPU fails and the CPU may take its place."""
        return self._runner.device

    @property
    def precision(self) -> str:
        """``"fp32"``, ``"bf16"`` or ``"fp16"``."""
        return self._runner.precision

    def __call__(self, crops: UInt8) -> Embeddings:
        """Embed aligned faces.

        Args:
            crops: (n, 112, 112, 3) uint8 RGB; n may be 0.

        Returns:
            n rows. A row does not depend on the others beyond rounding.

        Raises:
            InputError: crops of another shape or dtype.
            ModelError: the network gave a vector of zero length or not of finite numbers.
        """
        size = self._runner.input_size
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (size, size, 3):
            raise InputError(
                f"crops must be uint8 of shape (n, {size}, {size}, 3), "
                f"got {crops.dtype} of shape {crops.shape}"
            )
        try:
            raw = self._raw(crops)
        except BackboneError as error:
            raise ModelError(str(error)) from None
        vectors = self._unit_rows(raw.sums)
        return Embeddings(vectors, self.recognisability.signs(raw, vectors))

    def _raw(self, crops: UInt8) -> RawEmbeddings:
        """(n, 112, 112, 3) uint8 RGB in; with the mirror images that are wanted."""
        from grouping.faces.embedding.recognisability import embed_raw, with_mirror_images

        raw = embed_raw(self._runner, crops, mirrored=self.mirrored == ALL)
        if self.mirrored != DOUBTFUL:
            return raw
        return with_mirror_images(self._runner, crops, raw, self.recognisability.doubt(raw))

    def _unit_rows(self, raw: Float32) -> Float32:
        """Return the rows of (n, d) float32 at unit length, the same shape and dtype."""
        norms = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
        if not np.all(np.isfinite(norms)) or np.any(norms == 0):
            raise ModelError(
                f"{self.model['file']}: the network gave an embedding that is zero or not finite; "
                "the checkpoint is broken, use another with --checkpoint"
            )
        unit: Float32 = (raw / norms).astype(np.float32)
        return unit


def model_info(record: WeightRecord, file: str, sha256: str) -> ModelInfo:
    """What result files say of a network: its record, the file's name and its hex digest."""
    return ModelInfo(
        name=record.name,
        architecture=record.architecture,
        file=file,
        sha256=sha256,
        source=record.source,
        licence=record.licence,
    )


def load_embedder(settings: EmbeddingSettings | None = None) -> Embedder:
    """Load a face network and make it ready for this machine.

    Args:
        settings: which network, on what; the defaults where None.

    Raises:
        ModelError: the file, device or precision cannot be used.
    """
    from backbone.runtime.runner import Runner
    from backbone.runtime.self_check import sample_crops
    from backbone.weights.loading import load_weights
    from grouping.faces.embedding.recognisability import measure_recognisability

    wanted = settings or EmbeddingSettings()
    try:
        loaded = load_weights(
            wanted.checkpoint,
            channel_order=wanted.channel_order,
            mean=wanted.mean,
            scale=wanted.scale,
        )
        runner = Runner(
            loaded,
            device=wanted.device,
            precision=wanted.precision,
            batch_size=wanted.batch_size,
            allow_cpu_fallback=wanted.allow_cpu_fallback,
        )
        flip = known_flip(wanted.flip, loaded.record)
        recognisability = measure_recognisability(
            runner, sample_crops(), mirrored=bool(flip), sign=loaded.record.face_sign
        )
    except BackboneError as error:
        raise ModelError(str(error)) from None
    return embedder_of(loaded, runner, recognisability, flip)


def embedder_of(
    origin: WeightOrigin, runner: Runner, recognisability: Recognisability, flip: bool | str
) -> Embedder:
    """Put an embedder together from its parts, see :class:`Embedder`.

    ``flip`` is what :func:`grouping.faces.embedding.mirror.known_flip` gives.
    """
    model = model_info(origin.record, origin.path.name, origin.sha256)
    mirrored = mirrored_crops(flip, recognisability)
    return Embedder(runner, model, origin.record.threshold, mirrored, recognisability)
