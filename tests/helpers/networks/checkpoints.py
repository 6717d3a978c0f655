"""Weight files for tests: networks with random weights whose batch norms fit their input."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from backbone.weights.architectures import ARCHITECTURES

CALIBRATION_FACES = 2  # the least that a batch norm can learn from


def random_network(architecture: str, seed: int = 0) -> nn.Module:
    """A network with random weights, in eval mode.

    Every batch norm gets the statistics of a batch of noise, and random scale and shift, so that
    no layer's output vanishes or explodes and no batch norm is an identity.
    """
    torch.manual_seed(seed)
    module = ARCHITECTURES[architecture].build()
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        if norm.affine:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    for layer in module.modules():
        if isinstance(layer, nn.PReLU):
            nn.init.uniform_(layer.weight, 0.0, 0.5)
    for name, parameter in module.named_parameters():
        if name.rpartition(".")[2] in ("gamma", "gamma_xca", "temperature"):  # of EdgeFace
            nn.init.uniform_(parameter, 0.5, 1.5)
    with torch.no_grad():
        module.train()(torch.randn(CALIBRATION_FACES, 3, 112, 112))
    return module.eval()


def write_small_checkpoint(path: Path) -> Path:
    """A file of a network that nobody has measured, where it does not matter which."""
    torch.save(random_network("MobileFaceNet").state_dict(), path)
    return path


def write_ir50_checkpoint(path: Path, *, legacy: bool = True, seed: int = 0) -> Path:
    """A file of the published IR-50 layout with random weights, old (published) or zip format."""
    state = random_network("IR-50", seed).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path
