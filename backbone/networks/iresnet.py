"""InsightFace's iresnet18 ... iresnet200, the arcface_torch spelling of the ArcFace backbone.

The same improved residual unit as in :mod:`backbone.networks.ir50`, under torchvision's key names
(``conv1``, ``layer1.0.bn1``, ..., ``fc``, ``features``) and with a convolution in the shortcut
of the first unit of every stage.

Reference:
    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019.
"""

from __future__ import annotations

from torch import Tensor, nn

from backbone.networks.ir50 import EMBEDDING_SIZE, FINAL_GRID, PLAIN_WIDTHS


class IBasicBlock(nn.Module):
    """BN-Conv-BN-PReLU-Conv-BN plus the input, or a projection of it."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
            if stride != 1 or inputs != outputs
            else None
        )

    def residual(self) -> list[nn.Module]:
        """The layers of the residual branch, in order."""
        return [self.bn1, self.conv1, self.bn2, self.prelu, self.conv2, self.bn3]

    def shortcut(self) -> list[nn.Module]:
        """The layers of the shortcut, in order; none where the input is added as it is."""
        return [] if self.downsample is None else list(self.downsample)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h / stride, w / stride) out."""
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        y = self.bn3(self.conv2(y))
        total: Tensor = y + (x if self.downsample is None else self.downsample(x))
        return total


def _stage(inputs: int, outputs: int, count: int) -> nn.Sequential:
    first = IBasicBlock(inputs, outputs, 2)
    return nn.Sequential(first, *(IBasicBlock(outputs, outputs, 1) for _ in range(count - 1)))


class IResNet(nn.Module):
    """An iresnet for 112x112 crops; ``units`` are the residual units in each of four stages.

    Input (n, 3, 112, 112) float, normalised as the weight record says; output (n, 512), not of
    unit length.
    """

    def __init__(self, units: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, *_, last = PLAIN_WIDTHS
        self.conv1 = nn.Conv2d(3, first, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.prelu = nn.PReLU(first)
        inputs = (first, *PLAIN_WIDTHS[:-1])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(i, o, n) for i, o, n in zip(inputs, PLAIN_WIDTHS, units, strict=True)
        )
        self.bn2 = nn.BatchNorm2d(last)
        self.fc = nn.Linear(last * FINAL_GRID * FINAL_GRID, EMBEDDING_SIZE)
        self.features = nn.BatchNorm1d(EMBEDDING_SIZE)

    def stem_layers(self) -> list[nn.Module]:
        """The layers before the first unit."""
        return [self.conv1, self.bn1, self.prelu]

    def units(self) -> list[nn.Module]:
        """The residual units, in order."""
        return [*self.layer1, *self.layer2, *self.layer3, *self.layer4]

    def head_layers(self) -> list[nn.Module]:
        """The layers after the last unit."""
        return [self.bn2, nn.Flatten(), self.fc, self.features]

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 112, 112) in, (n, 512) raw embeddings out."""
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        embedding: Tensor = self.features(self.fc(self.bn2(x).flatten(1)))
        return embedding
