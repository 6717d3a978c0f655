"""What is known about weight files: records, digests and where they lie, without torch.

A run that finds all of its photos in the cache knows from here which network it would use, and
never pays for the import of torch.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backbone.errors import CheckpointError

CHECKPOINT_FOLDER = Path(__file__).resolve().parents[2] / "checkpoint"  # of a clone
# Where a weight file is looked for: an installed package brings the bundled one with it.
CHECKPOINT_FOLDERS = (CHECKPOINT_FOLDER, Path(__file__).resolve().parent / "bundled")
CHECKPOINT_VARIABLE = "FACE_GROUPING_CHECKPOINT"  # of the environment: a weight file

# The detector's files, as published with facenet-pytorch 2.5.3.
MTCNN_SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


@dataclass(frozen=True)
class Preprocessing:
    """What a network is fed: ``(x - mean) / scale`` of uint8 pixels in ``channel_order``."""

    channel_order: str = "RGB"
    mean: float = 127.5
    scale: float = 127.5

    def __post_init__(self) -> None:
        if self.channel_order not in ("RGB", "BGR"):
            raise CheckpointError(f"channel order must be RGB or BGR, got {self.channel_order!r}")
        if not 0 < self.scale < math.inf or not math.isfinite(self.mean):
            raise CheckpointError(
                f"pixel mean must be finite and scale positive, got {self.mean} and {self.scale}"
            )


@dataclass(frozen=True)
class FaceSign:
    """What of its embeddings tells faces from crops without one, for one network.

    Attributes:
        name: ``"norm"``, the length of the raw embedding of a crop; ``"agreement"``, the cosine
            similarity of that embedding with the mirror image's; or ``"none"``.
        low, high: a crop at ``low`` shows nobody that could be recognised, one from ``high`` on is
            as good as any.
    """

    name: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class WeightRecord:
    """What is known about one file of trained weights.

    Attributes:
        name: for people.
        file_name: as published.
        sha256: hex digest; None for a file that is not known.
        size: bytes; None for a file that is not known.
        source: where it comes from.
        licence: under which it is published.
        architecture: key of :data:`backbone.weights.architectures.ARCHITECTURES`.
        input_size: height and width of a crop in pixels.
        preprocessing: channel order and scaling that the network was trained on.
        inexact: precisions in which some face was measured to turn by more than cosine 0.999
            allows; not taken unless asked for by name.
        threshold: cosine similarity above which faces are grouped (average linkage); None where
            nobody has measured it: then each album is asked.
        face_sign: what tells faces from crops without one; None to find out when it is loaded.
        mirror_pays: whether the mean with the mirror image's embedding groups faces better; None
            to find out when it is loaded.
        cpu_batch: faces in one pass on a CPU: with more their activations fall out of the
            cache, with fewer the last layers have too little to do (bench_embedding).
    """

    name: str
    file_name: str
    sha256: str | None
    size: int | None
    source: str
    licence: str
    architecture: str
    preprocessing: Preprocessing
    inexact: frozenset[str] = frozenset()
    input_size: int = 112
    threshold: float | None = None
    face_sign: FaceSign | None = None
    mirror_pays: bool | None = None
    cpu_batch: int = 12


MOBILEFACENET_RECORD = WeightRecord(
    name="MobileFaceNet (ArcFace, 512-d)",
    file_name="mobilefacenet_arcface_512.pth",
    sha256="cb3e54cef4f7897ab863f231926d30dea30c1a6dc8e1eb6ddfeddaf0ddf11e64",
    size=4_804_923,
    source="faceplugin-face-recognition-js 0.0.1 (npm), model/fr_feature.onnx, converted",
    licence="MIT",
    architecture="MobileFaceNet",
    preprocessing=Preprocessing("BGR", scale=128.0),
    inexact=frozenset({"bf16"}),
    threshold=0.38,
    # By hand: groups of blurred, cut or false faces of 341 photos have mean norms of 1.8 to 2.5,
    # those of recognisable people 2.7 to 4.6. Derived from the portraits it is 1.6 to 2.8.
    face_sign=FaceSign("norm", 1.8, 2.8),
    mirror_pays=True,  # bench_mirror
    cpu_batch=4,
)

IR50_RECORD = WeightRecord(
    name="IR-50 (ArcFace, MS1M, face.evoLVe)",
    file_name="backbone_ir50_ms1m_epoch120.pth",
    sha256="f696a1d2216439c05dec042b42249a1c835f4a2106b91e14fbf09ed0fbd8acfa",
    size=174_472_765,
    source="face.evoLVe model zoo, https://github.com/ZhaoJ9014/face.evoLVe",
    licence="MIT (code); weights trained on MS-Celeb-1M, research use",
    architecture="IR-50",
    preprocessing=Preprocessing("RGB", mean=127.5, scale=127.5),
)

RECORDS = (MOBILEFACENET_RECORD, IR50_RECORD)


def default_checkpoint(folders: Sequence[Path] = CHECKPOINT_FOLDERS) -> Path:
    """Return the weight file that is used where none is named.

    It is the one that the environment variable ``FACE_GROUPING_CHECKPOINT`` names; else the
    published IR-50 file, else the bundled MobileFaceNet, in the first of ``folders`` that has it.

    Raises:
        CheckpointError: there is none; says where it was looked for.
    """
    named = os.environ.get(CHECKPOINT_VARIABLE)
    if named:
        if Path(named).is_file():
            return Path(named)
        raise CheckpointError(f"{CHECKPOINT_VARIABLE} is {named}, which is not a file")
    for record in (IR50_RECORD, MOBILEFACENET_RECORD):
        for folder in folders:
            if (folder / record.file_name).is_file():
                return folder / record.file_name
    raise CheckpointError(
        f"no weight file {MOBILEFACENET_RECORD.file_name} in {' or '.join(map(str, folders))}; "
        f"name one with --checkpoint or the environment variable {CHECKPOINT_VARIABLE}, "
        "see checkpoint/README.md"
    )


def known_record(digest: str) -> WeightRecord | None:
    """Return the record of the file with this SHA-256, None for a file that is not known."""
    return next((record for record in RECORDS if record.sha256 == digest), None)


def mtcnn_digest() -> str:
    """Return one hex digest that changes when any of the detector's weight files does."""
    return hashlib.sha256("".join(sorted(MTCNN_SHA256.values())).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
