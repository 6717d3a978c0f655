"""Which devices and precisions this machine has."""

from __future__ import annotations

import torch

from backbone.errors import DeviceError
from backbone.runtime.processor import has_bf16_units

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(wanted: str) -> torch.device:
    """The device that ``wanted`` names; ``"auto"`` is CUDA, else MPS, else the CPU.

    Raises:
        DeviceError: the name means nothing, or this machine has no such device.
    """
    if wanted == "auto":
        return torch.device(_best())
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise DeviceError(f"no device is called {wanted!r}; use auto, cpu, cuda or mps") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"device {wanted!r} is not supported; use auto, cpu, cuda or mps")
    if not _is_present(device):
        raise DeviceError(f"this machine has no device {wanted!r}; use --device cpu")
    return device


def _best() -> str:
    """Name the device that ``"auto"`` stands for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _is_present(device: torch.device) -> bool:
    """Tell whether this machine has the device."""
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    return device.type == "cpu" or torch.backends.mps.is_available()


def precisions_to_try(wanted: str, device: torch.device) -> list[str]:
    """Precisions worth trying, fastest first; fp32 is always last under ``"auto"``.

    Raises:
        DeviceError: the name means nothing, or the device cannot compute in it.
    """
    if wanted == "auto":
        return [*_fast_precisions(device), "fp32"]
    if wanted not in PRECISIONS:
        raise DeviceError(f"precision must be auto, fp32, bf16 or fp16, got {wanted!r}")
    if wanted == "fp16" and device.type == "cpu":
        raise DeviceError("fp16 needs a GPU; use --precision auto, fp32 or bf16 on the CPU")
    if wanted == "bf16" and device.type == "cpu" and not has_bf16_units():
        raise DeviceError(
            "this CPU has no bfloat16 units (AVX512-BF16 or AMX); use --precision auto or fp32"
        )
    if wanted == "bf16" and device.type == "mps":
        raise DeviceError("bf16 is not supported on MPS; use --precision auto, fp32 or fp16")
    return [wanted]


def _fast_precisions(device: torch.device) -> list[str]:
    """List the precisions that are faster than fp32 on a device, to be tried in this order."""
    if device.type == "cpu":
        return ["bf16"] if has_bf16_units() else []
    # Both are equally fast on a GPU and fp16 is eight times finer, but a network with very large
    # activations overflows it; bf16 (Ampere and later) then takes its place.
    if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8:
        return ["fp16", "bf16"]
    return ["fp16"]
