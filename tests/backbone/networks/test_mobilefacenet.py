from __future__ import annotations

import torch

from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from tests.helpers.networks.network_reference import mobilefacenet_forward, unit

# Raw outputs that the converted ONNX file gave for the image below.
CHECK_OUTPUTS = (
    "0.0116721 -0.0379093 0.0140169 -0.0823446 -0.0436962 -0.0204449 0.0329013 -0.0203652"
)
CHECK_NORM = 1.6174147


def check_image() -> torch.Tensor:
    """(1, 3, 112, 112) BGR, scaled as the network wants it."""
    h, w, c = torch.meshgrid(*(torch.arange(n) for n in (112, 112, 3)), indexing="ij")
    rgb = ((7 * h + 13 * w + 29 * c) % 256).float()
    return ((rgb.flip(2) - 127.5) / 128).permute(2, 0, 1)[None]


def test_check_vector_of_the_publisher():
    path = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
    with torch.inference_mode():
        output = load_weights(path).module(check_image())[0]
    expected = torch.tensor([float(value) for value in CHECK_OUTPUTS.split()])
    assert torch.allclose(output[:8], expected, atol=2e-6)
    assert abs(float(output.norm()) - CHECK_NORM) < 2e-6


def test_trained_weights_equal_an_independent_forward_pass():
    module = load_weights(CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name).module
    x = check_image()
    with torch.inference_mode():
        difference = unit(module(x)) - unit(mobilefacenet_forward(module.state_dict(), x))
    assert difference.abs().max() < 1e-5
