"""Whether a face network recognises anybody in a crop: what it makes of pictures of nobody.

A blurred bystander, a collar or a tennis ball may pass the detector and look sharp enough, but a
face network has nothing to tell of it. That shows in two ways, found out when it is loaded from a
few portraits that the program carries and from pictures without a face that are made of them:

* One *sign* of an embedding tells faces from the rest. For most networks it is the length of the
  raw embedding (the idea: Meng et al. 2021, MagFace, arXiv:2103.06627; Kim et al. 2022, AdaFace,
  arXiv:2204.00964); for EdgeFace, whose last layers normalise, the length says nothing (area under
  the curve 0.38 on 178 full-size photos, 0.95 for the bundled network), but the agreement of a
  crop's embedding with its mirror image's does (0.81). As a factor of the quality it keeps what
  shows nobody from founding a group.
* Pictures of one kind of nobody lie near one *direction*, far from people. How near an embedding
  comes to each is kept with the face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from backbone.runtime.self_check import cosines
from backbone.weights.known_files import FaceSign
from grouping.records import Float32, Float64, Int64, UInt8

# (n, 112, 112, 3) uint8 RGB -> (n, d) float32, not of unit length
Network = Callable[[UInt8], Float32]

# In the order of the columns ``like_*`` of a face's signs.
NOBODY_KINDS = ("grey", "noise", "blurred", "coarse", "corner")
FACELESS_KINDS = ("noise", "corner", "shifted")  # what a sign has to tell from the portraits

GREYS = (0, 64, 128, 192)
NOISE_CELLS = (3, 5, 8, 14, 28)  # across a crop, coloured at random
NOISE_EACH = 2  # pictures of each; every one costs a pass of the network when it is loaded
NOISE_SEED = 0
BLUR_RADIUS = 10  # px, standard deviation: eyes and mouth are gone
COARSE_SIDE = 8  # px that are left of a face
SHIFT = 30  # px down and to the right; the face is half out of the crop

# From the middle of what shows no face this share of the way to that of the portraits: there a face
# is as good as any. The bundled network gets 1.6 to 2.8 (1.8 to 2.8 by hand) and EdgeFace-XS 0.977
# to 0.986, from seven other portraits nearly the same.
GOOD_SHARE = 0.5
# Mirror images of crops that are as near to one of the directions below as the first are left out,
# where only those in doubt are wanted; from the second on they count in full, between the two by
# part, so that rounding changes no vector by more than rounding. Chosen on half of the photos of
# three albums: the last of seven at which EdgeFace-XS still knows three quarters of the faces
# that it knows for nobody's with all mirror images. On the other half: four fifths (bench_mirror).
NOT_IN_DOUBT, IN_DOUBT = 0.10, 0.14
# A sign is taken where the middle of the portraits exceeds nearly all pictures without a face, and
# the worst portrait most of them.
NEARLY_ALL, MOST = 0.9, 0.75


@dataclass(frozen=True, eq=False)
class RawEmbeddings:
    """What a network gives for crops, before anything is brought to unit length.

    Attributes:
        sums: (n, d) float32, of a crop and its mirror image; of the crop alone where there is none.
        norm: (n,) float64, length of the embedding of the crop alone.
        agreement: (n,) float64, its cosine similarity with the mirror image's; 1 where there is
            none, 0 where one of the two is zero or not finite. A mirror image that counts by part
            does so here too.
    """

    sums: Float32
    norm: Float64
    agreement: Float64


@dataclass(frozen=True, eq=False)
class Recognisability:
    """How faces are told from what shows nobody, for one network.

    Attributes:
        sign: what tells them.
        directions: (5, d) float32 unit vectors, one for each of ``NOBODY_KINDS``; all are zero for
            a network that gives no usable numbers.
        portraits_agree: mean cosine similarity of the portraits' embeddings with their mirror
            images'; None where they were not looked at.
    """

    sign: FaceSign
    directions: Float32
    portraits_agree: float | None = None

    def factor(self, norm: Float64, agreement: Float64) -> Float64:
        """By what the quality of faces is multiplied: (n,) float64 in [0, 1] from (n,) each."""
        if self.sign.name == "none":
            return np.ones(len(norm))
        value = norm if self.sign.name == "norm" else agreement
        share = (value - self.sign.low) / (self.sign.high - self.sign.low)
        factor: Float64 = np.clip(share, 0, 1)
        return factor

    def signs(self, raw: RawEmbeddings, vectors: Float32) -> Float32:
        """(n, 8) float32, columns ``RECOGNITION_SIGNS``; ``vectors`` are (n, d) of unit length."""
        factor = self.factor(raw.norm, raw.agreement)
        own = np.stack([raw.norm, raw.agreement, factor], axis=1)
        return np.concatenate([own, vectors @ self.directions.T], axis=1).astype(np.float32)

    def doubt(self, raw: RawEmbeddings) -> Float32:
        """How near each crop comes to pictures of nobody: (n,) float32 in [0, 1], of its sum."""
        with np.errstate(all="ignore"):
            rows = raw.sums / np.linalg.norm(raw.sums.astype(np.float64), axis=1, keepdims=True)
            nearest = (rows @ self.directions.T).max(axis=1)
            share = (nearest - NOT_IN_DOUBT) / (IN_DOUBT - NOT_IN_DOUBT)
        doubt: Float32 = np.clip(np.nan_to_num(share), 0, 1).astype(np.float32)
        return doubt


def embed_raw(network: Network, crops: UInt8, mirrored: bool) -> RawEmbeddings:
    """Show a network crops, and their mirror images too where these are wanted.

    Args:
        crops: (n, 112, 112, 3) uint8 RGB.
    """
    # In one pass: with few faces the last layers of a network have too little to do.
    given = network(np.concatenate([crops, crops[:, :, ::-1]]) if mirrored else crops)
    plain, mirror = given[: len(crops)], given[len(crops) :]
    norm = np.linalg.norm(plain.astype(np.float64), axis=1)
    raw = RawEmbeddings(plain, norm, np.ones(len(plain)))
    if not mirrored:
        return raw
    return _with_mirror(raw, np.arange(len(plain)), np.ones(len(plain), np.float32), mirror)


def with_mirror_images(
    network: Network, crops: UInt8, plain: RawEmbeddings, weights: Float32
) -> RawEmbeddings:
    """Add what a network makes of mirror images.

    Args:
        crops: (n, 112, 112, 3) uint8 RGB.
        plain: of the crops alone.
        weights: (n,) float32 in [0, 1], by which mirror images count; those of 0 are not looked at.
    """
    rows = np.flatnonzero(weights)
    return _with_mirror(plain, rows, weights[rows], network(crops[rows, :, ::-1]))


def _with_mirror(
    plain: RawEmbeddings, rows: Int64, weights: Float32, mirror: Float32
) -> RawEmbeddings:
    """Add the embeddings (k, d) of the mirror images of some rows (k,), by their weights (k,)."""
    sums, agreement = plain.sums.copy(), plain.agreement.copy()
    sums[rows] += weights[:, None] * mirror
    agreement[rows] -= weights * (1 - np.nan_to_num(cosines(plain.sums[rows], mirror)))
    return RawEmbeddings(sums, plain.norm, agreement)


def measure_recognisability(
    network: Network, portraits: UInt8, *, mirrored: bool, sign: FaceSign | None = None
) -> Recognisability:
    """Show a network pictures of nobody.

    Args:
        portraits: (p, 112, 112, 3) uint8 RGB, aligned faces of p people.
        mirrored: whether embeddings are those of crop and mirror image together.
        sign: what tells faces, where that is known of the network; None to find out. Without
            mirror images there is no agreement, and a network that only that tells of has none.
    """
    pictures = pictures_of_nobody(portraits)
    needed = NOBODY_KINDS if sign else tuple(pictures)  # each costs a pass of the network
    given = {kind: embed_raw(network, pictures[kind], mirrored) for kind in needed}
    directions = np.stack([_direction(given[kind].sums) for kind in NOBODY_KINDS])
    if sign is not None:
        return Recognisability(sign, directions)
    of_portraits = embed_raw(network, portraits, mirrored)
    sign = _telling_sign(of_portraits, [given[kind] for kind in FACELESS_KINDS])
    agreement = float(of_portraits.agreement.mean()) if mirrored else None
    return Recognisability(sign, directions, agreement)


def _telling_sign(portraits: RawEmbeddings, faceless: list[RawEmbeddings]) -> FaceSign:
    """The first sign that tells portraits from pictures without a face."""
    for name in ("norm", "agreement"):
        faces = np.nan_to_num(getattr(portraits, name), posinf=0)
        others = np.concatenate([getattr(raw, name) for raw in faceless])
        others = np.nan_to_num(others, posinf=0)
        middle = np.median(faces) > np.quantile(others, NEARLY_ALL)
        if middle and faces.min() > np.quantile(others, MOST):
            low = float(np.median(others))
            return FaceSign(name, low, low + GOOD_SHARE * (float(np.median(faces)) - low))
    return FaceSign("none")


def _direction(raw: Float32) -> Float32:
    """Mean direction (d,) float32 of embeddings (n, d); zero where it does not exist."""
    with np.errstate(all="ignore"):
        rows = raw / np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
        mean = rows.mean(0)
        direction = (mean / np.linalg.norm(mean)).astype(np.float32)
    return direction if np.isfinite(direction).all() else np.zeros_like(direction)


def pictures_of_nobody(portraits: UInt8) -> dict[str, UInt8]:
    """Pictures that no person is in, the same everywhere and always.

    Args:
        portraits: (p, side, side, 3) uint8 RGB, aligned faces.

    Returns:
        (n, side, side, 3) uint8 RGB for each of ``NOBODY_KINDS`` and for ``"shifted"``, faces half
        out of the crop, from which no direction comes: something of the person is left.
    """
    side = portraits.shape[1]
    faces = [Image.fromarray(portrait) for portrait in portraits]
    half = (0, side // 2, side // 2, side)
    return {
        "grey": np.stack([np.full((side, side, 3), grey, np.uint8) for grey in GREYS]),
        "noise": _noise(side),
        "blurred": _stack([f.filter(ImageFilter.GaussianBlur(BLUR_RADIUS)) for f in faces]),
        "coarse": _stack([_coarse(face) for face in faces]),
        "corner": _stack([face.crop(half).resize(face.size) for face in faces]),
        "shifted": np.roll(portraits, (SHIFT, SHIFT), (1, 2)),
    }


def _noise(side: int) -> UInt8:
    """Cells of random colours, smoothed: (n, side, side, 3) uint8 RGB.

    numpy keeps the streams of ``RandomState`` for ever.
    """
    random = np.random.RandomState(NOISE_SEED)
    cells = [n for n in NOISE_CELLS for _ in range(NOISE_EACH)]
    grids = [random.randint(0, 256, (n, n, 3)).astype(np.uint8) for n in cells]
    pictures = [Image.fromarray(grid) for grid in grids]
    return _stack([picture.resize((side, side), Image.Resampling.BICUBIC) for picture in pictures])


def _coarse(face: Image.Image) -> Image.Image:
    small = face.resize((COARSE_SIDE, COARSE_SIDE), Image.Resampling.BOX)
    return small.resize(face.size, Image.Resampling.BILINEAR)


def _stack(pictures: list[Image.Image]) -> UInt8:
    """(n, h, w, 3) uint8 of n pictures of mode RGB."""
    return np.stack([np.asarray(picture) for picture in pictures])
