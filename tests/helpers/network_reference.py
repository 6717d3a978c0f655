"""Forward passes written from the papers' and publishers' block definitions, in float64.

They read weights by their published keys and share no code with the package.
"""

from __future__ import annotations

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


def forward(name: str, state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The raw embedding (n, 512) float64 of the network called ``name``."""
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
