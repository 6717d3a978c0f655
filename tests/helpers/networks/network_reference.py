"""Forward passes written from the papers' and publishers' block definitions, in float64.

They read weights by their published keys and share no code with the package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import conv2d

EPS = 1e-5

IR_UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
EVOLVE_152 = (3, 8, 36, 3)


class Weights:
    """Weights of one layer group, looked up by prefix."""

    def __init__(self, state: Mapping[str, Tensor], prefix: str = "") -> None:
        self.state = state
        self.prefix = prefix

    def __truediv__(self, name: str | int) -> Weights:
        return Weights(self.state, f"{self.prefix}.{name}" if self.prefix else str(name))

    def has(self, name: str) -> bool:
        return f"{self.prefix}.{name}" in self.state

    def get(self, name: str) -> Tensor:
        return self.state[f"{self.prefix}.{name}"].double()


def norm(x: Tensor, w: Weights) -> Tensor:
    shape = (1, -1, 1, 1)[: x.ndim]
    y = (x - w.get("running_mean").view(shape)) / torch.sqrt(w.get("running_var").view(shape) + EPS)
    if w.has("weight"):
        y = y * w.get("weight").view(shape) + w.get("bias").view(shape)
    return y


def prelu(x: Tensor, w: Weights) -> Tensor:
    return torch.where(x > 0, x, x * w.get("weight").view(1, -1, 1, 1))


def conv(x: Tensor, w: Weights, stride: int = 1, pad: int = 0, groups: int = 1) -> Tensor:
    bias = w.get("bias") if w.has("bias") else None
    return conv2d(x, w.get("weight"), bias, stride, pad, groups=groups)


def gate(x: Tensor, w: Weights) -> Tensor:
    hidden = conv(x.mean((2, 3), keepdim=True), w / "fc1").clamp_min(0)
    return x / (1 + torch.exp(-conv(hidden, w / "fc2")))


def strides(units: tuple[int, ...]) -> list[int]:
    return [2 if i == 0 else 1 for count in units for i in range(count)]


def evolve_unit(x: Tensor, w: Weights, stride: int) -> Tensor:
    """face.evoLVe's bottleneck_IR and bottleneck_IR_SE."""
    shortcut = w / "shortcut_layer"
    short = x[:, :, ::stride, ::stride]
    if shortcut.has("0.weight"):
        short = norm(conv(x, shortcut / 0, stride), shortcut / 1)
    r = w / "res_layer"
    y = prelu(conv(norm(x, r / 0), r / 1, pad=1), r / 2)
    y = norm(conv(y, r / 3, stride, pad=1), r / 4)
    return short + (gate(y, r / 5) if r.has("5.fc1.weight") else y)


def adaface_unit(x: Tensor, w: Weights, stride: int) -> Tensor:
    """AdaFace's BasicBlockIR and BottleneckIR, with or without squeeze-and-excitation."""
    shortcut = w / "shortcut_layer"
    short = x[:, :, ::stride, ::stride]
    if shortcut.has("0.weight"):
        short = norm(conv(x, shortcut / 0, stride), shortcut / 1)
    r = w / "res_layer"
    y = norm(x, r / 0)
    if r.has("7.weight"):
        y = prelu(norm(conv(y, r / 1), r / 2), r / 3)
        y = prelu(norm(conv(y, r / 4, pad=1), r / 5), r / 6)
        y = norm(conv(y, r / 7, stride), r / 8)
    else:
        y = prelu(norm(conv(y, r / 1, pad=1), r / 2), r / 3)
        y = norm(conv(y, r / 4, stride, pad=1), r / 5)
    return short + (gate(y, r / "se_block") if r.has("se_block.fc1.weight") else y)


def ir_forward(
    state: Mapping[str, Tensor], x: Tensor, units: tuple[int, ...], *, adaface: bool
) -> Tensor:
    w = Weights(state)
    stem, out = w / "input_layer", w / "output_layer"
    y = prelu(norm(conv(x.double(), stem / 0, pad=1), stem / 1), stem / 2)
    for i, stride in enumerate(strides(units)):
        y = (adaface_unit if adaface else evolve_unit)(y, w / "body" / i, stride)
    y = norm(y, out / 0).flatten(1) @ (out / 3).get("weight").T + (out / 3).get("bias")
    return norm(y, out / 4)


def iresnet_forward(state: Mapping[str, Tensor], x: Tensor, units: tuple[int, ...]) -> Tensor:
    """arcface_torch's IResNet."""
    w = Weights(state)
    y = prelu(norm(conv(x.double(), w / "conv1", pad=1), w / "bn1"), w / "prelu")
    for stage, count in enumerate(units, start=1):
        for i in range(count):
            b = w / f"layer{stage}" / i
            stride = 2 if i == 0 else 1
            short = y
            if b.has("downsample.0.weight"):
                short = norm(conv(y, b / "downsample" / 0, stride), b / "downsample" / 1)
            z = norm(conv(norm(y, b / "bn1"), b / "conv1", pad=1), b / "bn2")
            y = short + norm(conv(prelu(z, b / "prelu"), b / "conv2", stride, pad=1), b / "bn3")
    fc = w / "fc"
    y = norm(y, w / "bn2").flatten(1) @ fc.get("weight").T + fc.get("bias")
    return norm(y, w / "features")


def mobilefacenet_forward(state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Table 1 of the MobileFaceNet paper, batch norms folded."""
    w = Weights(state)

    def layer(x: Tensor, w: Weights, stride: int = 1, pad: int = 0, groups: int = 1) -> Tensor:
        y = conv(x, w / "conv", stride, pad, groups)
        return prelu(y, w / "act") if w.has("act.weight") else y

    y = layer(x.double(), w / "stem", 2, 1)
    y = layer(y, w / "stem_depthwise", 1, 1, groups=64)
    for i in range(15):
        b = w / "blocks" / i
        stride = 2 if i in (0, 5, 12) else 1
        z = layer(y, b / "expand")
        z = layer(layer(z, b / "depthwise", stride, 1, groups=z.shape[1]), b / "project")
        y = z if stride == 2 else y + z
    y = layer(layer(y, w / "head"), w / "global_depthwise", groups=512)
    return layer(y, w / "embedding").flatten(1)


def layer_norm(x: Tensor, w: Weights) -> Tensor:
    """Over the last dimension."""
    centred = x - x.mean(-1, keepdim=True)
    y = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-6)
    return y * w.get("weight") + w.get("bias")


def linear(x: Tensor, w: Weights) -> Tensor:
    return x @ w.get("weight").T + w.get("bias")


def mlp(x: Tensor, w: Weights) -> Tensor:
    hidden = linear(x, w / "fc1")
    return linear(hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2, w / "fc2")


def wave_map(height: int, width: int) -> Tensor:
    """(64, height, width) of XCiT's appendix A: 32 waves along y, then 32 along x."""
    waves = torch.zeros(64, height, width, dtype=torch.float64)
    for k in range(32):
        period = 10000 ** (2 * (k // 2) / 32)
        wave = math.cos if k % 2 else math.sin
        for i in range(height):
            waves[k, i] = wave(2 * math.pi * (i + 1) / (height + 1e-6) / period)
        for j in range(width):
            waves[32 + k, :, j] = wave(2 * math.pi * (j + 1) / (width + 1e-6) / period)
    return waves


def channel_attention(x: Tensor, w: Weights, heads: int) -> Tensor:
    """XCiT's equation 3 on (pixels, c): each head by itself."""
    q, k, v = linear(x, w / "qkv").chunk(3, dim=1)
    out = []
    for head, (a, b, c) in enumerate(
        zip(*(part.chunk(heads, dim=1) for part in (q, k, v)), strict=True)
    ):
        a, b = a / a.norm(dim=0), b / b.norm(dim=0)
        table = torch.exp(a.T @ b * w.get("temperature")[head])
        out.append(c @ (table / table.sum(1, keepdim=True)).T)
    return linear(torch.cat(out, dim=1), w / "proj")


def edgenext_block(x: Tensor, w: Weights, heads: int) -> Tensor:
    """EdgeNeXt's figure 2 on (1, c, h, w): a convolution encoder, or an SDTA encoder."""
    if w.has("conv_dw.weight"):
        kernel = w.get("conv_dw.weight").shape[-1]
        y = conv(x, w / "conv_dw", pad=kernel // 2, groups=x.shape[1])[0].flatten(1).T
    else:
        filtered: list[Tensor] = []
        count = sum(w.has(f"convs.{i}.weight") for i in range(4))
        part = w.get("convs.0.weight").shape[0]
        for i in range(count):
            group = x[:, i * part : (i + 1) * part] + (filtered[-1] if i else 0)
            filtered.append(conv(group, w / "convs" / i, pad=1, groups=part))
        y = torch.cat([*filtered, x[:, count * part :]], dim=1)
        if w.has("pos_embd.token_projection.weight"):
            y = y + conv(wave_map(*x.shape[2:])[None], w / "pos_embd" / "token_projection")
        y = y[0].flatten(1).T
        attended = channel_attention(layer_norm(y, w / "norm_xca"), w / "xca", heads)
        y = y + w.get("gamma_xca") * attended
    y = w.get("gamma") * mlp(layer_norm(y, w / "norm"), w / "mlp")
    return x + y.T.reshape(x.shape)


def edgeface_forward(state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """EdgeNeXt's table 2 for one image, under timm's keys."""
    w = Weights(state)

    def channels_last(y: Tensor, norm: Weights) -> Tensor:
        return layer_norm(y.permute(0, 2, 3, 1), norm).permute(0, 3, 1, 2)

    heads = 4 if len(state["stem.0.bias"]) < 48 else 8
    y = channels_last(conv(x.double(), w / "stem" / 0, 4), w / "stem" / 1)
    for stage in range(4):
        s = w / "stages" / stage
        if stage:
            y = conv(channels_last(y, s / "downsample" / 0), s / "downsample" / 1, 2)
        block = 0
        while s.has(f"blocks.{block}.gamma"):
            y = edgenext_block(y, s / "blocks" / block, heads)
            block += 1
    return linear(layer_norm(y.mean((2, 3)), w / "head" / "norm"), w / "head" / "fc")


def forward(name: str, state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The raw embedding (n, 512) float64 of the network called ``name``."""
    if name.startswith("EdgeFace"):
        return edgeface_forward(state, x)
    if name == "MobileFaceNet":
        return mobilefacenet_forward(state, x)
    depth = int("".join(c for c in name.split("-")[-1] if c.isdigit()))
    adaface = name.startswith("AdaFace")
    if adaface and depth == 101:
        depth = 100
    if name.startswith("iresnet"):
        units = {**IR_UNITS, 200: (6, 26, 60, 6)}[depth]
        return iresnet_forward(state, x, units)
    units = {**IR_UNITS, 152: EVOLVE_152, 200: (3, 24, 36, 3)}[depth]
    return ir_forward(state, x, units, adaface=adaface)


def unit(x: Tensor) -> Tensor:
    return x.double() / x.double().norm(dim=1, keepdim=True)
