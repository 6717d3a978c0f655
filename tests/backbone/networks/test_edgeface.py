from __future__ import annotations

import pytest
import torch
from torch import nn

from backbone.networks.edgeface import EDGEFACE_PLANS, EdgeFace
from backbone.weights.architectures import expected_shapes
from backbone.weights.loading import load_weights
from tests.backbone.networks.test_mobilefacenet import check_image
from tests.helpers.networks.checkpoints import random_network
from tests.helpers.paths import SHARED_DATA

# What the publisher's network gave for the image of the test below.
CHECK_OUTPUTS = (
    "-0.1975973 0.0778436 -0.0093217 -0.1768869 0.1756713 0.0082150 -0.0570951 0.1099156"
)
CHECK_NORM = 2.2439706


@pytest.mark.parametrize(("size", "millions"), [("XXS", 1.24), ("Base", 18.23)])
def test_parameter_count_is_the_published_one(size, millions):
    with torch.device("meta"):
        network = EdgeFace(EDGEFACE_PLANS[size])
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_published_weights_give_the_published_vector():
    path = SHARED_DATA.parent / "weights" / "edgeface_xs_fp32.safetensors"
    if not path.exists():
        pytest.skip(f"no optional weights {path}")
    loaded = load_weights(path)
    assert loaded.record.architecture == "EdgeFace-XS"
    pre = loaded.record.preprocessing
    assert (pre.channel_order, pre.mean, pre.scale) == ("RGB", 127.5, 127.5)
    image = check_image().flip(1) * 128 / 127.5
    with torch.inference_mode():
        output = loaded.module(image)[0]
    expected = torch.tensor([float(value) for value in CHECK_OUTPUTS.split()])
    assert torch.allclose(output[:8], expected, atol=2e-6)
    assert abs(float(output.norm()) - CHECK_NORM) < 2e-6


def in_two_layers(module: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict as published: each linear layer but the last in two, behind a prefix."""
    state = {f"model.{key}": value for key, value in module.state_dict().items()}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear) and not name.startswith("head"):
            u, s, v = torch.linalg.svd(layer.weight.double(), full_matrices=False)
            state[f"model.{name}.linear1.weight"] = (s[:, None] * v).float()
            state[f"model.{name}.linear2.weight"] = u.float()
            state[f"model.{name}.linear2.bias"] = layer.bias
            del state[f"model.{name}.weight"], state[f"model.{name}.bias"]
    return state


def test_files_with_layers_of_low_rank_are_the_same_network(tmp_path):
    network = random_network("EdgeFace-XXS")
    path = tmp_path / "edgeface_xxs.pt"
    torch.save(in_two_layers(network), path)
    loaded = load_weights(path)
    assert loaded.record.architecture == "EdgeFace-XXS"
    with torch.inference_mode():
        ours, theirs = loaded.module(check_image()), network(check_image())
    assert torch.nn.functional.cosine_similarity(ours, theirs).item() > 1 - 1e-6


def test_every_size_is_told_apart_by_its_shapes():
    shapes = [expected_shapes(f"EdgeFace-{size}") for size in EDGEFACE_PLANS]
    assert all(a != b for i, a in enumerate(shapes) for b in shapes[:i])
