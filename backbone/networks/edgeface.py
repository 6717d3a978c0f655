"""EdgeFace: the EdgeNeXt networks with a 512-d head, for small machines.

Four stages at a quarter of the side and less. A stage is made of depthwise convolution blocks, and
ends (but for the first) with one block that mixes groups of channels at several scales and lets
channels attend to each other. There is no batch norm, so nothing is folded. Layers are named as in
timm, whose state dicts the published files hold; there each linear layer but the last may be two
of low rank (``linear1``, ``linear2``), which :func:`whole_linear_layers` multiplies out.

References:
    A. George et al., "EdgeFace: Efficient Face Recognition Model for Edge Devices", IEEE T-BIOM
    2024, arXiv:2307.01838.
    M. Maaz et al., "EdgeNeXt: Efficiently Amalgamated CNN-Transformer Architecture for Mobile
    Vision Applications", arXiv:2206.10589 (figure 2, table 2).
    A. El-Nouby et al., "XCiT: Cross-Covariance Image Transformers", arXiv:2106.09681 (equation 3,
    appendix A for the positions).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMBEDDING_SIZE = 512
KERNELS = (3, 5, 7, 9)  # of the depthwise convolutions, by stage
SCALES = (1, 2, 3, 4)  # groups of channels of the last block, by stage; 1: the stage has none
POSITIONS_AT_STAGE = 1  # where the last block is told where each pixel lies
EXPANSION = 4  # of the hidden layer of each block
EPSILON = 1e-6  # of every layer norm
FIRST_SCALE = 1e-6  # of what a block adds, before training
POSITION_CHANNELS = 32
POSITION_PERIOD = 10_000.0
LOW_RANK = (".linear1.weight", ".linear2.weight")


@dataclass(frozen=True)
class EdgePlan:
    """The numbers that make one EdgeNeXt: EdgeFace takes four of them.

    Attributes:
        depths: blocks of each stage.
        widths: channels of each stage.
        heads: groups of channels that attend to each other.
    """

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    heads: int


EDGEFACE_PLANS = {
    "XXS": EdgePlan((2, 2, 6, 2), (24, 48, 88, 168), 4),
    "XS": EdgePlan((3, 3, 9, 3), (32, 64, 100, 192), 4),
    "S": EdgePlan((3, 3, 9, 3), (48, 96, 160, 304), 8),
    "Base": EdgePlan((3, 3, 9, 3), (80, 160, 288, 584), 8),
}


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel of an image."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in and out."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class MLP(nn.Module):
    """Two linear layers over the channels of each pixel, a GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, EXPANSION * width)
        self.fc2 = nn.Linear(EXPANSION * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., c) in and out."""
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class ConvBlock(nn.Module):
    """Depthwise convolution, then an MLP over the channels; plus the input."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = MLP(width)
        self.gamma = nn.Parameter(torch.full((width,), FIRST_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in and out."""
        y = self.conv_dw(x).permute(0, 2, 3, 1)
        y = self.gamma * self.mlp(self.norm(y))
        summed: Tensor = x + y.permute(0, 3, 1, 2)
        return summed


class Positions(nn.Module):
    """Sines and cosines of the place of each pixel, taken to as many channels as the image has."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token_projection = nn.Conv2d(2 * POSITION_CHANNELS, width, 1)

    def forward(self, height: int, width: int) -> Tensor:
        """(1, c, height, width)."""
        weight = self.token_projection.weight
        index = torch.arange(POSITION_CHANNELS, device=weight.device)
        period = POSITION_PERIOD ** (2 * (index // 2) / POSITION_CHANNELS)
        y, x = (self._waves(side, period) for side in (height, width))
        grid = (height, width, POSITION_CHANNELS)
        both = torch.cat([y[:, None].expand(grid), x[None].expand(grid)], dim=2)
        waves = both.permute(2, 0, 1)[None].to(weight.dtype)
        positions: Tensor = self.token_projection(waves)
        return positions

    @staticmethod
    def _waves(side: int, period: Tensor) -> Tensor:
        """(side, POSITION_CHANNELS): sine in even channels, cosine in odd ones."""
        place = torch.arange(1, side + 1, device=period.device) / (side + EPSILON)
        angle = 2 * math.pi * place[:, None] / period
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)


class ChannelAttention(nn.Module):
    """Attention between channels: their covariance over the pixels takes the place of the table
    of all pairs of pixels, so that the cost grows with the pixels and not with their square.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, pixels, c) in and out."""
        n, pixels, width = x.shape
        parts = self.qkv(x).reshape(n, pixels, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 4, 1).unbind(0)
        query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)
        attention = (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        y: Tensor = self.proj((attention @ value).permute(0, 3, 1, 2).reshape(n, pixels, width))
        return y


class SplitBlock(nn.Module):
    """Channels split in groups that are filtered one after the other, then channel attention and
    an MLP; plus the input.
    """

    def __init__(self, width: int, scales: int, heads: int, positions: bool) -> None:
        super().__init__()
        self.scales = scales
        part = math.ceil(width / scales)
        self.convs = nn.ModuleList(
            nn.Conv2d(part, part, 3, padding=1, groups=part) for _ in range(max(1, scales - 1))
        )
        self.pos_embd = Positions(width) if positions else None
        self.norm_xca = nn.LayerNorm(width, eps=EPSILON)
        self.gamma_xca = nn.Parameter(torch.full((width,), FIRST_SCALE))
        self.xca = ChannelAttention(width, heads)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = MLP(width)
        self.gamma = nn.Parameter(torch.full((width,), FIRST_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in and out."""
        n, width, *grid = x.shape
        y = self._filtered(x)
        if self.pos_embd is not None:
            y = y + self.pos_embd(*grid)
        pixels = y.flatten(2).transpose(1, 2)
        pixels = pixels + self.gamma_xca * self.xca(self.norm_xca(pixels))
        pixels = self.gamma * self.mlp(self.norm(pixels))
        summed: Tensor = x + pixels.transpose(1, 2).reshape(n, width, *grid)
        return summed

    def _filtered(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in and out: each group filtered with what came of the one before it, the
        last one as it is (Res2Net, arXiv:1904.01169).
        """
        *parts, last = x.chunk(len(self.convs) + 1, dim=1)
        done: list[Tensor] = []
        for conv, part in zip(self.convs, parts, strict=True):
            done.append(conv(part + done[-1] if done else part))
        return torch.cat([*done, last], dim=1)


class Stage(nn.Module):
    """Halve the side (but for the first stage), then blocks."""

    def __init__(self, plan: EdgePlan, number: int) -> None:
        super().__init__()
        width, scales = plan.widths[number], SCALES[number]
        self.downsample = nn.Identity() if number == 0 else _halved(plan.widths[number - 1], width)
        local = plan.depths[number] - (scales > 1)
        blocks: list[nn.Module] = [ConvBlock(width, KERNELS[number]) for _ in range(local)]
        if scales > 1:
            blocks.append(SplitBlock(width, scales, plan.heads, number == POSITIONS_AT_STAGE))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h', w') out."""
        y: Tensor = self.blocks(self.downsample(x))
        return y


def _halved(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ChannelNorm(inputs, eps=EPSILON), nn.Conv2d(inputs, outputs, 2, 2))


class Head(nn.Module):
    """The mean over all pixels, normalised, to the embedding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.fc = nn.Linear(width, EMBEDDING_SIZE)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, 512) out."""
        y: Tensor = self.fc(self.norm(x.mean((2, 3))))
        return y


class EdgeFace(nn.Module):
    """EdgeFace with a 512-d embedding for 112x112 crops.

    Input (n, 3, 112, 112) float, normalised as the weight record says; output (n, 512), not of
    unit length.
    """

    def __init__(self, plan: EdgePlan) -> None:
        super().__init__()
        width = plan.widths[0]
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, 4), ChannelNorm(width, eps=EPSILON))
        self.stages = nn.Sequential(*(Stage(plan, number) for number in range(4)))
        self.head = Head(plan.widths[-1])

    def stem_layers(self) -> list[nn.Module]:
        """The layers before the first stage."""
        return [*self.stem]

    def units(self) -> list[nn.Module]:
        """No residual units: there is no batch norm in them to fold."""
        return []

    def head_layers(self) -> list[nn.Module]:
        """The stages and the head, taken as they are."""
        return [*self.stages, self.head]

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 112, 112) in, (n, 512) raw embeddings out."""
        y: Tensor = self.head(self.stages(self.stem(x)))
        return y


def whole_linear_layers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict in which layers of low rank are whole ones.

    ``a.linear1.weight`` (r, inputs), ``a.linear2.weight`` (outputs, r) and ``a.linear2.bias``
    become ``a.weight`` (outputs, inputs) and ``a.bias``. Other tensors, and pairs that do not
    fit each other, stay as they are.
    """
    first, second = LOW_RANK
    whole = dict(state)
    for key in [key for key in state if key.endswith(first)]:
        layer = key.removesuffix(first)
        down, up = state[key], state.get(layer + second)
        if up is None or down.ndim != 2 or up.ndim != 2 or up.shape[1] != down.shape[0]:
            continue
        whole[f"{layer}.weight"] = (up.double() @ down.double()).float()
        del whole[key], whole[layer + second]
        if (bias := whole.pop(f"{layer}.linear2.bias", None)) is not None:
            whole[f"{layer}.bias"] = bias
    return whole
