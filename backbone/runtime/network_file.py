"""A network that is ready to run as a file: its tensors are mapped into memory, not read.

Processes that map one file share its pages, and the system may take pages back without writing
them anywhere. The file holds numbers and names of layers, no code::

    magic (8) | SHA-256 of all that follows (32) | length of the header (8, little endian)
    header, JSON: tensors (dtype, shape, offset), layers, notes | tensors, each at 64 bytes

A convolution's weight lies in the file as it does in memory, channels last.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor, nn

from backbone.errors import CheckpointError
from backbone.networks.folded_layers import BiasMap, FoldedUnit, Subsample
from backbone.networks.ir50 import SqueezeExcitation
from backbone.networks.onednn import OneDnnConv, OneDnnUnit

MAGIC = b"facenet1"
START = struct.Struct("<8s32sQ")
ALIGNMENT = 64  # bytes: a line of the cache
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Plan = dict[str, Any]


@dataclass(frozen=True, eq=False)
class StoredNetwork:
    """What a file holds.

    Attributes:
        network: in eval mode, on the CPU; its tensors are those of the file.
        notes: what was written with it, JSON values.
    """

    network: nn.Module
    notes: dict[str, Any]


def write_network(stream: BinaryIO, network: nn.Module, notes: dict[str, Any]) -> None:
    """Write a network to the start of an empty file.

    Raises:
        CheckpointError: it has a layer that this file cannot describe.
        OSError: the file cannot be written.
    """
    tensors: list[Tensor] = []
    layers = _plan(network, tensors)
    table, offset = [], 0
    for tensor in tensors:
        name = str(tensor.dtype).rpartition(".")[2]
        if name not in DTYPES:
            raise CheckpointError(f"tensors of {name} are not kept")
        table.append({"dtype": name, "shape": list(tensor.shape), "offset": offset})
        offset += -(-tensor.nbytes // ALIGNMENT) * ALIGNMENT
    text = json.dumps({"tensors": table, "layers": layers, "notes": notes}).encode()
    text += b" " * (-(START.size + len(text)) % ALIGNMENT)
    digest = hashlib.sha256(struct.pack("<Q", len(text)) + text)
    stream.write(b"\0" * START.size + text)
    for tensor in tensors:
        raw = _raw(tensor)
        raw += b"\0" * (-len(raw) % ALIGNMENT)
        digest.update(raw)
        stream.write(raw)
    stream.seek(0)
    stream.write(START.pack(MAGIC, digest.digest(), len(text)))
    stream.flush()


def read_network(stream: BinaryIO, *, verify: bool = True) -> StoredNetwork:
    """Map a file that :func:`write_network` has written.

    Args:
        stream: a file; it may be closed afterwards.
        verify: compare the digest of all that is in it.

    Raises:
        CheckpointError: it is cut short, damaged or of another kind.
    """
    try:
        # Private: were a tensor ever written to, the file would stay as it is.
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        magic, digest, length = START.unpack_from(content)
        if magic != MAGIC or (verify and digest != _digest(content)):
            raise CheckpointError("not a network of this program, or damaged")
        end = START.size + length
        header = json.loads(content[START.size : end])
        tensors = [_tensor(content, end, entry) for entry in header["tensors"]]
        network = _layer(header["layers"], tensors)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise CheckpointError(f"not a network of this program ({error})") from None
    return StoredNetwork(network.eval().requires_grad_(False), header["notes"])


def _digest(content: mmap.mmap) -> bytes:
    with memoryview(content) as whole, whole[START.size - 8 :] as rest:
        return hashlib.sha256(rest).digest()


def _raw(tensor: Tensor) -> bytes:
    """Return the bytes of a tensor as they lie in memory, channels last where it has four axes."""
    if tensor.ndim == 4:
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _tensor(content: mmap.mmap, start: int, entry: Plan) -> Tensor:
    """Return a tensor that lies in a mapped file, of the shape and dtype noted for it."""
    shape = entry["shape"]
    count = math.prod(shape)
    offset = start + entry["offset"]
    flat = torch.frombuffer(content, dtype=DTYPES[entry["dtype"]], count=count, offset=offset)
    if len(shape) != 4:
        return flat.reshape(shape)
    n, c, h, w = shape
    return flat.reshape(n, h, w, c).permute(0, 3, 1, 2)


def _plan(layer: nn.Module, tensors: list[Tensor]) -> Plan:
    """Describe a layer; its tensors are put at the end of ``tensors`` and named by their places.

    Raises:
        CheckpointError: nothing is known of such a layer.
    """

    def kept(tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        tensors.append(tensor.detach())
        return len(tensors) - 1

    def part(child: nn.Module | None) -> Plan | None:
        return None if child is None else _plan(child, tensors)

    kind = type(layer).__name__
    match layer:
        case nn.Sequential():
            return {"kind": kind, "layers": [part(child) for child in layer]}
        case FoldedUnit():
            return {
                "kind": kind,
                "residual": part(layer.residual),
                "shortcut": part(layer.shortcut),
            }
        case OneDnnUnit():
            parts = ("residual", "last", "shortcut")
            return {"kind": kind, **{name: part(getattr(layer, name)) for name in parts}}
        case SqueezeExcitation():
            return {"kind": kind, "fc1": part(layer.fc1), "fc2": part(layer.fc2)}
        case OneDnnConv() | nn.Conv2d():
            numbers = (layer.stride, layer.padding, layer.dilation)
            names = ("stride", "padding", "dilation")
            places = {"weight": kept(layer.weight), "bias": kept(layer.bias)}
            shape = {name: list(value) for name, value in zip(names, numbers, strict=True)}
            return {"kind": kind, "groups": layer.groups, **shape, **places}
        case nn.Linear():
            return {"kind": kind, "weight": kept(layer.weight), "bias": kept(layer.bias)}
        case nn.PReLU():
            return {"kind": kind, "weight": kept(layer.weight)}
        case BiasMap():
            values = {"values": kept(layer.values)}
            return {"kind": kind, **values, "margin": layer.margin, "border": layer.border}
        case Subsample():
            return {"kind": kind, "stride": layer.stride}
        case nn.Flatten() if (layer.start_dim, layer.end_dim) == (1, -1):
            return {"kind": kind}
    raise CheckpointError(f"a layer {kind} is not kept")


def _layer(plan: Plan, tensors: Sequence[Tensor]) -> nn.Module:
    """Return the layer that :func:`_plan` has described."""
    return _BUILD[plan["kind"]](plan, tensors)


def _parameter(plan: Plan, name: str, tensors: Sequence[Tensor]) -> nn.Parameter | None:
    place = plan[name]
    return None if place is None else nn.Parameter(tensors[place], requires_grad=False)


def _sequential(plan: Plan, tensors: Sequence[Tensor]) -> nn.Sequential:
    return nn.Sequential(*(_layer(part, tensors) for part in plan["layers"]))


def _unit(plan: Plan, tensors: Sequence[Tensor]) -> FoldedUnit:
    residual, shortcut = _sequential(plan["residual"], tensors), plan["shortcut"]
    return FoldedUnit(residual, None if shortcut is None else _sequential(shortcut, tensors))


def _adding_unit(plan: Plan, tensors: Sequence[Tensor]) -> OneDnnUnit:
    last = cast(OneDnnConv, _layer(plan["last"], tensors))
    return OneDnnUnit(
        _sequential(plan["residual"], tensors), last, _sequential(plan["shortcut"], tensors)
    )


def _gate(plan: Plan, tensors: Sequence[Tensor]) -> SqueezeExcitation:
    with torch.device("meta"):
        gate = SqueezeExcitation(1024)  # its layers are replaced
    for name in ("fc1", "fc2"):
        setattr(gate, name, _layer(plan[name], tensors))
    return gate


def _conv(plan: Plan, tensors: Sequence[Tensor]) -> nn.Conv2d:
    weight = tensors[plan["weight"]]
    conv = nn.Conv2d(
        weight.shape[1] * plan["groups"],
        weight.shape[0],
        cast(tuple[int, int], tuple(weight.shape[2:])),
        tuple(plan["stride"]),
        tuple(plan["padding"]),
        tuple(plan["dilation"]),
        plan["groups"],
        device="meta",
    )
    conv.weight = cast(nn.Parameter, _parameter(plan, "weight", tensors))
    conv.bias = _parameter(plan, "bias", tensors)
    return conv


def _linear(plan: Plan, tensors: Sequence[Tensor]) -> nn.Linear:
    linear = nn.Linear(1, 1, device="meta")
    linear.weight = cast(nn.Parameter, _parameter(plan, "weight", tensors))
    linear.bias = cast(nn.Parameter, _parameter(plan, "bias", tensors))
    linear.out_features, linear.in_features = linear.weight.shape
    return linear


def _prelu(plan: Plan, tensors: Sequence[Tensor]) -> nn.PReLU:
    prelu = nn.PReLU(device="meta")
    prelu.weight = cast(nn.Parameter, _parameter(plan, "weight", tensors))
    prelu.num_parameters = len(prelu.weight)
    return prelu


_BUILD: dict[str, Callable[[Plan, Sequence[Tensor]], nn.Module]] = {
    "Sequential": _sequential,
    "FoldedUnit": _unit,
    "OneDnnUnit": _adding_unit,
    "SqueezeExcitation": _gate,
    "OneDnnConv": lambda plan, tensors: OneDnnConv(_conv(plan, tensors)),
    "Conv2d": _conv,
    "Linear": _linear,
    "PReLU": _prelu,
    "BiasMap": lambda plan, tensors: BiasMap(
        tensors[plan["values"]], plan["margin"], border=plan["border"]
    ),
    "Subsample": lambda plan, _: Subsample(plan["stride"]),
    "Flatten": lambda *_: nn.Flatten(),
}
