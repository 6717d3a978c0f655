"""What oneDNN's convolutions take in computes the same: shortcuts, and biases inside of a map."""

import pytest
import torch
from torch import nn

from backbone.networks.folded_layers import BiasMap, FoldedUnit, Subsample
from backbone.networks.folding import fold_chain
from backbone.networks.onednn import OneDnnConv, OneDnnUnit, use_onednn
from tests.backbone.networks.test_folding import norm

CPU = torch.device("cpu")


def layers_last(x):
    return x.contiguous(memory_format=torch.channels_last)


def unit(stride):
    """A unit of IR-50: norm, convolution, PReLU, strided convolution, norm; and its reference."""
    torch.manual_seed(0)
    plain = [norm(16), nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.PReLU(16)]
    plain += [nn.Conv2d(16, 16, 3, stride, 1, bias=False), norm(16)]
    shortcut = nn.Sequential(*([Subsample(stride)] if stride > 1 else []))
    folded = FoldedUnit(fold_chain(plain, 14)[0], shortcut)
    return nn.Sequential(folded).eval(), nn.Sequential(*plain).eval().double(), shortcut


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("faces", [1, 3])
def test_a_unit_adds_its_shortcut_and_biases_as_its_layers_do(stride, faces):
    network, reference, shortcut = unit(stride)
    use_onednn(network, CPU)
    assert isinstance(network[0], OneDnnUnit)
    conv, bias_map = network[0].residual[:2]
    assert isinstance(conv, OneDnnConv)
    assert bias_map.border
    assert conv.bias.abs().min() > 0
    x = torch.randn(faces, 16, 14, 14)
    with torch.inference_mode():
        wanted = reference(x.double()) + shortcut(x.double())
        torch.testing.assert_close(
            network(layers_last(x.clone())), wanted.float(), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 1, 2), (3, 2, 1)])
@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 8])
def test_the_border_of_a_map_is_all_that_sees_padding(kernel, stride, padding, side):
    torch.manual_seed(1)
    chain = [norm(3), nn.Conv2d(3, 5, kernel, stride, padding, bias=False)]
    folded, _ = fold_chain(chain, side)
    x = layers_last(torch.randn(2, 3, side, side))
    with torch.inference_mode():
        wanted = nn.Sequential(*chain).double()(x.double()).float()
        use_onednn(folded, CPU)
        torch.testing.assert_close(folded(x), wanted, atol=1e-4, rtol=1e-4)


def test_a_map_that_is_nothing_but_border_stays_whole():
    bias_map = BiasMap(torch.randn(1, 4, 2, 2), 1)
    assert bias_map.split() is None
    assert not bias_map.border


@pytest.mark.parametrize("layers", [0, 1])
def test_a_branch_that_makes_no_tensor_of_its_own_is_not_added_in_place(layers):
    conv = nn.Conv2d(4, 4, 3, 1, 1)
    network = nn.Sequential(FoldedUnit(nn.Sequential(*[conv][:layers]), nn.Sequential())).eval()
    x = layers_last(torch.randn(1, 4, 6, 6))
    with torch.inference_mode():
        wanted = x + (conv(x) if layers else x)
        use_onednn(network, CPU)
        torch.testing.assert_close(network(x.clone()), wanted)
