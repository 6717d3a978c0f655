"""Fold every batch norm of a face network that can be folded exactly.

A batch norm in evaluation is ``s * x + t`` per channel. After a convolution it scales the
weights and moves the bias. Before a convolution with zero padding the shift does not reach the
padded border, so it becomes a bias that depends on the position::

    conv_W(pad0(s x + t)) = conv_{W s}(pad0(x)) + conv_W(pad0(t))

where the last term is a constant map. Everything is computed in float64 and rounded once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol, cast

from torch import Tensor, nn
from torch.nn import functional as F

from backbone.networks.folded_layers import BiasMap, FoldedUnit, Subsample


class ResidualUnit(Protocol):
    """A unit that can tell its branches' layers."""

    def residual(self) -> list[nn.Module]:
        """The layers of the residual branch, in order."""

    def shortcut(self) -> list[nn.Module] | None:
        """The layers of the shortcut; None where nothing is added."""


class ResidualNetwork(Protocol):
    """A network that can tell its parts: stem, residual units, head."""

    def stem_layers(self) -> list[nn.Module]:
        """The layers before the first unit."""

    def units(self) -> list[nn.Module]:
        """The residual units, in order."""

    def head_layers(self) -> list[nn.Module]:
        """The layers after the last unit."""


class Affine:
    """A batch norm on its way: ``scale * x + shift``, both (channels,) float64."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        """Take both as they are, (c,) float64."""
        self.scale = scale
        self.shift = shift

    @classmethod
    def of(cls, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Affine:
        """Return what ``norm`` does in evaluation."""
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            raise ValueError("a batch norm without running statistics cannot be folded")
        scale = (variance.double() + norm.eps).rsqrt()
        if norm.affine:
            scale = scale * norm.weight.detach().double()
        shift = -mean.double() * scale
        return cls(scale, shift + norm.bias.detach().double() if norm.affine else shift)

    def repeated(self, times: int) -> Affine:
        """The same after each channel has been flattened to ``times`` numbers."""
        return Affine(self.scale.repeat_interleave(times), self.shift.repeat_interleave(times))


class _Linear:
    """A fully connected layer being folded: weight (out, in) float32, bias (out,) float64.

    It is scaled in float32 and in place, because its weight is the largest tensor by far.
    """

    def __init__(self, layer: nn.Linear, before: Affine | None) -> None:
        self.weight = layer.weight.detach().clone()
        self.bias = _bias(layer)
        if before is not None:
            self.bias = self.bias + layer.weight.detach().double() @ before.shift
            self.weight.mul_(before.scale)

    def then(self, after: Affine) -> None:
        """Take in the batch norm that follows."""
        self.weight.mul_(after.scale.reshape(-1, 1))
        self.bias = self.bias * after.scale + after.shift

    def layers(self) -> list[nn.Module]:
        """The layers to run in its place."""
        linear = nn.Linear(self.weight.shape[1], self.weight.shape[0], device="meta")
        linear.weight, linear.bias = _frozen(self.weight), _frozen(self.bias)
        return [linear]


class _Conv:
    """A convolution being folded, all in float64.

    ``weight`` is (out, in, k, k), ``bias`` (out,), ``map`` None or (1, out, h, w): what a shift
    before zero padding adds at each place.
    """

    def __init__(self, layer: nn.Conv2d, before: Affine | None, size: int) -> None:
        self.layer = layer
        self.weight = layer.weight.detach().double()
        self.bias = _bias(layer)
        self.map: Tensor | None = None
        if before is not None:
            self._take_in(before, size)

    def _take_in(self, before: Affine, size: int) -> None:
        """Take in the batch norm that comes before, on an input ``size`` pixels high."""
        layer = self.layer
        shift = before.shift.reshape(1, -1, 1, 1).expand(1, -1, size, size)
        padding = cast(tuple[int, int], layer.padding)
        shifted = F.conv2d(
            shift, self.weight, None, layer.stride, padding, layer.dilation, layer.groups
        )
        if any(padding):
            self.map = shifted
        else:
            self.bias = self.bias + shifted[0, :, 0, 0]
        by_group = before.scale.reshape(layer.groups, 1, -1)
        scale = by_group.expand(-1, layer.out_channels // layer.groups, -1)
        self.weight = self.weight * scale.reshape(*self.weight.shape[:2], 1, 1)

    def then(self, after: Affine) -> None:
        """Take in the batch norm that follows."""
        self.weight = self.weight * after.scale.reshape(-1, 1, 1, 1)
        self.bias = self.bias * after.scale + after.shift
        if self.map is not None:
            self.map = self.map * after.scale.reshape(1, -1, 1, 1)

    def layers(self) -> list[nn.Module]:
        """The layers to run in its place."""
        conv = copy.copy(self.layer)
        conv._parameters = dict(self.layer._parameters)
        conv.weight = _frozen(self.weight)
        if self.map is None:
            conv.bias = _frozen(self.bias)
            return [conv]
        conv.bias = None
        margin = -(-_first(self.layer.padding) // _first(self.layer.stride))
        return [conv, BiasMap((self.map + self.bias.reshape(1, -1, 1, 1)).float(), margin)]


Step = nn.Module | _Conv | _Linear | Affine


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    """Return the bias of a layer, (out,) float64; zeros where it has none."""
    if layer.bias is None:
        return layer.weight.new_zeros(len(layer.weight)).double()
    return layer.bias.detach().double()


def _frozen(values: Tensor) -> nn.Parameter:
    """Return a float32 parameter of the same shape that is not trained."""
    return nn.Parameter(values.float(), requires_grad=False)


def _first(value: Any) -> int:
    """The height of a layer's kernel, stride or padding; all are square here."""
    return int(value) if isinstance(value, int) else int(value[0])


def _output_size(layer: nn.Module, size: int) -> int:
    """Height (and width) of a layer's output for an input ``size`` pixels high."""
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):
        return size
    kernel, stride, pad = map(_first, (layer.kernel_size, layer.stride, layer.padding))
    return (size + 2 * pad - kernel) // stride + 1


def fold_chain(layers: Sequence[nn.Module], size: int) -> tuple[nn.Sequential, int]:
    """Fold the batch norms of layers applied one after the other.

    Args:
        layers: in order, in evaluation mode.
        size: height and width of the input in pixels.

    Returns:
        Fewer layers that compute the same, and the height and width of their output.

    Raises:
        ValueError: a batch norm is followed by something that cannot take it in.
    """
    folded: list[Step] = []
    for layer in layers:
        _append(folded, layer, size)
        size = _output_size(layer, size)
    plain: list[nn.Module] = []
    for step in folded:
        if isinstance(step, Affine):
            raise ValueError("a batch norm stands where it cannot be folded")
        plain.extend([step] if isinstance(step, nn.Module) else step.layers())
    return nn.Sequential(*plain), size


def _append(folded: list[Step], layer: nn.Module, size: int) -> None:
    """Append a layer, merging it with the batch norms around it."""
    last = folded[-1] if folded else None
    if isinstance(layer, nn.Dropout):
        return
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        if isinstance(last, _Conv | _Linear):
            last.then(Affine.of(layer))
        else:
            folded.append(Affine.of(layer))
        return
    before = last if isinstance(last, Affine) else None
    if before is not None:
        folded.pop()
    folded.extend(_merged(layer, before, size))


def _merged(layer: nn.Module, before: Affine | None, size: int) -> list[Step]:
    """A layer that has taken in the batch norm before it, or has let it pass."""
    if isinstance(layer, nn.Conv2d):
        return [_Conv(layer, before, size)]
    if isinstance(layer, nn.Linear):
        return [_Linear(layer, before)]
    if isinstance(layer, nn.Flatten) and before is not None:
        return [layer, before.repeated(size * size)]
    if isinstance(layer, nn.MaxPool2d) and layer.kernel_size == 1 and before is None:
        stride = _first(layer.stride)
        return [Subsample(stride)] if stride > 1 else []
    own = copy.deepcopy(layer)  # the result is cast and moved, which must not reach the original
    return [own] if before is None else [before, own]


def fold(network: ResidualNetwork, size: int) -> nn.Sequential:
    """The network without batch norms.

    Args:
        network: in evaluation mode; it is not changed.
        size: height and width of its input in pixels.

    Returns:
        A float32 network with the same outputs up to rounding.
    """
    stem, size = fold_chain(network.stem_layers(), size)
    units: list[nn.Module] = []
    for unit in network.units():
        folded, size = _fold_unit(cast(ResidualUnit, unit), size)
        units.append(folded)
    head, _ = fold_chain(network.head_layers(), size)
    return nn.Sequential(stem, *units, head).eval()


def _fold_unit(unit: ResidualUnit, size: int) -> tuple[FoldedUnit, int]:
    """Fold a unit whose input is ``size`` pixels high; also return the height of its output."""
    residual, after = fold_chain(unit.residual(), size)
    layers = unit.shortcut()
    shortcut = None if layers is None else fold_chain(layers, size)[0]
    return FoldedUnit(residual, shortcut), after
