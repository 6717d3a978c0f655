"""Quality against scipy's Laplacian and against a model head turned by known angles."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import laplace
from scipy.spatial.transform import Rotation

from grouping.faces.alignment import TEMPLATE, align_faces
from grouping.faces.quality import (
    HEAD,
    face_quality,
    head_pose,
    plausible,
    sharpness,
    visible_share,
)
from grouping.records import QUALITY_MEASURES, Detections


def face(landmarks, box, score=1.0):
    return Detections(
        np.array([box], np.float32),
        np.array([score], np.float32),
        np.array([landmarks], np.float32),
    )


def frontal(side=112.0, score=1.0, shift=0.0):
    share = side / 112
    return face(TEMPLATE * share + shift, (shift, shift, side + shift, side + shift), score)


def noise(spread=30, seed=0):
    values = np.random.default_rng(seed).normal(128, spread, (1, 112, 112, 3))
    return values.clip(0, 255).astype(np.uint8)


SIZE = (500, 500)  # of the photo


def quality(faces, crops=None):
    return float(face_quality(faces, noise() if crops is None else crops, SIZE).quality[0])


def test_sharpness_is_the_variance_of_scipys_laplacian():
    crops = np.concatenate([noise(30), noise(3, seed=1)])
    for crop, value in zip(crops, sharpness(crops), strict=True):
        grey = crop @ np.array([0.299, 0.587, 0.114])
        assert value == pytest.approx(laplace(grey)[1:-1, 1:-1].var(), rel=1e-9)


def test_a_flat_crop_is_not_sharp_at_all():
    assert sharpness(np.full((1, 112, 112, 3), 77, np.uint8))[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [
        *((0, 0, 0), (25, 0, 0), (-40, 0, 0), (0, 20, 0), (0, -25, 0)),
        *((0, 0, 35), (0, 0, -80), (30, 15, 10), (-20, -10, 45)),
    ],
)
def test_pose_is_that_of_a_head_turned_by_known_angles(yaw, pitch, roll):
    turn = Rotation.from_euler("ZYX", [roll, yaw, pitch], degrees=True).as_matrix()
    # x right, y down, z towards the camera is a left-handed frame: its rotations by yaw and
    # pitch show the head from the other side, so signs are checked apart, below.
    points = (HEAD @ turn.T)[:, :2] * 70 + 200
    got = np.array(head_pose(points[None].astype(np.float32)))[:, 0]
    assert np.abs(got) == pytest.approx(np.abs([yaw, pitch, roll]), abs=0.01)


def looking(x=0.0, y=0.0):
    """A frontal face whose nose is moved by shares of the eye distance, as when it turns."""
    points = TEMPLATE.copy()
    points[2] += np.array([x, y]) * 35
    return points[None].astype(np.float32)


def test_signs_of_the_pose():
    right, up = head_pose(looking(x=0.25)), head_pose(looking(y=-0.25))
    assert right[0][0] > 5  # the nose to image-right
    assert up[1][0] > 5  # the nose up
    tilted = TEMPLATE @ np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
    assert head_pose(tilted[None].astype(np.float32))[2][0] == pytest.approx(22.9, abs=1.5)


def test_a_frontal_sharp_large_face_is_the_best():
    assert quality(frontal()) > 0.95


@pytest.mark.parametrize(
    "points",
    [
        np.linspace([10, 10], [100, 100], 5),  # on a line
        np.full((5, 2), 50.0),  # in one place
        TEMPLATE + np.array([80, 0]),  # outside of the box
    ],
)
def test_implausible_landmarks_are_worth_nothing(points):
    faces = face(points, (0, 0, 112, 112))
    assert not plausible(faces, SIZE)[0]
    judged = face_quality(faces, noise(), SIZE)
    assert judged.quality[0] == 0
    assert np.isinf(judged.measures[0, QUALITY_MEASURES.index("alignment_error")])


@pytest.mark.parametrize(("shift", "photo"), [((-80, 10), (500, 500)), ((10, 80), (500, 142))])
def test_landmarks_may_leave_the_box_where_the_photo_ends(shift, photo):
    corner = np.array(shift)
    points = TEMPLATE + corner
    box = np.clip([*corner, *(corner + 112)], 0, [*photo, *photo])
    assert plausible(face(points, box), photo)[0]
    # Where the photo goes on it is another matter, and so it is across another side.
    assert not plausible(face(points + 90, box + 90), (900, 900))[0]
    assert not plausible(face(points + shift[::-1], box), photo)[0]


def test_scrambled_landmarks_are_worth_nothing():
    scrambled = TEMPLATE[[3, 2, 0, 4, 1]]
    assert plausible(face(scrambled, (0, 0, 112, 112)), SIZE)[0]
    assert quality(face(scrambled, (0, 0, 112, 112))) == 0


def test_every_fault_lowers_the_number():
    best = quality(frontal())
    turned = TEMPLATE.copy()
    turned[2] += [17, 0]
    assert quality(frontal(24)) < best
    assert quality(frontal(score=0.8)) < best
    assert quality(frontal(), noise(spread=1)) < best
    assert quality(face(turned, (0, 0, 112, 112))) < best


def test_the_smaller_the_worse():
    values = [quality(frontal(side)) for side in (12, 20, 32, 48, 64)]
    assert values == sorted(values)
    assert len(set(values)) == len(values)


def test_blur_lowers_the_quality_of_a_real_face(photos, detector):
    from grouping.faces.search.detection import CascadeSettings

    image = Image.open(photos / "president_biden.jpg").convert("RGB")
    faces = detector([image], [CascadeSettings()])[0][:1]
    values = [
        quality(faces, align_faces(image.filter(ImageFilter.GaussianBlur(radius)), faces.landmarks))
        for radius in (0, 6, 12)
    ]
    assert values[0] > 0.6
    assert values[0] > values[1] > values[2]


def test_size_is_the_side_of_the_box_in_pixels():
    faces = face(TEMPLATE, (10, 10, 50, 100))
    size = face_quality(faces, noise(), SIZE).measures[0, QUALITY_MEASURES.index("size")]
    assert size == pytest.approx(np.sqrt(40 * 90), rel=1e-6)


def cut_by(matrix, width, height):
    """Share of a crop inside of a photo, by drawing the photo into the crop, 8 pixels for one."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    places = (np.arange(112 * 8) + 0.5) / 8 - 0.5
    spots = np.stack([*np.meshgrid(places, places), np.ones((896, 896))], -1) @ inverse.T
    x, y = spots[..., 0], spots[..., 1]
    return ((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)).mean()


@pytest.mark.parametrize("seed", range(10))
def test_visible_is_the_share_of_the_crop_that_the_photo_has(seed):
    random = np.random.default_rng(seed)
    turn, scale = random.uniform(-np.pi, np.pi), random.uniform(0.3, 4)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = random.uniform(-150, 250, 2)
    points = (TEMPLATE - shift) @ np.linalg.inv(linear).T
    share = visible_share(points[None].astype(np.float32), 300, 200)[0]
    assert share == pytest.approx(cut_by(np.column_stack([linear, shift]), 300, 200), abs=0.03)


def test_faces_without_a_transform_are_not_visible():
    assert visible_share(np.full((1, 5, 2), 30, np.float32), 60, 60)[0] == 0


@pytest.mark.parametrize(
    ("shift", "visible", "worth"), [(0, 1, 1), (-28, 0.75, 1), (-45, 0.6, 0.5), (-62, 0.45, 0)]
)
def test_a_cut_face_is_worth_less(shift, visible, worth):
    whole = face(TEMPLATE + 50, (50, 50, 162, 162))
    cut = face(TEMPLATE + np.array([shift, 50]), (shift, 50, shift + 112, 162))
    judged = face_quality(cut, noise(), SIZE)
    assert judged.measures[0, QUALITY_MEASURES.index("visible")] == pytest.approx(visible, abs=0.01)
    assert judged.quality[0] == pytest.approx(worth * quality(whole), abs=0.03)


def test_no_faces_have_no_quality():
    judged = face_quality(Detections.empty(), np.zeros((0, 112, 112, 3), np.uint8), SIZE)
    assert judged.quality.shape == (0,)
    assert judged.measures.shape == (0, len(QUALITY_MEASURES))
