"""Faces tilted in photos: landmarks against those of the upright photo, turned along."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grouping.faces.search.detection import CascadeSettings
from grouping.faces.search.look_again import look_again
from grouping.faces.search.tilted import straighten
from grouping.faces.search.turned import Found, roll
from grouping.records import Detections

SETTINGS = CascadeSettings(min_face=20)
PORTRAITS = ("astronaut", "president_biden", "president_obama_1", "president_obama_2")


def upright(photos, name: str) -> Image.Image:
    image = Image.open(photos / f"{name}.jpg").convert("RGB")
    image.thumbnail((600, 600))
    return image


def tilted(
    image: Image.Image, points: np.ndarray, degrees: float
) -> tuple[Image.Image, np.ndarray]:
    """The image turned clockwise on a larger canvas, and where (n, 2) points of it are then."""
    canvas = image.rotate(-degrees, resample=Image.Resampling.BICUBIC, expand=True)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = np.array([image.width, image.height]) / 2 - 0.5
    moved = (points - middle) @ np.array([[c, s], [-s, c]])
    return canvas, moved + np.array([canvas.width, canvas.height]) / 2 - 0.5


def error(landmarks: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of (5, 2) landmarks in eye distances."""
    eyes = np.linalg.norm(truth[0] - truth[1])
    return float(np.linalg.norm(landmarks - truth, axis=1).mean() / eyes)


@pytest.mark.parametrize("degrees", [-55, -45, 45, 55])
def test_landmarks_of_tilted_faces_are_those_of_the_upright_photo(photos, detector, degrees):
    errors = []
    for name in PORTRAITS:
        image = upright(photos, name)
        (face,) = detector([image], [SETTINGS])[0].landmarks[:1]
        canvas, truth = tilted(image, face, degrees)
        seen = detector([canvas], [SETTINGS])[0]
        again = look_again(detector, canvas, SETTINGS, seen, 0.9).faces
        errors.append(min((error(f, truth) for f in again.landmarks), default=1.0))
    assert sum(value < 0.12 for value in errors) >= len(PORTRAITS) - 1, errors


def test_upright_faces_are_left_as_they_are(photos, detector):
    image = upright(photos, "two_presidents")
    seen = detector([image], [SETTINGS])[0]
    searched: list[int] = []

    def search(images, settings):
        searched.append(len(images))
        return detector(images, settings)

    assert straighten(search, image, Found(seen), 0.9).faces is seen
    assert searched == []


def test_a_tilted_detection_without_a_clearer_face_in_its_place_stays(photos, detector):
    image = Image.new("RGB", (200, 200), (90, 120, 60))
    points = np.array([[[90, 60], [90, 100], [110, 80], [130, 65], [130, 95]]], np.float32)
    box = np.array([[60, 40, 150, 120]], np.float32)
    faces = Detections(box, np.array([0.95], np.float32), points)
    assert abs(roll(points)[0]) > 30
    found = straighten(detector, image, Found(faces), 0.9).faces
    assert np.array_equal(found.landmarks, points)
    assert np.array_equal(found.boxes, box)
