from __future__ import annotations

import copy

import pytest
import torch

from backbone.errors import CheckpointError
from backbone.networks.folding import fold
from backbone.weights.architectures import ARCHITECTURES, identify
from tests.helpers.networks import network_reference as reference
from tests.helpers.networks.checkpoints import random_network

QUICK = ("MobileFaceNet", "IR-50", "IR-SE-50", "iresnet18", "AdaFace IR-18", "EdgeFace-XXS")
LARGE = tuple(name for name in ARCHITECTURES if name not in QUICK)


@pytest.fixture(
    scope="module",
    params=[*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)],
)
def case(request):
    """A network with random weights, an input, and what a reference makes of them."""
    network = random_network(request.param)
    x = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return request.param, network, x, reference.forward(request.param, network.state_dict(), x)


def test_forward_equals_an_independent_implementation(case):
    _, network, x, expected = case
    with torch.inference_mode():
        got = network(x)
    difference = (reference.unit(got) - reference.unit(expected)).abs().max()
    assert difference < 1e-5


def test_folded_network_equals_the_reference(case):
    _, network, x, expected = case
    before = copy.deepcopy(network.state_dict())
    folded = fold(network, 112)
    assert not any("BatchNorm" in type(m).__name__ for m in folded.modules())
    with torch.inference_mode():
        got = folded(x).double()
    assert ((got - expected).norm(dim=1) / expected.norm(dim=1)).max() < 1e-4
    folded.bfloat16()
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_architecture_is_read_from_the_keys(case):
    name, network, _, _ = case
    assert identify(network.state_dict()).name == name


def test_files_without_batch_counters_are_recognised(case):
    name, network, _, _ = case
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    assert identify(state).name == name


def test_unknown_keys_name_the_nearest_architecture_and_the_first_differences():
    with torch.device("meta"):
        state = ARCHITECTURES["IR-50"].build().state_dict()
    state["body.3.res_layer.1.weight"] = torch.empty(1, 2, 3, 3, device="meta")
    state["extra.weight"] = torch.empty(7, device="meta")
    with pytest.raises(CheckpointError) as caught:
        identify(state)
    message = str(caught.value)
    assert "nearest is IR-50, which differs in 2 keys" in message
    assert "body.3.res_layer.1.weight: expected (128, 64, 3, 3), found (1, 2, 3, 3)" in message
    assert "extra.weight: expected nothing, found (7,)" in message
    assert "\n" not in message
