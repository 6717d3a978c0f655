"""MobileFaceNet, the small network that comes with the program.

The batch norms of the published weights are folded into the convolutions already, so a layer
is a convolution with a bias and, mostly, a PReLU.

Reference:
    Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on
    Mobile Devices", CCBR 2018, arXiv:1804.07573 (table 1).
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

EMBEDDING_SIZE = 512
STEM_WIDTH = 64
HEAD_WIDTH = 512
FINAL_GRID = 7

# (input channels, output channels, expanded channels, stride, how many)
BOTTLENECKS = (
    (64, 64, 128, 2, 1),
    (64, 64, 128, 1, 4),
    (64, 128, 256, 2, 1),
    (128, 128, 256, 1, 6),
    (128, 128, 512, 2, 1),
    (128, 128, 256, 1, 2),
)


class ConvAct(nn.Module):
    """A convolution with bias, then a PReLU with one slope a channel where ``active``."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        depthwise: bool = False,
        active: bool = True,
    ) -> None:
        super().__init__()
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        self.act = nn.PReLU(outputs) if active else None

    def layers(self) -> list[nn.Module]:
        """The primitive layers, in order."""
        return [self.conv] if self.act is None else [self.conv, self.act]

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h', w') out."""
        x = self.conv(x)
        return x if self.act is None else self.act(x)


class Bottleneck(nn.Module):
    """Expand, filter depthwise, project linearly; plus the input where the shape stays."""

    def __init__(self, inputs: int, outputs: int, expanded: int, stride: int) -> None:
        super().__init__()
        self.expand = ConvAct(inputs, expanded, 1)
        self.depthwise = ConvAct(expanded, expanded, 3, stride=stride, padding=1, depthwise=True)
        self.project = ConvAct(expanded, outputs, 1, active=False)
        self.has_shortcut = stride == 1 and inputs == outputs

    def residual(self) -> list[nn.Module]:
        """The layers of the residual branch, in order."""
        return [*self.expand.layers(), *self.depthwise.layers(), *self.project.layers()]

    def shortcut(self) -> list[nn.Module] | None:
        """No layers where the input is added as it is, None where it is not added."""
        return [] if self.has_shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h / stride, w / stride) out."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_shortcut else y


def _bottlenecks() -> Iterator[Bottleneck]:
    for inputs, outputs, expanded, stride, count in BOTTLENECKS:
        for _ in range(count):
            yield Bottleneck(inputs, outputs, expanded, stride)


class MobileFaceNet(nn.Module):
    """MobileFaceNet with a 512-d embedding for 112x112 crops.

    Input (n, 3, 112, 112) float, normalised as the weight record says; output (n, 512), not of
    unit length.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvAct(3, STEM_WIDTH, 3, stride=2, padding=1)
        self.stem_depthwise = ConvAct(STEM_WIDTH, STEM_WIDTH, 3, padding=1, depthwise=True)
        self.blocks = nn.Sequential(*_bottlenecks())
        self.head = ConvAct(BOTTLENECKS[-1][1], HEAD_WIDTH, 1)
        self.global_depthwise = ConvAct(
            HEAD_WIDTH, HEAD_WIDTH, FINAL_GRID, depthwise=True, active=False
        )
        self.embedding = ConvAct(HEAD_WIDTH, EMBEDDING_SIZE, 1, active=False)

    def stem_layers(self) -> list[nn.Module]:
        """The layers before the first unit."""
        return [*self.stem.layers(), *self.stem_depthwise.layers()]

    def units(self) -> list[nn.Module]:
        """The bottlenecks, in order."""
        return list(self.blocks)

    def head_layers(self) -> list[nn.Module]:
        """The layers after the last bottleneck."""
        tail = (self.head, self.global_depthwise, self.embedding)
        return [*(layer for part in tail for layer in part.layers()), nn.Flatten()]

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 112, 112) in, (n, 512) raw embeddings out."""
        x = self.blocks(self.stem_depthwise(self.stem(x)))
        x = self.embedding(self.global_depthwise(self.head(x)))
        return x.flatten(1)
