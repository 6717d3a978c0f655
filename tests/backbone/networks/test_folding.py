from __future__ import annotations

import pytest
import torch
from torch import nn

from backbone.networks.folding import fold_chain


def with_statistics(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    for name, low, high in (("weight", -2, 2), ("bias", -1, 1)):
        nn.init.uniform_(getattr(norm, name), low, high)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.1, 3)
    return norm.eval()


def norm(channels: int) -> nn.BatchNorm2d:
    return with_statistics(nn.BatchNorm2d(channels))


CHAINS = {
    "norm, padded conv": lambda: [norm(6), nn.Conv2d(6, 8, 3, 1, 1)],
    "norm, padded strided conv": lambda: [norm(6), nn.Conv2d(6, 8, 3, 2, 1, bias=False)],
    "norm, conv without padding": lambda: [norm(6), nn.Conv2d(6, 8, 3)],
    "norm, grouped conv, norm": lambda: [norm(6), nn.Conv2d(6, 9, 5, 1, 2, groups=3), norm(9)],
    "norm, depthwise conv": lambda: [norm(6), nn.Conv2d(6, 6, 3, 1, 1, groups=6)],
    "conv, norm, activation": lambda: [nn.Conv2d(6, 8, 3, 1, 1), norm(8), nn.PReLU(8)],
    "pooling by one": lambda: [nn.MaxPool2d(1, 2), nn.Conv2d(6, 8, 1)],
    "head": lambda: [norm(6), nn.Dropout(), nn.Flatten(), nn.Linear(6 * 81, 5)],
}


@pytest.mark.parametrize("name", CHAINS)
def test_folded_chain_computes_the_same(name):
    torch.manual_seed(0)
    layers = nn.Sequential(*CHAINS[name]()).eval().double()
    x = torch.randn(3, 6, 9, 9)
    folded, _ = fold_chain(list(layers), 9)
    kinds = {type(layer) for layer in folded}
    assert not kinds & {nn.BatchNorm2d, nn.Dropout, nn.MaxPool2d}
    with torch.inference_mode():
        assert torch.allclose(folded.float()(x), layers(x.double()).float(), atol=1e-4)


def test_output_size_is_followed():
    layers = [nn.Conv2d(3, 4, 3, 2, 1), nn.PReLU(4), nn.MaxPool2d(1, 2), nn.Conv2d(4, 4, 3)]
    x = nn.Sequential(*layers)(torch.zeros(1, 3, 33, 33))
    assert fold_chain(layers, 33)[1] == x.shape[-1]


def test_norm_that_cannot_be_folded_is_refused():
    with pytest.raises(ValueError, match="cannot be folded"):
        fold_chain([norm(4), nn.PReLU(4)], 8)
