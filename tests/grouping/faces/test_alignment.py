"""Alignment against Umeyama's method by singular values and against drawn dots."""

import numpy as np
import pytest
from PIL import Image

from grouping.faces.alignment import CROP_SIDE, TEMPLATE, align_faces, similarity_transforms


def umeyama(source, target):
    """Umeyama 1991, equations 38 to 42, through a singular value decomposition."""
    mean_s, mean_t = source.mean(0), target.mean(0)
    covariance = (target - mean_t).T @ (source - mean_s) / len(source)
    u, values, vt = np.linalg.svd(covariance)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (values * sign).sum() / ((source - mean_s) ** 2).sum(1).mean()
    return np.column_stack([scale * rotation, mean_t - scale * rotation @ mean_s])


def similarity(angle, scale, shift):
    c, s = np.cos(np.radians(angle)) * scale, np.sin(np.radians(angle)) * scale
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def moved(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("seed", range(20))
def test_transforms_are_umeyamas(seed):
    points = np.random.default_rng(seed).uniform(0, 200, (3, 5, 2)).astype(np.float32)
    expected = [umeyama(p.astype(np.float64), TEMPLATE) for p in points]
    np.testing.assert_allclose(similarity_transforms(points), expected, rtol=1e-5, atol=1e-6)


def test_mirrored_landmarks_are_rotated_and_never_mirrored():
    points = (TEMPLATE * [-1, 1] + [112, 0])[None].astype(np.float32)
    matrix = similarity_transforms(points)[0]
    assert np.linalg.det(matrix[:, :2]) > 0
    np.testing.assert_allclose(matrix, umeyama(points[0].astype(np.float64), TEMPLATE), atol=1e-5)


@pytest.mark.parametrize("angle", [0, 17, 90, -135, 180])
@pytest.mark.parametrize("scale", [0.2, 1, 7])
def test_a_known_rotation_and_scale_are_found_again(angle, scale):
    known = similarity(angle, scale, (300, 200))
    points = moved(TEMPLATE, known)[None].astype(np.float32)
    matrix = similarity_transforms(points)[0]
    np.testing.assert_allclose(moved(points[0], matrix), TEMPLATE, atol=1e-3)


def test_landmarks_in_one_place_have_no_transform_and_a_black_crop():
    points = np.full((1, 5, 2), 30, np.float32)
    assert np.isnan(similarity_transforms(points)).any()
    white = np.full((60, 60, 3), 255, np.uint8)
    assert not align_faces(white, points).any()


def dots(points, size, radius):
    """White Gaussian dots on black; (0, 0) is the centre of the first pixel."""
    y, x = np.mgrid[: size[1], : size[0]]
    grey = np.zeros((size[1], size[0]))
    for px, py in points:
        grey += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2))
    return np.repeat((grey * 250).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def centroid(crop, near, window):
    y, x = np.mgrid[:CROP_SIDE, :CROP_SIDE]
    weight = crop[..., 0] * ((np.abs(x - near[0]) < window) & (np.abs(y - near[1]) < window))
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


@pytest.mark.parametrize("angle", [0, 25, -100])
@pytest.mark.parametrize("scale", [0.7, 1.0, 1.6, 2.0, 3.3, 6.0])
def test_dots_drawn_on_the_landmarks_land_on_the_template(angle, scale):
    matrix = similarity(angle, scale, (0, 0))
    points = moved(TEMPLATE, matrix)
    points = points - points.min(0) + 30 * scale
    size = tuple(np.ceil(points.max(0) + 30 * scale).astype(int))
    image = dots(points, size, radius=2.5 * scale)
    crop = align_faces(image, points[None].astype(np.float32))[0]
    for target in TEMPLATE:
        assert np.hypot(*(np.array(centroid(crop, target, 9)) - target)) < 0.15


@pytest.mark.parametrize(("angle", "scale"), [(30, 1.0), (-75, 0.9), (180, 1.0), (10, 2.5)])
def test_a_turned_and_enlarged_photo_gives_the_same_crop(photos, detector, angle, scale):
    from grouping.faces.search.detection import CascadeSettings

    image = Image.open(photos / "astronaut.jpg").convert("RGB")
    landmarks = detector([image], [CascadeSettings()])[0].landmarks[:1]
    known = similarity(angle, scale, (0, 0))
    corners = moved(np.array([[0, 0], [512, 0], [0, 512], [512, 512]]), known)
    known[:, 2] -= corners.min(0)
    size = tuple(np.ceil(np.ptp(corners, axis=0)).astype(int))
    inverse = np.linalg.inv(np.vstack([known, [0, 0, 1]]))[:2].ravel()
    turned = image.transform(size, Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)
    points = moved(landmarks[0] + 0.5, known)[None] - 0.5  # Pillow's origin is the pixel's corner
    crops = [
        align_faces(image, landmarks)[0].astype(float),
        align_faces(turned, points.astype(np.float32))[0].astype(float),
    ]
    assert crops[0].std() > 30
    assert np.abs(crops[0] - crops[1]).mean() < 3


def test_large_faces_are_averaged_and_not_skipped_over():
    """A checkerboard of single pixels becomes grey, not a pattern."""
    y, x = np.mgrid[:1200, :1200]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    points = (TEMPLATE * 8 + 100)[None].astype(np.float32)
    crop = align_faces(board, points)[0].astype(float)
    assert abs(crop.mean() - 127.5) < 2
    assert crop.std() < 3


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("shift", [(-50, -40), (60, 45), (-50, 45)])
def test_outside_of_the_photo_is_black(scale, shift):
    white = np.full((scale * 120, scale * 120, 3), 255, np.uint8)
    points = (scale * (TEMPLATE + shift + 0.5) - 0.5)[None].astype(np.float32)
    crop = align_faces(white, points)[0]
    places = np.stack(np.meshgrid(*[np.arange(CROP_SIDE)] * 2), -1) + shift
    margins = np.minimum(places, 119 - places).min(2)  # from the edge, negative outside
    assert not crop[margins < -1].any()
    assert (crop[margins > 1] == 255).all()


def test_a_face_far_outside_is_black_and_touches_nothing():
    points = (TEMPLATE + 5000)[None].astype(np.float32)
    assert not align_faces(np.full((50, 50, 3), 255, np.uint8), points).any()


def test_arrays_and_pillow_images_give_the_same():
    pixels = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    points = (TEMPLATE + 10)[None].astype(np.float32)
    assert (align_faces(pixels, points) == align_faces(Image.fromarray(pixels), points)).all()
    # A shift by whole pixels copies them, up to the rounding of the transform.
    difference = align_faces(pixels, points)[0].astype(int) - pixels[10:122, 10:122]
    assert np.abs(difference).max() <= 1


def test_no_faces_give_no_crops():
    none = np.zeros((0, 5, 2), np.float32)
    assert align_faces(np.zeros((10, 10, 3), np.uint8), none).shape == (0, 112, 112, 3)
