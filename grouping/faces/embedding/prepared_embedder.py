"""The face network made ready once: by the first run for the next, by one process for the others.

Reading a weight file, folding it, choosing a precision and showing the network its sample pictures
takes seconds for IR-50; mapping what came of that takes a tenth of one. On a GPU the network is
loaded as ever.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backbone.errors import BackboneError, DeviceError
from backbone.runtime.prepared_files import find_prepared, is_prepared, keep_prepared, prepared_key
from backbone.weights.known_files import FaceSign
from grouping.config import EmbeddingSettings
from grouping.faces.embedding.mirror import known_flip

if TYPE_CHECKING:
    from backbone.runtime.network_file import StoredNetwork
    from grouping.faces.embedding.embedder import Embedder

NOTED_CODE = ("recognisability.py", "prepared_embedder.py")  # that notes depend on, of this folder


def is_ready(settings: EmbeddingSettings, path: Path, digest: str) -> bool:
    """Whether an earlier run has kept a network; asked without loading torch.

    Args:
        settings: of the embedding.
        path: of its weight file.
        digest: SHA-256 of that file, hex.
    """
    return is_prepared(_key(settings, path, digest))


def load_prepared_embedder(
    settings: EmbeddingSettings, path: Path, digest: str, *, announced: bool = False
) -> Embedder:
    """Load a face network, from what an earlier run has kept of it where there is that.

    Args:
        settings: which network, on what.
        path: of its weight file.
        digest: SHA-256 of that file, hex.
        announced: what there is to be said of the network was said by another process.

    Raises:
        ModelError: the file, device or precision cannot be used.
    """
    from grouping.faces.embedding.embedder import load_embedder

    if not _on_cpu(settings):
        return load_embedder(settings)
    key = _key(settings, path, digest)
    found = _found(key, settings, path, announced)
    if found is not None:
        return found
    embedder = load_embedder(settings)
    if embedder.model["sha256"] != digest:
        return embedder  # the file has been replaced meanwhile
    if not keep_prepared(key, embedder.runner.ready.backend.network, _notes(embedder)):
        return embedder
    # From now on in the memory that other processes share.
    return _found(key, settings, path, announced=True) or embedder


def _found(key: str, settings: EmbeddingSettings, path: Path, announced: bool) -> Embedder | None:
    stored = find_prepared(key)
    if stored is None:
        return None
    try:
        return _embedder(stored, settings, path, announced)
    except (BackboneError, LookupError, TypeError, ValueError):
        return None  # notes of somebody else's: the network is loaded from its weights


def _on_cpu(settings: EmbeddingSettings) -> bool:
    """Whether the network runs on the CPU because that was wanted, not for lack of a device."""
    from backbone.runtime.devices import resolve_device

    try:
        return resolve_device(settings.device).type == "cpu"
    except DeviceError:
        return False


def _key(settings: EmbeddingSettings, path: Path, digest: str) -> str:
    """Name all that the file of a network depends on, the code of this package included."""
    code = hashlib.sha256()
    for name in NOTED_CODE:
        code.update(Path(__file__).with_name(name).read_bytes())
    wanted = asdict(settings) | {"checkpoint": path.name}
    return prepared_key(digest, code.hexdigest(), sorted(wanted.items()))


def _notes(embedder: Embedder) -> dict[str, Any]:
    """What the file of a network holds besides it, JSON values."""
    ready, told = embedder.runner.ready, embedder.recognisability
    return {
        "architecture": embedder.model["architecture"],
        "sha256": embedder.model["sha256"],
        "precision": ready.backend.precision,
        "dimension": ready.dimension,
        "strangers": ready.strangers,
        "sign": asdict(told.sign),
        "directions": told.directions.tolist(),
        "portraits_agree": told.portraits_agree,
    }


def _embedder(
    stored: StoredNetwork, settings: EmbeddingSettings, path: Path, announced: bool
) -> Embedder:
    """Return the embedder of a network that was made ready; its warnings are said unless they were.

    Raises:
        BackboneError: the preprocessing asked for is impossible.
        LookupError, TypeError, ValueError: the notes are not those of :func:`_notes`.
    """
    from backbone.runtime.devices import resolve_device
    from backbone.runtime.runner import Backend, Ready, Runner
    from backbone.runtime.self_check import warn_if_strangers_match
    from backbone.weights.architectures import ARCHITECTURES
    from backbone.weights.loading import origin_of
    from grouping.faces.embedding.embedder import embedder_of
    from grouping.faces.embedding.recognisability import Recognisability

    notes = stored.notes
    origin = origin_of(
        path,
        notes["sha256"],
        ARCHITECTURES[notes["architecture"]],
        channel_order=settings.channel_order,
        mean=settings.mean,
        scale=settings.scale,
        announced=announced,
    )
    backend = Backend(stored.network, origin.record, resolve_device("cpu"), notes["precision"])
    ready = Ready(backend, notes["dimension"], notes["strangers"])
    if ready.strangers is not None and not announced:
        warn_if_strangers_match(path.name, ready.strangers)
    runner = Runner(origin, device="cpu", batch_size=settings.batch_size, ready=ready)
    directions = np.array(notes["directions"], np.float32)
    told = Recognisability(FaceSign(**notes["sign"]), directions, notes["portraits_agree"])
    return embedder_of(origin, runner, told, known_flip(settings.flip, origin.record))
