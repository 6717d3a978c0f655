"""A trained module in, the fastest correct callable for this machine out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backbone.errors import DeviceError
from backbone.weights import LoadedWeights

CPU_BATCH = 8


class Runner:
    """A face network on a device, from uint8 crops to raw embeddings."""

    def __init__(
        self,
        loaded: LoadedWeights,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        allow_cpu_fallback: bool = False,
    ) -> None:
        if device not in ("auto", "cpu"):
            raise DeviceError(f"device {device!r} is not available; use cpu")
        self.record = loaded.record
        self.input_size = loaded.record.input_size
        self.device = "cpu"
        self.precision = "fp32"
        self.batch_size = batch_size or CPU_BATCH
        self._module = loaded.module
        self.dimension = self._embed(torch.zeros(1, 3, self.input_size, self.input_size)).shape[1]

    def __call__(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, h, w, 3) uint8 RGB in, (n, d) float32 raw embeddings out."""
        out = np.zeros((len(crops), self.dimension), np.float32)
        for start in range(0, len(crops), self.batch_size):
            batch = crops[start : start + self.batch_size]
            out[start : start + len(batch)] = self._embed(self._prepare(batch)).numpy()
        return out

    def _prepare(self, crops: npt.NDArray[np.uint8]) -> Tensor:
        pre = self.record.preprocessing
        pixels = crops[..., ::-1] if pre.channel_order == "BGR" else crops
        x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
        return (x - pre.mean) / pre.scale

    def _embed(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            embedding: Tensor = self._module(x)
            return embedding
