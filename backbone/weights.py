"""The known weight files, one record each, and :func:`load_weights`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from backbone.architectures import Architecture, Preprocessing, expected_shapes, identify
from backbone.checkpoints import clean_weights, read_checkpoint, verified_state_dict
from backbone.errors import CheckpointError

__all__ = [
    "IR50_RECORD",
    "MOBILEFACENET_RECORD",
    "LoadedWeights",
    "WeightRecord",
    "default_checkpoint",
    "load_weights",
    "verified_state_dict",
]

log = logging.getLogger(__name__)

CHECKPOINT_FOLDER = Path(__file__).resolve().parent.parent / "checkpoint"


@dataclass(frozen=True)
class WeightRecord:
    """What is known about one file of trained weights.

    Attributes:
        name: for people.
        file_name: as published.
        sha256: hex digest; None for a file that is not known.
        size: bytes; None for a file that is not known.
        source: where it comes from.
        licence: under which it is published.
        architecture: key of :data:`backbone.architectures.ARCHITECTURES`.
        input_size: height and width of a crop in pixels.
        preprocessing: channel order and scaling that the network was trained on.
        inexact: precisions in which some face was measured to turn by more than cosine 0.999
            allows; not taken unless asked for by name.
        threshold: cosine similarity above which faces are grouped (average linkage).
    """

    name: str
    file_name: str
    sha256: str | None
    size: int | None
    source: str
    licence: str
    architecture: str
    preprocessing: Preprocessing
    inexact: frozenset[str] = frozenset()
    input_size: int = 112
    threshold: float = 0.40


MOBILEFACENET_RECORD = WeightRecord(
    name="MobileFaceNet (ArcFace, 512-d)",
    file_name="mobilefacenet_arcface_512.pth",
    sha256="cb3e54cef4f7897ab863f231926d30dea30c1a6dc8e1eb6ddfeddaf0ddf11e64",
    size=4_804_923,
    source="faceplugin-face-recognition-js 0.0.1 (npm), model/fr_feature.onnx, converted",
    licence="MIT",
    architecture="MobileFaceNet",
    preprocessing=Preprocessing("BGR", scale=128.0),
    inexact=frozenset({"bf16"}),
)

IR50_RECORD = WeightRecord(
    name="IR-50 (ArcFace, MS1M, face.evoLVe)",
    file_name="backbone_ir50_ms1m_epoch120.pth",
    sha256="f696a1d2216439c05dec042b42249a1c835f4a2106b91e14fbf09ed0fbd8acfa",
    size=174_472_765,
    source="face.evoLVe model zoo, https://github.com/ZhaoJ9014/face.evoLVe",
    licence="MIT (code); weights trained on MS-Celeb-1M, research use",
    architecture="IR-50",
    preprocessing=Preprocessing("RGB", mean=127.5, scale=127.5),
)

RECORDS = (MOBILEFACENET_RECORD, IR50_RECORD)


@dataclass(frozen=True, eq=False)
class LoadedWeights:
    """A trained network and where it came from.

    Attributes:
        module: in eval mode, float32, on the CPU.
        record: preprocessing and provenance.
        path: the file that was read.
        sha256: the file's hex digest.
    """

    module: nn.Module
    record: WeightRecord
    path: Path
    sha256: str


def default_checkpoint(folder: Path = CHECKPOINT_FOLDER) -> Path:
    """The published IR-50 file where it lies in ``folder``, else the bundled MobileFaceNet."""
    ir50 = folder / IR50_RECORD.file_name
    return ir50 if ir50.exists() else folder / MOBILEFACENET_RECORD.file_name


def load_weights(
    path: Path | None = None,
    *,
    channel_order: str | None = None,
    mean: float | None = None,
    scale: float | None = None,
) -> LoadedWeights:
    """Load a face network from a file; its architecture is read from the keys.

    Args:
        path: a weight file; None for :func:`default_checkpoint`.
        channel_order, mean, scale: preprocessing, where the file's publisher departs from what
            its architecture is usually fed.

    Raises:
        CheckpointError: the file is missing, damaged, hostile, of an unknown architecture, holds
            numbers that are not finite, or is not the bundled file that its name says.
    """
    path = default_checkpoint() if path is None else Path(path)
    bundled = path.name == MOBILEFACENET_RECORD.file_name
    state, digest = read_checkpoint(path, MOBILEFACENET_RECORD.sha256 if bundled else None)
    try:
        architecture = identify(state)
        module = _assemble(architecture, clean_weights(state))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    record = _record(path, digest, architecture)
    usual = record.preprocessing
    preprocessing = Preprocessing(
        usual.channel_order if channel_order is None else channel_order,
        usual.mean if mean is None else mean,
        usual.scale if scale is None else scale,
    )
    return LoadedWeights(module, replace(record, preprocessing=preprocessing), path, digest)


def _assemble(architecture: Architecture, state: dict[str, torch.Tensor]) -> nn.Module:
    """Build without initialising, then adopt the tensors; ``identify`` has compared all shapes."""
    with torch.device("meta"):
        module = architecture.build()
    wanted = expected_shapes(architecture.name)
    module.load_state_dict({k: state[k] for k in wanted}, strict=False, assign=True)
    for name, buffer in module.named_buffers():
        if buffer.is_meta:  # only the batch counters, which evaluation never reads
            owner, _, leaf = name.rpartition(".")
            module.get_submodule(owner).register_buffer(leaf, torch.zeros((), dtype=torch.int64))
    return module.eval().requires_grad_(False)


def _record(path: Path, digest: str, architecture: Architecture) -> WeightRecord:
    """The record with this digest, or one made up from what the architecture is usually fed."""
    for record in RECORDS:
        if record.sha256 == digest:
            return record
    if path.name == IR50_RECORD.file_name:
        log.warning("%s is not the published file: its SHA-256 is %s", path, digest)
    return WeightRecord(
        name=f"{architecture.name} ({path.name})",
        file_name=path.name,
        sha256=None,
        size=None,
        source="a file given by the user",
        licence="unknown",
        architecture=architecture.name,
        preprocessing=architecture.preprocessing,
    )
