"""From a file to named tensors: checked, unpacked and cleaned, but not yet a network.

A weight file is hostile until shown otherwise. Its digest is compared before anything in it is
interpreted, and pickles are read with torch's ``weights_only`` reader, which builds tensors and
plain containers and refuses everything else.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from backbone.errors import CheckpointError

LFS_POINTER = b"version https://git-lfs"
ZIP_START = b"PK"
PICKLE_START = b"\x80"
SAFETENSORS = ".safetensors"
DEEPEST_NESTING = 4
CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "backbone")
PREFIXES = ("module.", "backbone.", "model.", "net.")

# A weight this much smaller than the largest of its tensor is far below float32 resolution in
# any sum they share, yet it is what makes products denormal, which cost a hundred cycles each.
NEGLIGIBLE = 1e-12

# What torch's readers raise on damaged or hostile input: they decode lengths, names and types
# from the file and use them before they have been checked.
READ_ERRORS = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    MemoryError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
)


def verified_state_dict(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """Read the named tensors of a weight file (``.pth`` old or new, or ``.safetensors``).

    Training checkpoints are unpacked: the tensors may lie under ``state_dict`` or ``model``,
    and prefixes such as ``module.`` are taken off.

    Args:
        path: the file.
        sha256: hex digest that the file must have, or None to accept any.

    Raises:
        CheckpointError: the file is missing, a Git-LFS pointer, empty, damaged, not the one
            expected, or holds anything but tensors and plain containers.

    Returns:
        Name to tensor, shapes and dtypes as in the file.
    """
    return read_checkpoint(path, sha256)[0]


def read_checkpoint(path: Path, sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
    """As :func:`verified_state_dict`, and the file's hex SHA-256."""
    try:
        with path.open("rb") as stream:
            _check_start(path, stream)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            if sha256 is not None and digest != sha256.lower():
                raise CheckpointError(
                    f"{path}: SHA-256 is {digest}, expected {sha256.lower()}; the file is damaged "
                    "or another one, fetch it again (see checkpoint/README.md)"
                )
            content = _load(path, stream)
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: no such weight file; see checkpoint/README.md for how to get it"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    return _strip_prefixes(_unpack(path, content)), digest


def _check_start(path: Path, stream: BinaryIO) -> None:
    """Stop at what a failed download leaves behind, and at files of another kind."""
    start = stream.read(len(LFS_POINTER))
    stream.seek(0)
    if not start:
        raise CheckpointError(f"{path}: the file is empty; fetch it again")
    if start == LFS_POINTER:
        raise CheckpointError(
            f"{path}: this is a Git-LFS pointer, not the weights; run 'git lfs pull'"
        )
    if path.suffix != SAFETENSORS and not start.startswith((ZIP_START, PICKLE_START)):
        raise CheckpointError(f"{path}: not a PyTorch weight file; fetch it again")


def _load(path: Path, stream: BinaryIO) -> Any:
    """Read whatever tensors and plain containers the file holds."""
    if path.suffix == SAFETENSORS:
        return _load_safetensors(path, stream)
    try:
        _refuse_inflation(path, stream)
        return torch.load(stream, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(_unpickling_message(path, str(error))) from None
    except READ_ERRORS as error:
        raise CheckpointError(_damaged_message(path, error)) from None


def _refuse_inflation(path: Path, stream: BinaryIO) -> None:
    """Stop at a zip archive whose members are compressed, and might fill the memory.

    PyTorch stores them as they are, so that they never add up to more than the file.
    """
    start = stream.read(len(ZIP_START))
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if start != ZIP_START:
        return
    with zipfile.ZipFile(stream) as archive:
        inflated = sum(member.file_size for member in archive.infolist())
    stream.seek(0)
    if inflated > size:
        raise CheckpointError(
            f"{path}: refused, {size:,} bytes that unpack to {inflated:,}; PyTorch writes no such "
            "file, save it again with torch.save"
        )


def _load_safetensors(path: Path, stream: BinaryIO) -> Any:
    """Read a file of named tensors; the format can hold nothing else."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError:
        raise CheckpointError(
            f"{path}: reading .safetensors needs the package safetensors; pip install safetensors"
        ) from None
    try:
        return load(stream.read())
    except (SafetensorError, *READ_ERRORS) as error:
        raise CheckpointError(_damaged_message(path, error)) from None


def _unpickling_message(path: Path, reason: str) -> str:
    if "GLOBAL" in reason or "Unsupported" in reason or "class" in reason:
        return (
            f"{path}: refused, the file holds Python objects other than tensors, which could run "
            "code; save the state dict alone (torch.save(model.state_dict(), ...))"
        )
    return f"{path}: not a PyTorch weight file, or cut short; fetch it again"


def _damaged_message(path: Path, error: BaseException) -> str:
    reason = str(error).strip().split("\n")[0][:120] or type(error).__name__
    return f"{path}: not a PyTorch weight file, or cut short ({reason}); fetch it again"


def _is_state(content: object) -> bool:
    return isinstance(content, Mapping) and any(isinstance(v, Tensor) for v in content.values())


def _unpack(path: Path, content: Any) -> dict[str, Tensor]:
    """Find the mapping of names to tensors inside whatever a trainer wrapped around it."""
    for _ in range(DEEPEST_NESTING):  # a hostile mapping may contain itself
        if _is_state(content):
            return {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        if not isinstance(content, Mapping):
            break
        content = next((content[k] for k in CONTAINERS if k in content), None)
    raise CheckpointError(
        f"{path}: holds no state dict; save one with torch.save(model.state_dict(), ...)"
    )


def _strip_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take wrappers' prefixes off; what stands beside the prefix is a training head."""
    while True:
        prefix = next((p for p in PREFIXES if any(k.startswith(p) for k in state)), None)
        if prefix is None:
            return state
        state = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def clean_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the same weights, of the same shapes, as finite float32 without denormals.

    Raises:
        CheckpointError: a weight is not a dense floating-point tensor, or is NaN or infinite;
            names the tensor.
    """
    return {name: _clean(name, weights) for name, weights in state.items()}


def _clean(name: str, weights: Tensor) -> Tensor:
    """Return one tensor of any shape as float32; those negligible beside its largest are 0."""
    if not weights.is_floating_point() or weights.layout != torch.strided:
        raise CheckpointError(
            f"weights of {name} are {weights.dtype} ({weights.layout}), not dense floating point; "
            "quantised files are not supported"
        )
    if weights.is_meta:
        raise CheckpointError(f"weights of {name} have no values (meta tensor); save them again")
    weights = weights.detach().to(torch.float32)
    if not bool(torch.isfinite(weights).all()):
        raise CheckpointError(f"weights of {name} are not finite numbers; fetch the file again")
    magnitude = weights.abs()
    return weights.masked_fill(magnitude < magnitude.max() * NEGLIGIBLE, 0.0)
