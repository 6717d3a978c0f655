"""The published weights of MTCNN: where they lie, and the networks they make.

They are the ones published with facenet-pytorch (MIT licence), converted there from the
authors' own. They are read from the data files of the installed package; the package itself is
never imported, because it imports torchvision, whose operators do not load beside a torch of
another build.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

from backbone.errors import CheckpointError
from backbone.networks.mtcnn import MtcnnNetworks, ONet, PNet, Published, RNet
from backbone.networks.onednn import use_onednn
from backbone.weights.checkpoint_file import verified_state_dict
from backbone.weights.known_files import MTCNN_SHA256

PACKAGE = "facenet_pytorch"


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

    Args:
        device: what they run on.
        folder: of the files ``pnet.pt``, ``rnet.pt``, ``onet.pt``; None for the package's.

    Raises:
        CheckpointError: a file is missing or is not the published one.
    """
    folder = folder or weights_folder()
    device = torch.device(device)

    def published(name: str) -> Published:
        return Published(verified_state_dict(folder / name, MTCNN_SHA256[name]))

    networks = PNet(published("pnet.pt")), RNet(published("rnet.pt")), ONet(published("onet.pt"))
    for network in networks:
        network.requires_grad_(False).eval()
        use_onednn(network, device)
        network.to(device=device)
    return MtcnnNetworks(*networks, device)
