"""Every setting of a run, in one frozen dataclass that is checked on construction.

``GroupingConfig`` is flat, as a command line is; ``detection`` and ``embedding`` are its parts that
a stage takes. Results in a cache depend on nothing but those two.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from grouping.errors import ConfigError

CLUSTER_METHODS = ("agglomerative", "hdbscan")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
BACKENDS = ("local", "ray")
ELSEWHERE = ("backend", "ray_address")  # of no influence on any result, and nobody else's business
AUTO = "auto"
CLUSTER_PLACE = re.compile(r"(?:ray://)?[^\s/]+:[0-9]{1,5}")
PHOTO_SECONDS = 120.0  # that one photo may take; most take less than one


@dataclass(frozen=True)
class DetectionSettings:
    """Which faces of a photo are looked for; each setting is part of the cache's detector key.

    Attributes:
        min_face: side of the smallest face wanted, in pixels of the original photo; None for a
            share of the photo's long side.
        min_score: detector score below which a detection is dropped.
        crowds: search photos with many or very small faces a second time, in tiles.
    """

    min_face: float | None = None
    min_score: float = 0.9
    crowds: bool = True


@dataclass(frozen=True)
class EmbeddingSettings:
    """Which network embeds the faces, on what, and how.

    The mirror image doubles the cost of a face. It is averaged in by default where that pays: with
    the bundled network it does (bench_mirror), with others the network is asked when it is
    loaded, see :mod:`grouping.faces.embedding.mirror`.

    Attributes:
        checkpoint: a weight file; None for the default one.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
        precision: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        flip: average each crop's embedding with its mirror image's; ``"auto"``: where it pays.
        channel_order, mean, scale: preprocessing, for files whose publisher departs from what
            their architecture is usually fed.
        allow_cpu_fallback: go on on the CPU, with a warning, where the device fails.
        batch_size: faces in one pass; None for the best known for the device.
    """

    checkpoint: Path | None = None
    device: str = AUTO
    precision: str = AUTO
    flip: bool | str = AUTO
    channel_order: str | None = None
    mean: float | None = None
    scale: float | None = None
    allow_cpu_fallback: bool = False
    batch_size: int | None = None


@dataclass(frozen=True)
class GroupingConfig:
    """Settings of a run; the defaults are those of the command line.

    Attributes:
        checkpoint: a face network's weights; None for the best that lies in ``checkpoint/``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
        precision: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        flip: average the embedding of each crop with its mirror image's; ``"auto"`` does so where
            that pays.
        channel_order, mean, scale: preprocessing of an unknown checkpoint.
        min_face: side of the smallest face wanted, in pixels of the original photo; None for
            a share of the photo's long side (24 px in 1280).
        min_score: detector score below which a detection is dropped.
        crowds: search photos with many or very small faces a second time, in tiles.
        cluster: ``"agglomerative"`` or ``"hdbscan"``.
        threshold: cosine similarity at which faces are one person; None for the network's own
            default, ``"auto"`` to calibrate it on this album.
        min_photos: different pictures that a person must be seen in.
        one_face_per_photo: two faces of one photo are two people.
        allow_same_face: unless they are one face seen twice: a mirror, a print on the wall.
        allow_cpu_fallback: go on on the CPU, with a warning, where a device fails.
        workers: processes that look at photos; 0 works in the calling process.
        backend: ``"local"``, or ``"ray"`` for many machines; needs the extra ``ray``.
        ray_address: of a running cluster, ``"auto"``, ``"HOST:PORT"`` or ``"ray://HOST:PORT"``;
            None starts one on this machine, of ``workers`` processes or one a core.
        photo_seconds: after so many seconds of work on it a photo fails, the others go on.
        memory: bytes for reading ahead, decoding and processes together; None for a quarter of
            what the machine has.
        attributes: also estimate age and gender, for the review; needs the extra ``attributes``.
        read_xmp: take names and face regions that other programs wrote into the photos or into
            sidecars beside them, as far as corrections do not say otherwise.

    Raises:
        ConfigError: a setting is out of its range.
    """

    checkpoint: Path | str | None = None
    device: str = EmbeddingSettings.device
    precision: str = EmbeddingSettings.precision
    flip: bool | str = EmbeddingSettings.flip
    channel_order: str | None = None
    mean: float | None = None
    scale: float | None = None
    min_face: float | None = DetectionSettings.min_face
    min_score: float = DetectionSettings.min_score
    crowds: bool = DetectionSettings.crowds
    cluster: str = CLUSTER_METHODS[0]
    threshold: float | str | None = None
    min_photos: int = 2
    one_face_per_photo: bool = True
    allow_same_face: bool = True
    allow_cpu_fallback: bool = EmbeddingSettings.allow_cpu_fallback
    workers: int = 0
    backend: str = BACKENDS[0]
    ray_address: str | None = None
    photo_seconds: float = PHOTO_SECONDS
    memory: int | None = None
    attributes: bool = False
    read_xmp: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.checkpoint, str):
            object.__setattr__(self, "checkpoint", Path(self.checkpoint))
        if self.flip != AUTO and not isinstance(self.flip, bool):
            raise ConfigError(f"flip must be True, False or {AUTO!r}, got {self.flip!r}")
        flags = ("crowds", "one_face_per_photo", "allow_same_face")
        for name in (*flags, "attributes", "read_xmp"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if not isinstance(self.device, str):
            raise ConfigError(f"device must be a string, got {self.device!r}")
        _choice("cluster", self.cluster, CLUSTER_METHODS)
        _choice("precision", self.precision, PRECISIONS)
        _choice("backend", self.backend, BACKENDS)
        if self.ray_address is not None and self.backend != "ray":
            raise ConfigError("ray_address (--ray-address) needs the backend 'ray' (--backend ray)")
        _cluster_place(self.ray_address)
        if isinstance(self.threshold, str):
            _choice("threshold", self.threshold, (AUTO,))
        elif self.threshold is not None:
            _between("threshold", self.threshold, -1, 1)
        if self.min_face is not None:
            _between("min_face", self.min_face, 8, 10_000)
        _between("min_score", self.min_score, 0, 1)
        _between("min_photos", self.min_photos, 1, 1_000_000)
        _between("workers", self.workers, 0, 256)
        _between("photo_seconds", self.photo_seconds, 0.1, 86_400)
        if self.memory is not None:
            _between("memory", self.memory, 1, 2**60)
        for name in ("workers", "memory"):
            if not isinstance(getattr(self, name), int | None):
                raise ConfigError(f"{name} must be a whole number, got {getattr(self, name)!r}")

    @property
    def detection(self) -> DetectionSettings:
        """The settings that decide which faces are found in a photo."""
        return DetectionSettings(self.min_face, self.min_score, self.crowds)

    @property
    def embedding(self) -> EmbeddingSettings:
        """The settings that decide which network embeds them, and where it runs."""
        return EmbeddingSettings(
            checkpoint=Path(self.checkpoint) if self.checkpoint else None,
            device=self.device,
            precision=self.precision,
            flip=self.flip,
            channel_order=self.channel_order,
            mean=self.mean,
            scale=self.scale,
            allow_cpu_fallback=self.allow_cpu_fallback,
        )

    def with_settings(self, **settings: Any) -> GroupingConfig:
        """Return the configuration with single fields changed.

        Raises:
            ConfigError: a field is unknown or out of its range.
        """
        known = sorted(field.name for field in fields(self))
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(known)}")
        return replace(self, **settings)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values; paths as strings. Where it is done is none."""
        settings = {k: v for k, v in asdict(self).items() if k not in ELSEWHERE}
        return {k: str(v) if isinstance(v, Path) else v for k, v in settings.items()}


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ConfigError unless the value is one of those allowed."""
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _cluster_place(address: Any) -> None:
    """Raise ConfigError unless a cluster may be there; Ray would import what stands before ://."""
    if address is None or address == AUTO:
        return
    if not isinstance(address, str) or not CLUSTER_PLACE.fullmatch(address):
        raise ConfigError(
            f"ray_address must be auto, HOST:PORT or ray://HOST:PORT, got {address!r}"
        )


def _between(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless the value is a number from ``low`` to ``high``, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} must be between {low} and {high}, got {value!r}")
