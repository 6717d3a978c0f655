"""Convolutions that always go to oneDNN, the library behind torch's fast CPU kernels."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


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

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h', w') out."""
        return torch.mkldnn_convolution(
            x, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


def use_onednn(network: nn.Module, device: torch.device) -> None:
    """Replace every convolution inside ``network`` where the device and the build have oneDNN."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for name, child in network.named_children():
        if isinstance(child, nn.Conv2d):
            setattr(network, name, OneDnnConv(child))
        else:
            use_onednn(child, device)
