"""The three networks of MTCNN (Zhang et al. 2016, arXiv:1604.02878), without the cascade.

Weights: the ones published with facenet-pytorch (MIT licence), converted there from the
authors' own. They are read from the data files of the installed package; the package itself is
never imported, because it imports torchvision, whose operators do not load beside a torch of
another build.

All inputs are (n, 3, h, w) float32 RGB scaled to ``(x - 127.5) / 128``. Outputs are the face
probability after the softmax, box corrections in shares of the box side, and for O-Net five
landmarks in shares of the box: five x, then five y.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from backbone.checkpoints import verified_state_dict
from backbone.digests import MTCNN_SHA256
from backbone.errors import CheckpointError

PACKAGE = "facenet_pytorch"
INPUT_MEAN = 127.5
INPUT_SCALE = 1 / 128

PNET_CELL = 12  # px a side of the window that one output cell of P-Net judges
PNET_STRIDE = 2  # px between neighbouring cells
RNET_SIDE = 24
ONET_SIDE = 48


def _max_pool(x: Tensor, kernel: int) -> Tensor:
    """Max pooling with stride 2 in ceil mode: the last window may hang over the edge.

    One axis after the other with whole-array maxima: several times as fast as torch's own on
    the few channels, stored last, that these networks have.
    """
    for axis in (2, 3):
        size = x.shape[axis]
        pooled = x[(slice(None),) * axis + (slice(0, size - kernel + 2, 2),)].clone()
        for tap in range(1, kernel):
            values = x[(slice(None),) * axis + (slice(tap, None, 2),)]
            count = min(pooled.shape[axis], values.shape[axis])
            part = pooled.narrow(axis, 0, count)
            torch.maximum(part, values.narrow(axis, 0, count), out=part)
        x = pooled
    return x


def _flatten(x: Tensor) -> Tensor:
    """Flatten (n, c, h, w) in the order w, h, c, as the authors' dense weights expect."""
    return x.permute(0, 3, 2, 1).flatten(1)


class PNet(nn.Module):
    """Proposal network, fully convolutional: (n, 3, h, w) -> a map of 12x12 px windows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Return probability (n, h', w') and box correction (n, 4, h', w').

        Rows from ``height`` and columns from ``width`` on are padding. Cells of the image are
        as without it, the last ones too, whose pooling windows hang over an odd edge.
        """
        x = self.prelu1(self.conv1(x))
        # The first row and column that saw padding repeat the last that did not, so that they
        # cannot win the maximum of a window that hangs over the edge.
        x[:, :, height - 2 : height - 1] = x[:, :, height - 3 : height - 2]
        x[:, :, :, width - 2 : width - 1] = x[:, :, :, width - 3 : width - 2]
        x = _max_pool(x, 2)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x).softmax(1)[:, 1], self.conv4_2(x)


class RNet(nn.Module):
    """Refinement network on (n, 3, 24, 24)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return probability (n,) and box correction (n, 4)."""
        x = _max_pool(self.prelu1(self.conv1(x)), 3)
        x = _max_pool(self.prelu2(self.conv2(x)), 3)
        x = self.prelu4(self.dense4(_flatten(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x).softmax(1)[:, 1], self.dense5_2(x)


class ONet(nn.Module):
    """Output network on (n, 3, 48, 48)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return probability (n,), box correction (n, 4) and landmarks (n, 10)."""
        x = _max_pool(self.prelu1(self.conv1(x)), 3)
        x = _max_pool(self.prelu2(self.conv2(x)), 3)
        x = _max_pool(self.prelu3(self.conv3(x)), 2)
        x = self.prelu5(self.dense5(_flatten(self.prelu4(self.conv4(x)))))
        return self.dense6_1(x).softmax(1)[:, 1], self.dense6_2(x), self.dense6_3(x)


class MtcnnNetworks(NamedTuple):
    """The three trained networks, on one device, in evaluation mode."""

    pnet: PNet
    rnet: RNet
    onet: ONet
    device: torch.device


def weights_folder() -> Path:
    """Return the folder of the installed package that holds the published weights.

    Raises:
        CheckpointError: facenet-pytorch is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(
            "the face detector's weights come with facenet-pytorch, which is not installed; "
            "run: pip install -r requirements.txt"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def load_mtcnn(device: torch.device | str = "cpu", folder: Path | None = None) -> MtcnnNetworks:
    """Load the three networks with the published weights, digests checked.

    Raises:
        CheckpointError: a file is missing or is not the published one.
    """
    folder = folder or weights_folder()
    device = torch.device(device)

    pnet, rnet, onet = PNet(), RNet(), ONet()
    for network, name in ((pnet, "pnet.pt"), (rnet, "rnet.pt"), (onet, "onet.pt")):
        network.load_state_dict(verified_state_dict(folder / name, MTCNN_SHA256[name]), strict=True)
        network.requires_grad_(False).eval()
        network.to(device=device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return MtcnnNetworks(pnet, rnet, onet, device)
