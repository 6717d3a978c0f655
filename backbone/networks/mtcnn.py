"""The three networks of MTCNN (Zhang et al. 2016, arXiv:1604.02878), without the cascade.

All inputs are (n, 3, h, w) float32 RGB, 0..255, in channels-last memory. Outputs are float32: the
face probability, the regression offsets of the box (x1, y1, x2, y2 in units of its width and
height), and for O-Net five landmarks in the same units from its corner: five x, then five y.

The layers are rearranged once, on loading, so that they compute the same in fewer passes over
memory, which is what these small networks spend half their time on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

# The networks were trained on (x - INPUT_MEAN) / INPUT_SPREAD (``detect_face.py`` of facenet).
INPUT_MEAN = 127.5
INPUT_SPREAD = 128.0

# Sides of what each network judges, px: figure 2 of the paper.
PNET_CELL = 12  # the window of one output cell
PNET_STRIDE = 2  # between neighbouring cells
RNET_SIDE = 24
ONET_SIDE = 48


def _max_pool(x: Tensor, kernel: int) -> Tensor:
    """Max pooling with stride 2 in ceil mode: the last window may hang over the edge.

    (n, c, h, w) in, (n, c, h', w') out, where h' is ``ceil((h - kernel) / 2) + 1``, w' alike.

    One axis after the other with whole-array maxima: several times as fast as torch's own on
    the few channels, stored last, that these networks have.
    """
    for axis in (2, 3):
        taps = [x[(slice(None),) * axis + (slice(tap, None, 2),)] for tap in range(kernel)]
        windows = -(-(x.shape[axis] - kernel) // 2) + 1
        whole = min(windows, taps[1].shape[axis])
        x = torch.maximum(taps[0].narrow(axis, 0, whole), taps[1].narrow(axis, 0, whole))
        if whole < windows:  # the last window holds a single row or column
            x = torch.cat([x, taps[0].narrow(axis, whole, 1)], axis)
        for tap in taps[2:]:
            count = min(windows, tap.shape[axis])
            part = x.narrow(axis, 0, count)
            torch.maximum(part, tap.narrow(axis, 0, count), out=part)
    return x


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Make a float32 layer of weights (out, in, k, k) and biases (out,), channels last."""
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], device="meta")
    layer.weight = nn.Parameter(weight.float().contiguous(memory_format=torch.channels_last))
    layer.bias = nn.Parameter(bias.float())
    return layer


def _dense(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Make a float32 layer of weights (out, in) and biases (out,)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight.float().contiguous()), nn.Parameter(bias.float())
    return layer


def _prelu(slopes: Tensor) -> nn.PReLU:
    """Make a float32 layer of slopes (channels,)."""
    layer = nn.PReLU(len(slopes), device="meta")
    layer.weight = nn.Parameter(slopes.float())
    return layer


class Published:
    """The published weights of one network, and how they become layers."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights

    def pair(self, name: str) -> tuple[Tensor, Tensor]:
        """Return weights (out, in, k, k) or (out, in) and biases (out,) of a layer, float64."""
        return self._weights[f"{name}.weight"].double(), self._weights[f"{name}.bias"].double()

    def slopes(self, index: int) -> Tensor:
        """Return the slopes of a PReLU, (channels,) float64."""
        return self._weights[f"prelu{index}.weight"].double()

    def first(self) -> tuple[Tensor, Tensor]:
        """Return the first convolution for pixels as they are: (c, 3, 3, 3) and (c,) float64."""
        weight, bias = self.pair("conv1")
        return weight / INPUT_SPREAD, bias - weight.sum((1, 2, 3)) * (INPUT_MEAN / INPUT_SPREAD)

    def active(self, index: int) -> list[nn.Module]:
        """Make convolution number ``index`` and its PReLU."""
        return [_convolution(*self.pair(f"conv{index}")), _prelu(self.slopes(index))]

    def flat(self, index: int, side: int) -> list[nn.Module]:
        """Make the dense layer number ``index`` after the convolutions, and its PReLU.

        Its weights are for values in the order column, row, channel of a map ``side`` cells
        high; channels-last memory holds them as row, column, channel.
        """
        weight, bias = self.pair(f"dense{index}")
        by_row = weight.reshape(len(weight), side, side, -1).transpose(1, 2).flatten(1)
        return [_dense(by_row, bias), _prelu(self.slopes(index))]

    def heads(self, name: str, count: int) -> tuple[Tensor, Tensor]:
        """Return all output layers as one, float64.

        The softmax of two scores is the sigmoid of their difference: the first output.

        Args:
            name: of the layers, less their number.
            count: of the layers: scores, offsets, and for O-Net landmarks.

        Returns:
            For P-Net weights (5, in, 1, 1), for R-Net (5, in), for O-Net (15, in); and biases
            (5,) or (15,).
        """
        pairs = [self.pair(f"{name}_{i + 1}") for i in range(count)]
        scores, others = pairs[0], pairs[1:]
        weight, bias = (
            torch.cat([score[1:] - score[:1], *rest])
            for score, *rest in zip(scores, *others, strict=True)
        )
        return weight, bias


class PNet(nn.Module):
    """Proposal network, fully convolutional: (n, 3, h, w) -> a map of 12x12 px windows.

    The first PReLU comes after the pooling, on a quarter of the values. That gives the same
    where its slope is not negative, for then it keeps the order. Where the slope is ``-a`` the
    PReLU is the larger of ``relu(x)`` and ``relu(-a x)``, so the first convolution gives both
    ``x`` and ``-a x``, and the maximum runs over both.
    """

    def __init__(self, published: Published) -> None:
        super().__init__()
        weight, bias = published.first()
        slopes = published.slopes(1)
        order = slopes.argsort()
        falling = order[: int((slopes < 0).sum())]
        self.falling = len(falling)
        self.conv1 = _convolution(
            torch.cat([weight[order], weight[falling] * slopes[falling].reshape(-1, 1, 1, 1)]),
            torch.cat([bias[order], bias[falling] * slopes[falling]]),
        )
        unused = slopes.new_zeros(self.falling)
        self.prelu1 = _prelu(torch.cat([slopes[order].clamp(min=0), unused]))
        weight, bias = published.pair("conv2")
        no_weight = weight.new_zeros(len(weight), self.falling, *weight.shape[2:])
        self.conv2 = _convolution(torch.cat([weight[:, order], no_weight], 1), bias)
        self.prelu2 = _prelu(published.slopes(2))
        self.conv3, self.prelu3 = published.active(3)
        weight, bias = published.heads("conv4", 2)
        self.heads = _dense(weight.flatten(1), bias)

    def forward(self, x: Tensor, extents: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """Return probability (n, h', w') and regression offsets (n, 4, h', w').

        Args:
            x: (n, 3, h, w).
            extents: height and width of what is not padding, for each image. Its cells are as
                without the padding, the last ones too, whose pooling windows hang over an odd
                edge.
        """
        size = x.shape[2:]
        x = self.conv1(x)
        for number, extent in enumerate(extents):
            for axis, end, limit in zip((1, 2), extent, size, strict=True):
                if end < limit:
                    # The first row or column that saw padding repeats the last that did not, so
                    # that it cannot win the maximum of a window that hangs over the edge.
                    x[number].narrow(axis, end - 2, 1).copy_(x[number].narrow(axis, end - 3, 1))
        x = _max_pool(x, 2)
        falling = x[:, : self.falling]
        torch.maximum(falling, x[:, -self.falling :], out=falling)
        x = self.prelu2(self.conv2(self.prelu1(x)))
        x = self.prelu3(self.conv3(x)).permute(0, 2, 3, 1)
        # One map after the other: a convolution would write its five channels side by side,
        # which takes longer, and whoever reads one of them would skip the others.
        bias, cells = self.heads.bias[:, None], x.flatten(0, 2).T
        maps = torch.addmm(bias, self.heads.weight, cells).reshape(-1, *x.shape[:3])
        return maps[0].sigmoid(), maps[1:].transpose(0, 1)


class RNet(nn.Module):
    """Refinement network for crops of 24x24 px."""

    def __init__(self, published: Published) -> None:
        super().__init__()
        self.conv1, self.prelu1 = _convolution(*published.first()), _prelu(published.slopes(1))
        self.conv2, self.prelu2 = published.active(2)
        self.conv3, self.prelu3 = published.active(3)
        self.dense4, self.prelu4 = published.flat(4, 3)
        self.heads = _dense(*published.heads("dense5", 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return probability (n,) and regression offsets (n, 4) for x (n, 3, 24, 24)."""
        x = _max_pool(self.prelu1(self.conv1(x)), 3)
        x = _max_pool(self.prelu2(self.conv2(x)), 3)
        x = self.prelu3(self.conv3(x)).permute(0, 2, 3, 1).flatten(1)
        x = self.heads(self.prelu4(self.dense4(x)))
        return x[:, 0].sigmoid(), x[:, 1:]


class ONet(nn.Module):
    """Output network for crops of 48x48 px."""

    def __init__(self, published: Published) -> None:
        super().__init__()
        self.conv1, self.prelu1 = _convolution(*published.first()), _prelu(published.slopes(1))
        self.conv2, self.prelu2 = published.active(2)
        self.conv3, self.prelu3 = published.active(3)
        self.conv4, self.prelu4 = published.active(4)
        self.dense5, self.prelu5 = published.flat(5, 3)
        self.heads = _dense(*published.heads("dense6", 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return probability (n,), offsets (n, 4) and landmarks (n, 10) for x (n, 3, 48, 48)."""
        x = _max_pool(self.prelu1(self.conv1(x)), 3)
        x = _max_pool(self.prelu2(self.conv2(x)), 3)
        x = _max_pool(self.prelu3(self.conv3(x)), 2)
        x = self.prelu4(self.conv4(x)).permute(0, 2, 3, 1).flatten(1)
        x = self.heads(self.prelu5(self.dense5(x)))
        return x[:, 0].sigmoid(), x[:, 1:5], x[:, 5:]


class MtcnnNetworks(NamedTuple):
    """The three trained networks, on one device, in evaluation mode."""

    pnet: PNet
    rnet: RNet
    onet: ONet
    device: torch.device
