"""Runner: a trained face network as the fastest correct callable for this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from backbone.errors import DeviceError
from backbone.networks.folding import ResidualNetwork, fold
from backbone.networks.onednn import use_onednn
from backbone.runtime.devices import PRECISIONS, precisions_to_try, resolve_device
from backbone.runtime.self_check import (
    Crops,
    Embeddings,
    agrees,
    probe_crops,
    sample_crops,
    similarity_of_strangers,
    warn_if_strangers_match,
)
from backbone.weights.known_files import WeightRecord
from backbone.weights.loading import LoadedWeights, WeightOrigin, load_weights

log = logging.getLogger(__name__)

BATCH_SIZES = {"mps": 32, "cuda": 128}  # faces in one pass; for the CPU see the weight record

CPU_OUT_OF_MEMORY = "can't allocate memory"  # torch raises a plain RuntimeError on the CPU


@dataclass(frozen=True, eq=False)
class Backend:
    """A network on a device in a precision."""

    network: nn.Module
    record: WeightRecord
    device: torch.device
    precision: str

    @classmethod
    def build(cls, loaded: LoadedWeights, device: torch.device, precision: str) -> Backend:
        """Fold the network and lay it out for the device; ``loaded`` is not changed."""
        network = fold(cast(ResidualNetwork, loaded.module), loaded.record.input_size)
        use_onednn(network, device)
        network = network.to(device=device, dtype=PRECISIONS[precision])
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return cls(network, loaded.record, device, precision)

    def __call__(self, crops: Crops) -> Tensor:
        """(n, h, w, 3) uint8 RGB in, (n, d) float32 on the device out, perhaps not yet ready."""
        with torch.inference_mode():
            embeddings: Tensor = self.network(self._prepare(crops))
            return embeddings.float()

    def _prepare(self, crops: Crops) -> Tensor:
        """Turn (n, h, w, 3) uint8 RGB into what the network was trained on.

        Returns (n, 3, h, w) on the device, in its precision and channels-last layout.
        """
        preprocessing = self.record.preprocessing
        pixels = crops[..., ::-1] if preprocessing.channel_order == "BGR" else crops
        batch = torch.from_numpy(np.ascontiguousarray(pixels))
        if self.device.type == "cuda":
            # From pinned memory the copy runs while the host prepares the next batch.
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        x = batch.to(self.device).permute(0, 3, 1, 2).float()
        x = (x - preprocessing.mean) / preprocessing.scale
        return x.to(PRECISIONS[self.precision])


@dataclass(frozen=True, eq=False)
class Ready:
    """A network that was laid out and checked before.

    Attributes:
        backend: the network where it runs.
        dimension: length of an embedding.
        strangers: cosine similarity of two different people; None where that is not asked.
    """

    backend: Backend
    dimension: int
    strangers: float | None


class Runner:
    """A face network on the best device in the best precision, in batches.

    Safe to call from several threads. A batch that does not fit in memory is halved and tried
    again; where a GPU fails, the work goes on on the CPU if that was allowed.

    Attributes:
        device, precision: what is used.
        batch_size: most faces in one pass.
        input_size: height and width of a crop in pixels.
        dimension: length of an embedding.
    """

    def __init__(
        self,
        loaded: LoadedWeights | WeightOrigin,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        allow_cpu_fallback: bool = False,
        ready: Ready | None = None,
    ) -> None:
        """Lay the network out; one that is not a known file is shown the sample faces.

        Args:
            loaded: a trained network; it is not changed. Its origin is enough beside ``ready``.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
            precision: ``"auto"`` takes the fastest that agrees with fp32 on the sample faces.
            batch_size: most faces in one pass; None for the device's best.
            allow_cpu_fallback: use the CPU, with a warning, where the device is missing or fails.
            ready: the network of these weights for this device and precision, from
                :attr:`ready` of an earlier runner; nothing is checked again.

        Raises:
            DeviceError: the device or precision is not to be had.
        """
        if batch_size is not None and batch_size < 1:
            raise DeviceError(f"batch size must be at least 1, got {batch_size}")
        self._path = loaded.path
        self._preprocessing = loaded.record.preprocessing
        self._allow_cpu_fallback = allow_cpu_fallback
        self.input_size = loaded.record.input_size
        try:
            place = resolve_device(device)
        except DeviceError as error:
            if not allow_cpu_fallback:
                raise
            log.warning("%s; going on on the CPU", error)
            place = torch.device("cpu")
        self._cpu_batch = loaded.record.cpu_batch
        self.batch_size = batch_size or BATCH_SIZES.get(place.type, self._cpu_batch)
        if ready is None:
            if not isinstance(loaded, LoadedWeights):
                raise TypeError("an origin alone is no network")
            ready = self._made_ready(loaded, place, precision)
        self._backend, self.dimension = ready.backend, ready.dimension
        self._strangers = ready.strangers

    def _made_ready(self, loaded: LoadedWeights, place: torch.device, precision: str) -> Ready:
        """Lay the network out and show it the sample faces."""
        self._backend = backend = choose_backend(loaded, place, precision)
        self.dimension = int(backend(sample_crops()[:1]).shape[1])
        strangers = None
        if loaded.record.sha256 is None:
            strangers = similarity_of_strangers(self)
            warn_if_strangers_match(loaded.path.name, strangers)
        return Ready(backend, self.dimension, strangers)

    @property
    def ready(self) -> Ready:
        """What another runner needs to do without laying out and checking."""
        return Ready(self._backend, self.dimension, self._strangers)

    @property
    def device(self) -> str:
        """Its name, as torch spells it; another one once the CPU has taken its place."""
        return str(self._backend.device)

    @property
    def precision(self) -> str:
        """``"fp32"``, ``"bf16"`` or ``"fp16"``."""
        return self._backend.precision

    def __call__(self, crops: Crops) -> Embeddings:
        """Embed faces.

        Args:
            crops: (n, h, w, 3) uint8 RGB; n may be 0.

        Returns:
            (n, d) float32, not of unit length.

        Raises:
            DeviceError: one face alone does not fit in memory, or the device failed.
        """
        if not len(crops):
            return np.zeros((0, self.dimension), np.float32)
        try:
            return self._embed_all(crops)
        except RuntimeError as error:
            if self._backend.device.type == "cpu":
                raise
            self._fall_back(error)
        return self._embed_all(crops)

    def _embed_all(self, crops: Crops) -> Embeddings:
        """(n, h, w, 3) uint8 RGB in, n at least 1; (n, d) float32 out."""
        # Nothing waits for the device before the last batch is under way.
        parts = [
            part for batch in even_batches(crops, self.batch_size) for part in self._fit(batch)
        ]
        embeddings: Embeddings = torch.cat(parts).cpu().numpy()
        return embeddings

    def _fit(self, crops: Crops) -> list[Tensor]:
        """Embed one batch (n, h, w, 3) in as many passes as memory asks for.

        Returns (k, d) float32 of each pass, still on the device.
        """
        try:
            return [self._backend(crops)]
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        if len(crops) == 1:
            raise DeviceError(
                f"out of memory on {self.device} with a single face; close other programs, or "
                "use --device cpu"
            )
        half = (len(crops) + 1) // 2
        log.warning("out of memory with %d faces at once; going on with %d", len(crops), half)
        self.batch_size = min(self.batch_size, half)
        return [part for batch in (crops[:half], crops[half:]) for part in self._fit(batch)]

    def _fall_back(self, error: RuntimeError) -> None:
        """Rebuild on the CPU where that is allowed, from the file: no second copy is kept."""
        reason = str(error).strip().split("\n")[0]
        if not self._allow_cpu_fallback:
            raise DeviceError(
                f"{self.device} failed ({reason}); run again, or allow the CPU in its place"
            ) from error
        log.warning("%s failed (%s); going on on the CPU", self.device, reason)
        pre = self._preprocessing
        loaded = load_weights(
            self._path, channel_order=pre.channel_order, mean=pre.mean, scale=pre.scale
        )
        self._backend = choose_backend(loaded, torch.device("cpu"), "auto")
        self.batch_size = self._cpu_batch


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether memory, of a GPU or of the machine, is what was missing."""
    return isinstance(error, torch.OutOfMemoryError) or CPU_OUT_OF_MEMORY in str(error)


def even_batches(crops: Crops, most: int) -> Iterator[Crops]:
    """Split (n, h, w, 3) into as few batches as possible, of sizes that differ by at most one."""
    yield from np.array_split(crops, -(-len(crops) // most))


def choose_backend(loaded: LoadedWeights, device: torch.device, precision: str) -> Backend:
    """The first of the device's precisions, fastest first, that agrees with fp32.

    Under ``"auto"`` a lower precision has to give the probe faces the directions that fp32
    gives them; a precision asked for by name is taken as it is.

    Raises:
        DeviceError: the device has no such precision.
    """
    *faster, last = precisions_to_try(precision, device)
    faster = [name for name in faster if name not in loaded.record.inexact]
    exact = Backend.build(loaded, device, last)
    if not faster:
        return exact
    crops = probe_crops()
    reference = exact(crops).cpu().numpy()
    for name in faster:
        candidate = Backend.build(loaded, device, name)
        if agrees(candidate(crops).cpu().numpy(), reference):
            return candidate
    return exact
