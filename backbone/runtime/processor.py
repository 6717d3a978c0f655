"""What the processor of this machine can do; asked without loading torch."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# Flags of Linux for processors that multiply bfloat16: AVX512-BF16 and AMX.
BF16_UNITS = frozenset({"avx512_bf16", "amx_bf16"})
# What the drivers of NVIDIA and AMD, and Windows below a Linux, put there.
GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@cache
def has_bf16_units() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    if not CPU_INFO.exists():
        return False
    flags = next((s for s in CPU_INFO.read_text().splitlines() if s.startswith("flags")), "")
    return not BF16_UNITS.isdisjoint(flags.split())


def may_have_gpu() -> bool:
    """Whether the driver of a GPU is there; only torch, which is not loaded here, is certain."""
    if not sys.platform.startswith("linux"):
        return True
    return any(Path(driver).exists() for driver in GPU_DRIVERS)
