"""What the processor of this machine can do; asked without loading torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# Flags of Linux for processors that multiply bfloat16: AVX512-BF16 and AMX.
BF16_UNITS = frozenset({"avx512_bf16", "amx_bf16"})


@cache
def has_bf16_units() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    if not CPU_INFO.exists():
        return False
    flags = next((s for s in CPU_INFO.read_text().splitlines() if s.startswith("flags")), "")
    return not BF16_UNITS.isdisjoint(flags.split())
