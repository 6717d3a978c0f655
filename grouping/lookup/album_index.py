"""A grouped album opened to be asked: its document, and the vectors of its faces from the cache."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grouping.config import GroupingConfig
from grouping.errors import CacheError, ConfigError, InputError
from grouping.execution.face_models import (
    FaceModels,
    measured_threshold,
    model_key_of,
    shared_models,
)
from grouping.lookup.cached_vectors import cached_faces
from grouping.lookup.corrected_faces import CorrectedFaces, corrected_faces
from grouping.people.identify.look_up import AlbumPeople
from grouping.records import FaceSet, Int64
from grouping.results.album import Album
from grouping.results.document import read_document
from grouping.results.schema import Document
from grouping.storage.locations import printable
from grouping.storage.result_folder import CACHE_FILE, GROUPS_FILE

if TYPE_CHECKING:
    from grouping.people.identify.album_impostors import Rate, StrangerPairs
    from grouping.similarity.impostors import Impostors

KEEP_VECTORS = "group it again without --no-cache, or name its cache with --cache"
MOST_RATES = 64  # kept of those measured


@dataclass(frozen=True, eq=False)
class AlbumIndex:
    """The people of an album and the vectors of its faces; any thread may ask it.

    Attributes:
        folder: of the results.
        album: what ``groups.json`` says.
        faces: those of which the cache has the vectors; ``photo_index`` is a place in the images.
        face_idx: (n,) int64, the number that the document gives to each row of ``faces``: the row
            itself, unless photos have been forgotten since.
        labels: (n,) int64, ``group_idx`` of each row, -1 for none.
        config: settings of the run.
        model: which network made the vectors, see
            :class:`grouping.faces.embedding.embedder.ModelInfo`.
        without_vectors: (m,) int64, ``face_idx`` of faces whose vectors the cache has not, as after
            ``forget``.
        told: what the corrections in the folder say.
    """

    folder: Path
    album: Album
    faces: FaceSet
    face_idx: Int64
    labels: Int64
    config: GroupingConfig
    model: dict[str, Any]
    without_vectors: Int64
    told: CorrectedFaces
    _rates: dict[float, Rate] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @classmethod
    def open(cls, folder: str | Path, cache: str | Path | None = None) -> AlbumIndex:
        """Read an album; nothing in its folder is changed.

        Args:
            folder: of the results, with ``groups.json``.
            cache: where the vectors are, by default ``cache.sqlite`` in that folder.

        Raises:
            InputError: there is no album, it is damaged, or the cache has no vectors of it.
            CorrectionsError: the corrections in the folder cannot be read.
        """
        folder = Path(folder)
        place = folder / CACHE_FILE if cache is None else Path(cache)
        document = _read(folder)
        try:
            album, model = Album(document), dict(document["model"])
            config = _config(document)
            digest = str(model["sha256"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise _damaged(folder) from None
        keys = FaceModels(config.detection, config.embedding).detector_key, digest
        faces, face_idx = _faces(album, place, config, keys)
        labels = np.array([album.faces[idx].group for idx in face_idx.tolist()], np.int64)
        missing = np.setdiff1d(list(album.faces), face_idx).astype(np.int64)
        told = corrected_faces(folder, album, faces)
        return cls(folder, album, faces, face_idx, labels, config, model, missing, told)

    def __len__(self) -> int:
        return len(self.faces)

    @cached_property
    def picture(self) -> Int64:
        """(n,) int64, the picture of each row: its photo, or the one that this is a copy of."""
        originals = [self.album.original(photo) for photo in range(len(self.album.images))]
        place = [photo if of is None else of for photo, of in enumerate(originals)]
        return np.array(place, np.int64)[self.faces.photo_index]

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The row of each ``face_idx`` that has one."""
        return {idx: row for row, idx in enumerate(self.face_idx.tolist())}

    @cached_property
    def people(self) -> AlbumPeople:
        """What a face is compared with; faces that a person told to ignore are left out."""
        everybody = AlbumPeople.of(self.faces, self.labels, self._impostors[0])
        return everybody.without(self.told.ignored)

    @property
    def impostors(self) -> Impostors:
        """How alike strangers are in this album."""
        return self._impostors[0]

    @property
    def told_by(self) -> int:
        """Of how many people the album says itself how alike strangers are; 0: the network does."""
        return self._impostors[1]

    @cached_property
    def _impostors(self) -> tuple[Impostors, int]:
        from grouping.people.identify.album_impostors import impostors_of

        return impostors_of(self.faces, self.labels, self.measured)

    @property
    def measured(self) -> float | None:
        """The threshold that is known of the network; None for one that is not known."""
        known = measured_threshold(str(self.model["sha256"]))
        calibration = self.album.document["settings"].get("calibration")
        if known is not None or not isinstance(calibration, dict):
            return known  # the threshold of the run itself may be one that was asked for
        found = calibration.get("default")
        return float(found) if isinstance(found, int | float) and 0 < found < 1 else None

    @cached_property
    def strangers(self) -> StrangerPairs:
        """Pairs of faces of one photo, and how alike they are."""
        from grouping.people.identify.album_impostors import stranger_pairs

        return stranger_pairs(self.faces, self.labels, self.picture)

    def look_ups_of_strangers(self, false_matches: float) -> Rate:
        """How often somebody who is not in the album is named; measured once for each allowance.

        Args:
            false_matches: that are allowed, see :func:`grouping.people.identify.look_up.look_up`.
        """
        from grouping.people.identify.album_impostors import look_ups_of_strangers

        with self._lock:
            if false_matches not in self._rates:
                if len(self._rates) >= MOST_RATES:
                    self._rates.clear()
                self._rates[false_matches] = look_ups_of_strangers(
                    self.people, self.faces, self.picture, false_matches
                )
            return self._rates[false_matches]

    @property
    def model_key(self) -> str:
        """See :attr:`grouping.execution.face_models.FaceModels.model_key`."""
        return model_key_of(str(self.model["sha256"]), self.config.embedding)

    def models(self, wanted: GroupingConfig | None = None) -> FaceModels:
        """The networks that a photo has to be seen with to be compared with the album.

        Args:
            wanted: as for :meth:`config_for`.

        Raises:
            InputError: they are not those of the album.
            ModelError: the weight file cannot be read.
        """
        models = shared_models(self.config_for(wanted))
        self.check_network(models)
        return models

    def config_for(self, wanted: GroupingConfig | None = None) -> GroupingConfig:
        """The settings that a photo has to be seen with to be compared with the album.

        Args:
            wanted: names the weight file, where it lies elsewhere now, the device and the memory;
                all else is as in the run.
        """
        wanted = wanted or GroupingConfig()
        known = self.config.checkpoint
        checkpoint = wanted.checkpoint or (known if known and Path(known).is_file() else None)
        return self.config.with_settings(
            checkpoint=checkpoint,
            device=wanted.device,
            precision=wanted.precision,
            allow_cpu_fallback=wanted.allow_cpu_fallback,
            memory=wanted.memory,
        )

    def check_network(self, models: FaceModels) -> None:
        """Make sure that vectors of a network may be compared with those of the album.

        Raises:
            InputError: it is another network, or is fed otherwise; says which.
        """
        if models.model_key == self.model_key:
            return
        theirs = models.model
        if theirs["sha256"] == self.model["sha256"]:
            raise InputError(
                f"{printable(self.folder)} was embedded with other settings of its network "
                "(mirror images, channel order, mean or scale); use those of the album"
            )
        raise InputError(
            f"{printable(self.folder)} was embedded by {_named(self.model)}, this is "
            f"{_named(theirs)}; name the file with --checkpoint, or group the album again"
        )


def _read(folder: Path) -> Document:
    if not folder.is_dir():
        raise InputError(f"{printable(folder)} is no folder of results on this machine")
    return read_document(folder / GROUPS_FILE)


def _config(document: Document) -> GroupingConfig:
    """The settings of the run; what a later version added is left out."""
    known = GroupingConfig.__dataclass_fields__
    values = {name: value for name, value in document["settings"].items() if name in known}
    try:
        return GroupingConfig(**values)
    except ConfigError:
        raise ValueError from None


def _faces(
    album: Album,
    cache: Path,
    config: GroupingConfig,
    keys: tuple[str, str],
) -> tuple[FaceSet, Int64]:
    """The faces that have vectors and the number of each; ``keys``: detector, SHA-256 of network.

    Raises:
        InputError: none has.
    """
    detector, digest = keys
    if not album.faces:
        return FaceSet.empty(), np.zeros(0, np.int64)
    try:
        faces, face_idx = cached_faces(
            cache, album, detector, model_key_of(digest, config.embedding)
        )
    except CacheError as error:
        raise InputError(f"{error}; {KEEP_VECTORS}") from None
    if not len(faces):
        raise InputError(
            f"{printable(cache)} has no vectors of this album, for it was grouped with --no-cache, "
            f"with another cache or by another version; {KEEP_VECTORS}"
        )
    return faces, face_idx


def _damaged(folder: Path) -> InputError:
    return InputError(f"{printable(folder / GROUPS_FILE)} is damaged; group the album again")


def _named(model: Any) -> str:
    return f"{model.get('name')} ({model.get('file')}, SHA-256 {str(model.get('sha256'))[:12]}…)"
