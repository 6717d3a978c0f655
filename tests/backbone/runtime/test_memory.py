"""What the C library itself says of where tensors lie."""

import ctypes
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

TENSOR_BYTES = 2200 * 2200 * 4
# The fields of struct mallinfo2 in <malloc.h>; hblkhd is what was got from the system piecewise.
PROGRAM = """
import ctypes, sys, torch
class MallInfo2(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]
library = ctypes.CDLL(None)
library.mallinfo2.restype = MallInfo2
if sys.argv[1] == "keep":
    from backbone.runtime.memory import keep_freed_memory
    assert keep_freed_memory()
before = library.mallinfo2()
tensors = [torch.ones(2200, 2200) for _ in range(4)]
during = library.mallinfo2()
del tensors
print(during.hblkhd - before.hblkhd, library.mallinfo2().fordblks - before.fordblks)
"""


def pieces_and_kept(how):
    """Bytes got piecewise for four tensors, and bytes that stay free once they are gone."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return map(int, run.stdout.split())


@pytest.mark.skipif(
    not (sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallinfo2")),
    reason="only glibc from 2.33 on can be told and asked",
)
def test_tensors_come_from_memory_that_is_kept():
    pieces, _ = pieces_and_kept("plain")
    assert pieces >= 4 * TENSOR_BYTES
    pieces, kept = pieces_and_kept("keep")
    assert pieces == 0
    assert kept >= 3.9 * TENSOR_BYTES
