"""From a weight file to a network that runs, with what is known about it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from backbone.errors import CheckpointError
from backbone.networks.edgeface import whole_linear_layers
from backbone.weights.architectures import Architecture, expected_shapes, identify
from backbone.weights.checkpoint_file import clean_weights, read_checkpoint
from backbone.weights.known_files import (
    IR50_RECORD,
    MOBILEFACENET_RECORD,
    Preprocessing,
    WeightRecord,
    default_checkpoint,
    known_record,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class WeightOrigin:
    """Where a trained network comes from.

    Attributes:
        record: preprocessing and provenance.
        path: its file.
        sha256: the file's hex digest.
    """

    record: WeightRecord
    path: Path
    sha256: str


@dataclass(frozen=True, eq=False, kw_only=True)
class LoadedWeights(WeightOrigin):
    """A trained network and where it came from.

    Attributes:
        module: in eval mode, float32, on the CPU.
    """

    module: nn.Module


def load_weights(
    path: Path | None = None,
    *,
    channel_order: str | None = None,
    mean: float | None = None,
    scale: float | None = None,
) -> LoadedWeights:
    """Load a face network from a file; its architecture is read from the keys.

    Args:
        path: a weight file; None for :func:`backbone.weights.known_files.default_checkpoint`.
        channel_order, mean, scale: preprocessing, where the file's publisher departs from what
            its architecture is usually fed.

    Raises:
        CheckpointError: the file is missing, damaged, hostile, of an unknown architecture, holds
            numbers that are not finite, or is not the bundled file that its name says.
    """
    path = default_checkpoint() if path is None else Path(path)
    bundled = path.name == MOBILEFACENET_RECORD.file_name
    state, digest = read_checkpoint(path, MOBILEFACENET_RECORD.sha256 if bundled else None)
    state = whole_linear_layers(state)
    try:
        architecture = identify(state)
        weights = {name: state[name] for name in expected_shapes(architecture.name)}
        module = _assemble(architecture, clean_weights(weights))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    origin = origin_of(
        path, digest, architecture, channel_order=channel_order, mean=mean, scale=scale
    )
    return LoadedWeights(origin.record, origin.path, origin.sha256, module=module)


def origin_of(
    path: Path,
    digest: str,
    architecture: Architecture,
    *,
    channel_order: str | None = None,
    mean: float | None = None,
    scale: float | None = None,
    announced: bool = False,
) -> WeightOrigin:
    """Return what is known of a file of this SHA-256, see :func:`load_weights`.

    A warning is logged where it is not the file that its name says, unless it was ``announced``.
    """
    record = _record(path, digest, architecture)
    if record.sha256 is None and path.name == IR50_RECORD.file_name and not announced:
        log.warning("%s is not the published file: its SHA-256 is %s", path, digest)
    usual = record.preprocessing
    preprocessing = Preprocessing(
        usual.channel_order if channel_order is None else channel_order,
        usual.mean if mean is None else mean,
        usual.scale if scale is None else scale,
    )
    return WeightOrigin(replace(record, preprocessing=preprocessing), path, digest)


def _assemble(architecture: Architecture, weights: dict[str, torch.Tensor]) -> nn.Module:
    """Build without initialising, then adopt the tensors, which ``identify`` has compared."""
    with torch.device("meta"):
        module = architecture.build()
    module.load_state_dict(weights, strict=False, assign=True)
    for name, buffer in module.named_buffers():
        if buffer.is_meta:  # only the batch counters, which evaluation never reads
            owner, _, leaf = name.rpartition(".")
            module.get_submodule(owner).register_buffer(leaf, torch.zeros((), dtype=torch.int64))
    return module.eval().requires_grad_(False)


def _record(path: Path, digest: str, architecture: Architecture) -> WeightRecord:
    """The record with this digest, or one made up from what the architecture is usually fed."""
    known = known_record(digest)
    if known is not None:
        return known
    return WeightRecord(
        name=f"{architecture.name} ({path.name})",
        file_name=path.name,
        sha256=None,
        size=None,
        source="a file given by the user",
        licence="unknown",
        architecture=architecture.name,
        preprocessing=architecture.preprocessing,
        threshold=architecture.threshold,
    )
