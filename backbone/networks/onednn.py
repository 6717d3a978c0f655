"""Convolutions that always go to oneDNN, the library behind torch's fast CPU kernels.

They do besides what would be a pass over memory of its own: add the shortcut of a residual unit,
and the bias of all places that see no padding.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from backbone.networks.folded_layers import BiasMap, FoldedUnit


class OneDnnConv(nn.Module):
    """A convolution that always goes to oneDNN and keeps its bias in float32.

    ``conv2d`` hands small 1x1 convolutions on one thread to an older kernel that copies its
    result twice, and rounds the bias to bfloat16.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight
        # A plain attribute, so that casting the module leaves it alone.
        self.bias = None if conv.bias is None else conv.bias.data
        self.stride = cast(tuple[int, int], conv.stride)
        self.padding = cast(tuple[int, int], conv.padding)
        self.dilation = cast(tuple[int, int], conv.dilation)
        self.groups = conv.groups

    def forward(self, x: Tensor, onto: Tensor | None = None) -> Tensor:
        """(n, c, h, w) in, (n, c', h', w') out.

        Args:
            x: the input.
            onto: (n, c', h', w') of the same dtype, to which the result is added in place; here
                the bias is rounded to that dtype.
        """
        shape = (self.padding, self.stride, self.dilation, self.groups)
        if onto is None:
            return torch.mkldnn_convolution(x, self.weight, self.bias, *shape)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        add = torch.ops.mkldnn._convolution_pointwise_.binary
        return cast(Tensor, add(onto, x, self.weight, bias, *shape, "add", 1.0, None, [], None))


class OneDnnUnit(nn.Module):
    """Residual branch plus shortcut, added while the last convolution writes."""

    def __init__(self, residual: nn.Sequential, last: OneDnnConv, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.residual = residual
        self.last = last
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h', w') out, in the memory of ``x`` where the size stays."""
        inner = self.residual(x)
        onto = self.shortcut(x).contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.last(inner, onto))


def use_onednn(network: nn.Module, device: torch.device) -> None:
    """Replace every convolution inside ``network`` where the device and the build have oneDNN."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for name, child in network.named_children():
        if isinstance(child, nn.Conv2d):
            setattr(network, name, OneDnnConv(child))
        else:
            use_onednn(child, device)
            setattr(network, name, _adding(child))
    if isinstance(network, nn.Sequential):
        _take_in_biases(network)


def _adding(layer: nn.Module) -> nn.Module:
    """A unit whose last convolution can add its shortcut as one that does; others as they are."""
    if not isinstance(layer, FoldedUnit) or layer.shortcut is None or len(layer.residual) < 2:
        return layer
    # The first makes a tensor of its own: what the last one reads is not what it adds to.
    first, last = layer.residual[0], layer.residual[-1]
    if not isinstance(first, OneDnnConv) or not isinstance(last, OneDnnConv):
        return layer
    return OneDnnUnit(nn.Sequential(*list(layer.residual)[:-1]), last, layer.shortcut)


def _take_in_biases(layers: nn.Sequential) -> None:
    """Have convolutions add what the maps after them add at most places."""
    for conv, bias_map in zip(layers, list(layers)[1:], strict=False):
        if isinstance(conv, OneDnnConv) and isinstance(bias_map, BiasMap) and conv.bias is None:
            conv.bias = bias_map.split()
