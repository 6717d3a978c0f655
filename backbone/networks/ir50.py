"""IR-50 and its relatives: the improved residual networks that ArcFace is trained with.

One class covers the checkpoints that name their layers ``input_layer``, ``body``,
``output_layer``; the keys of its state dict are those of the published files:

* face.evoLVe and InsightFace_Pytorch: IR-50/100/152 and IR-SE-50/100/152,
* AdaFace: the same plan with a batch norm between the two convolutions of a unit and no
  affine parameters in the last one; from 152 layers on, bottleneck units.

References:
    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019
    (improved residual unit: BN-Conv-BN-PReLU-Conv-BN, sec. 3.1).
    Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018.
    Kim et al., "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

INPUT_SIZE = 112
EMBEDDING_SIZE = 512
FINAL_GRID = 7  # 112 pixels after four halvings
SQUEEZE_REDUCTION = 16
BOTTLENECK_REDUCTION = 4

PLAIN_WIDTHS = (64, 128, 256, 512)
BOTTLENECK_WIDTHS = (256, 512, 1024, 2048)


@dataclass(frozen=True)
class IRPlan:
    """What tells one network of the family from another.

    Attributes:
        units: residual units in each of the four stages.
        squeeze: squeeze-and-excitation at the end of every unit.
        adaface: AdaFace's variant of unit and output layer.
        bottleneck: 1x1-3x3-1x1 units four times as wide (AdaFace only).
    """

    units: tuple[int, int, int, int]
    squeeze: bool = False
    adaface: bool = False
    bottleneck: bool = False

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels at the end of each stage."""
        return BOTTLENECK_WIDTHS if self.bottleneck else PLAIN_WIDTHS


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from all channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // SQUEEZE_REDUCTION, 1, bias=False)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(channels // SQUEEZE_REDUCTION, channels, 1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, the same shape out."""
        gate: Tensor = self.sigmoid(self.fc2(self.relu(self.fc1(self.avg_pool(x)))))
        return x * gate


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def _plain_layers(inputs: int, outputs: int, stride: int, between: bool) -> list[nn.Module]:
    """BN-Conv-[BN]-PReLU-Conv-BN; the stride is in the second convolution."""
    return [
        nn.BatchNorm2d(inputs),
        _conv3x3(inputs, outputs),
        *([nn.BatchNorm2d(outputs)] if between else []),
        nn.PReLU(outputs),
        _conv3x3(outputs, outputs, stride),
        nn.BatchNorm2d(outputs),
    ]


def _bottleneck_layers(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """BN, then 1x1, 3x3 and strided 1x1 convolutions, each with its batch norm."""
    inner = outputs // BOTTLENECK_REDUCTION
    return [
        nn.BatchNorm2d(inputs),
        nn.Conv2d(inputs, inner, 1, bias=False),
        nn.BatchNorm2d(inner),
        nn.PReLU(inner),
        _conv3x3(inner, inner),
        nn.BatchNorm2d(inner),
        nn.PReLU(inner),
        nn.Conv2d(inner, outputs, 1, stride, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class IRUnit(nn.Module):
    """One residual unit: ``res_layer(x) + shortcut_layer(x)``."""

    def __init__(self, inputs: int, outputs: int, stride: int, plan: IRPlan) -> None:
        super().__init__()
        # Where the width stays, the shortcut only drops pixels: 1x1 max pooling does that.
        self.shortcut_layer: nn.Module = (
            nn.MaxPool2d(1, stride)
            if inputs == outputs
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        )
        layers = (
            _bottleneck_layers(inputs, outputs, stride)
            if plan.bottleneck
            else _plain_layers(inputs, outputs, stride, between=plan.adaface)
        )
        self.res_layer = nn.Sequential(*layers)
        if plan.squeeze:
            # AdaFace gave the gate a name where face.evoLVe counted on.
            name = "se_block" if plan.adaface else str(len(layers))
            self.res_layer.add_module(name, SqueezeExcitation(outputs))

    def residual(self) -> list[nn.Module]:
        """The layers of the residual branch, in order."""
        return list(self.res_layer)

    def shortcut(self) -> list[nn.Module]:
        """The layers of the shortcut, in order."""
        layer = self.shortcut_layer
        return list(layer) if isinstance(layer, nn.Sequential) else [layer]

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h / stride, w / stride) out."""
        total: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return total


def _body(plan: IRPlan) -> Iterator[IRUnit]:
    """Every stage halves the picture in its first unit."""
    inputs = PLAIN_WIDTHS[0]
    for count, outputs in zip(plan.units, plan.widths, strict=True):
        yield IRUnit(inputs, outputs, 2, plan)
        for _ in range(count - 1):
            yield IRUnit(outputs, outputs, 1, plan)
        inputs = outputs


class IRNet(nn.Module):
    """An IR network for 112x112 crops.

    Input (n, 3, 112, 112) float, normalised as the weight record says; output (n, 512), not of
    unit length.
    """

    def __init__(self, plan: IRPlan) -> None:
        super().__init__()
        width = PLAIN_WIDTHS[0]
        last = plan.widths[-1]
        self.input_layer = nn.Sequential(_conv3x3(3, width), nn.BatchNorm2d(width), nn.PReLU(width))
        self.body = nn.Sequential(*_body(plan))
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(last),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(last * FINAL_GRID * FINAL_GRID, EMBEDDING_SIZE),
            nn.BatchNorm1d(EMBEDDING_SIZE, affine=not plan.adaface),
        )

    def stem_layers(self) -> list[nn.Module]:
        """The layers before the first unit."""
        return list(self.input_layer)

    def units(self) -> list[nn.Module]:
        """The residual units, in order."""
        return list(self.body)

    def head_layers(self) -> list[nn.Module]:
        """The layers after the last unit."""
        return list(self.output_layer)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 112, 112) in, (n, 512) raw embeddings out."""
        embedding: Tensor = self.output_layer(self.body(self.input_layer(x)))
        return embedding


IR50 = IRPlan((3, 4, 14, 3))


def ir50() -> IRNet:
    """IR-50 of face.evoLVe: 43,574,976 parameters, 12.6 GFLOP a face."""
    return IRNet(IR50)
