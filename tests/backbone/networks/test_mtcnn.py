"""The three networks against facenet-pytorch's own."""

import pytest
import torch
from torch.nn import functional as F

from backbone.networks.mtcnn import ONET_SIDE, PNET_CELL, RNET_SIDE
from backbone.weights.mtcnn_files import load_mtcnn

TOLERANCE = 1e-5
SMALLEST = PNET_CELL, PNET_CELL


@pytest.fixture(scope="module")
def networks():
    return load_mtcnn()


def images(n, height, width, seed=0):
    """Pixels, 0..255."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((n, 3, height, width), generator=generator) * 255


def as_trained(x):
    return (x - 127.5) / 128


def assert_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().max() < TOLERANCE


@pytest.mark.parametrize("size", [(12, 12), (13, 12), (12, 13), (37, 64), (64, 37), (65, 91)])
def test_pnet_gives_what_the_reference_gives(networks, facenet, size):
    x = images(2, *size)
    correction, probability = facenet().pnet(as_trained(x))
    assert_equal(networks.pnet(x, [size] * 2), (probability[:, 1], correction))


@pytest.mark.parametrize("size", [(12, 12), (13, 15), (36, 41), (37, 40)])
@pytest.mark.parametrize("filling", [0.0, 700.0, -700.0])
def test_padding_does_not_change_pnets_cells(networks, facenet, size, filling):
    x = images(1, *size)
    correction, probability = facenet().pnet(as_trained(x))
    rows, columns = probability.shape[2:]
    padded = F.pad(x, (0, 64 - size[1], 0, 48 - size[0]), value=filling)
    ours, shares = networks.pnet(padded, [size])
    cells = ours[:, :rows, :columns], shares[:, :, :rows, :columns]
    assert_equal(cells, (probability[:, 1], correction))


def test_images_of_a_batch_have_padding_of_their_own(networks, facenet):
    sizes = [(30, 30), (11, 30), (29, 30), (30, 17), (23, 24)]
    batch = torch.full((len(sizes), 3, 30, 30), 700.0)
    for image, (height, width) in zip(batch, sizes, strict=True):
        image[:, :height, :width] = images(1, height, width)[0]
    ours, shares = networks.pnet(batch, sizes)
    for i, (height, width) in enumerate(sizes):
        correction, probability = facenet().pnet(as_trained(images(1, height, width)))
        rows, columns = probability.shape[2:]
        cells = ours[i : i + 1, :rows, :columns], shares[i : i + 1, :, :rows, :columns]
        assert_equal(cells, (probability[:, 1], correction))


def test_rnet_gives_what_the_reference_gives(networks, facenet):
    x = images(7, RNET_SIDE, RNET_SIDE)
    correction, probability = facenet().rnet(as_trained(x))
    assert_equal(networks.rnet(x), (probability[:, 1], correction))


def test_onet_gives_what_the_reference_gives(networks, facenet):
    x = images(7, ONET_SIDE, ONET_SIDE)
    correction, landmarks, probability = facenet().onet(as_trained(x))
    assert_equal(networks.onet(x), (probability[:, 1], correction, landmarks))


def test_the_smallest_image_gives_one_cell(networks):
    probability, correction = networks.pnet(images(1, *SMALLEST), [SMALLEST])
    assert probability.shape == (1, 1, 1)
    assert correction.shape == (1, 4, 1, 1)
