"""Which network a state dict belongs to, read from its keys and shapes.

Expected layouts are had by building each network on torch's ``meta`` device, so that there is
no second list of keys that could drift from the modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from backbone.errors import CheckpointError
from backbone.networks.edgeface import EDGEFACE_PLANS, EdgeFace, EdgePlan
from backbone.networks.ir50 import IRNet, IRPlan, ir50
from backbone.networks.iresnet import IResNet
from backbone.networks.mobilefacenet import MobileFaceNet
from backbone.weights.known_files import Preprocessing

Shapes = dict[str, tuple[int, ...]]

KEYS_SHOWN = 3
COUNTER = "num_batches_tracked"  # absent from files older than torch 0.4.1, and never used here


RGB = Preprocessing()
# Best of average linkage with EdgeFace-XS, 3.9 spreads of strangers above their mean as 0.38 is for
# the bundled network (bench_album.py).
EDGEFACE_THRESHOLD = 0.30


@dataclass(frozen=True)
class Architecture:
    """A network that can be built.

    Attributes:
        name: as its publisher calls it.
        build: makes the module, with untrained weights.
        preprocessing: what its publisher feeds it.
        threshold: cosine similarity at which the faces of trained weights are grouped; None where
            nobody has measured it.
    """

    name: str
    build: Callable[[], nn.Module]
    preprocessing: Preprocessing = RGB
    threshold: float | None = None


def _ir(name: str, units: tuple[int, int, int, int], squeeze: bool = False) -> Architecture:
    return Architecture(name, lambda: IRNet(IRPlan(units, squeeze=squeeze)))


def _adaface(depth: int, units: tuple[int, int, int, int], squeeze: bool = False) -> Architecture:
    plan = IRPlan(units, squeeze=squeeze, adaface=True, bottleneck=depth > 101)
    name = f"AdaFace {'IR-SE' if squeeze else 'IR'}-{depth}"
    return Architecture(name, lambda: IRNet(plan), Preprocessing("BGR"))


def _iresnet(depth: int, units: tuple[int, int, int, int]) -> Architecture:
    return Architecture(f"iresnet{depth}", lambda: IResNet(units))


def _edgeface(size: str, plan: EdgePlan) -> Architecture:
    return Architecture(f"EdgeFace-{size}", lambda: EdgeFace(plan), threshold=EDGEFACE_THRESHOLD)


ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture("MobileFaceNet", MobileFaceNet, Preprocessing("BGR", scale=128.0)),
        Architecture("IR-50", ir50),
        _ir("IR-100", (3, 13, 30, 3)),
        _ir("IR-152", (3, 8, 36, 3)),
        _ir("IR-SE-50", (3, 4, 14, 3), squeeze=True),
        _ir("IR-SE-100", (3, 13, 30, 3), squeeze=True),
        _ir("IR-SE-152", (3, 8, 36, 3), squeeze=True),
        _iresnet(18, (2, 2, 2, 2)),
        _iresnet(34, (3, 4, 6, 3)),
        _iresnet(50, (3, 4, 14, 3)),
        _iresnet(100, (3, 13, 30, 3)),
        _iresnet(200, (6, 26, 60, 6)),
        _adaface(18, (2, 2, 2, 2)),
        _adaface(34, (3, 4, 6, 3)),
        _adaface(50, (3, 4, 14, 3)),
        _adaface(101, (3, 13, 30, 3)),
        _adaface(152, (3, 8, 36, 3)),
        _adaface(200, (3, 24, 36, 3)),
        _adaface(50, (3, 4, 14, 3), squeeze=True),
        _adaface(101, (3, 13, 30, 3), squeeze=True),
        _adaface(152, (3, 8, 36, 3), squeeze=True),
        _adaface(200, (3, 24, 36, 3), squeeze=True),
        *(_edgeface(size, plan) for size, plan in EDGEFACE_PLANS.items()),
    )
}


@cache
def expected_shapes(name: str) -> Shapes:
    """Key to shape for the state dict of a known architecture, counters left out."""
    with torch.device("meta"):
        module = ARCHITECTURES[name].build()
    return shapes_of(module.state_dict())


def shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    """Return key to shape, counters left out."""
    return {k: tuple(v.shape) for k, v in state.items() if not k.endswith(COUNTER)}


def _difference(
    found: Shapes, expected: Shapes
) -> list[tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]]:
    """(key, expected shape, found shape) where they differ, in the network's order."""
    keys = dict.fromkeys((*expected, *found))
    rows = ((key, expected.get(key), found.get(key)) for key in keys)
    return [row for row in rows if row[1] != row[2]]


def identify(state: Mapping[str, Tensor]) -> Architecture:
    """Return the architecture whose keys and shapes are exactly those of ``state``.

    Args:
        state: the named tensors of a weight file, of any dtype.

    Raises:
        CheckpointError: there is none; names the nearest and the first keys that differ.
    """
    found = shapes_of(state)
    for name, architecture in ARCHITECTURES.items():
        if found == expected_shapes(name):
            return architecture
    raise CheckpointError(_explain(found))


def _explain(found: Shapes) -> str:
    differences = {name: _difference(found, expected_shapes(name)) for name in ARCHITECTURES}
    nearest = min(differences, key=lambda name: len(differences[name]))
    first = [
        f"{key}: expected {want or 'nothing'}, found {have or 'nothing'}"
        for key, want, have in differences[nearest][:KEYS_SHOWN]
    ]
    return (
        f"not a network known here; nearest is {nearest}, which differs in "
        f"{len(differences[nearest])} keys ({'; '.join(first)}); known are "
        + ", ".join(ARCHITECTURES)
    )
