"""A GPU finds the faces, vectors and people that the CPU finds.

``FACE_GROUPING_GPU=cpu python -m pytest -m gpu`` runs the tests themselves where there is none.
"""

import os

import numpy as np
import pytest
import torch

from grouping import GroupingConfig, GroupingPipeline
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.faces.loading import load_analyser
from grouping.sources.listing import list_sources
from tests.helpers.networks.checkpoints import write_ir50_checkpoint
from tests.helpers.paths import PHOTOS

DEVICE = os.environ.get("FACE_GROUPING_GPU", "cuda")
MOST_PIXELS = 0.5  # that a corner of a box or a landmark may differ by: sums in another order
LEAST_COSINE = 0.999

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def photos():
    return [path.read_bytes() for path in sorted(PHOTOS.glob("*.jpg"))]


@pytest.fixture(scope="module", params=["bundled", "IR-50"])
def checkpoint(request, tmp_path_factory):
    if request.param == "bundled":
        return None
    return write_ir50_checkpoint(tmp_path_factory.mktemp("weights") / "ir50.pth")


def analysed(photos, device, checkpoint=None, precision="auto"):
    settings = EmbeddingSettings(checkpoint=checkpoint, device=device, precision=precision)
    return load_analyser(DetectionSettings(), settings)(photos)


def test_faces_and_vectors_are_those_of_the_cpu(photos, checkpoint):
    exact = analysed(photos, "cpu", checkpoint, "fp32")
    for ours, theirs in zip(analysed(photos, DEVICE, checkpoint), exact, strict=True):
        assert len(ours.faces) == len(theirs.faces)
        assert np.allclose(ours.faces.boxes, theirs.faces.boxes, atol=MOST_PIXELS)
        assert np.allclose(ours.faces.landmarks, theirs.faces.landmarks, atol=MOST_PIXELS)
        cosines = (ours.faces.embeddings * theirs.faces.embeddings).sum(axis=1)
        assert cosines.min(initial=1) >= LEAST_COSINE


@pytest.mark.parametrize("workers", [0, 2])
def test_people_are_those_of_the_cpu(workers):
    exact = people_of(GroupingConfig(device="cpu", workers=0))
    assert people_of(GroupingConfig(device=DEVICE, workers=workers)) == exact
    assert len(exact) == 2


def test_a_gpu_that_is_nearly_full_takes_fewer_faces_at_once(photos):
    if DEVICE == "cpu":
        pytest.skip("the memory of a CPU cannot be bounded from here")
    analyser = load_analyser(DetectionSettings(), EmbeddingSettings(device=DEVICE))
    crops = np.random.default_rng(0).integers(0, 256, (2000, 112, 112, 3), np.uint8)
    exact = analyser.embedder(crops).vectors
    torch.cuda.empty_cache()
    room = torch.cuda.memory_allocated() + 2**28
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, room / total))
    try:
        vectors = analyser.embedder(crops).vectors
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (vectors * exact).sum(axis=1).min() >= LEAST_COSINE


def people_of(config):
    """The photos of each person, as sets of names."""
    result = GroupingPipeline(config).run(list_sources([PHOTOS]))
    names = [photo.location for photo in result.photos]
    rows = zip(result.faces.photo_index, result.grouping.labels, strict=True)
    people = {}
    for photo, label in rows:
        if label >= 0:
            people.setdefault(int(label), set()).add(names[photo])
    return sorted(map(sorted, people.values()))
