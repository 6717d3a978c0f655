"""A whole album in one call: :func:`face_recognition`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from grouping.config import GroupingConfig
from grouping.corrections.toml_file import load_corrections
from grouping.errors import InputError
from grouping.opting_out import usual_impostors
from grouping.pipeline import GroupingPipeline
from grouping.records import UInt8
from grouping.results.person_ids import check_previous
from grouping.results.response import build_response
from grouping.results.schema import GroupEntry
from grouping.sources.entries import SourceOptions, photos_from_entries
from grouping.storage.atomic_files import make_folder, write_image

if TYPE_CHECKING:
    from grouping.people.identify.opt_out import OptOut
    from grouping.references.known_people import KnownPeople


def face_recognition(
    images: Iterable[Mapping[str, Any] | Path | bytes | Any],
    *,
    allow_local: bool = False,
    allow_s3: bool = False,
    crops: bool = True,
    crops_folder: Path | str | None = None,
    config: GroupingConfig | None = None,
    options: SourceOptions | None = None,
    corrections: Path | str | None = None,
    people: Path | str | None = None,
    opt_out: Path | str | None = None,
    previous: Mapping[str, Any] | None = None,
    **settings: Any,
) -> tuple[list[GroupEntry], list[dict[str, Any]]]:
    """Find out who is in which photo.

    Args:
        images: ``{"id": ..., "url": ...}`` dictionaries with ``http(s)://`` or ``s3://``
            addresses; or, with the position as id, ``pathlib.Path``, bytes of an image file,
            PIL images or (H, W, 3) uint8 RGB arrays. Nothing in them is changed.
        allow_local: let dictionaries name ``file://`` addresses and local paths. Off by
            default, because a service hands on what its users send.
        allow_s3: let dictionaries name every bucket that the credentials of this process reach;
            without it only those of ``options.s3.buckets``.
        crops: give the aligned 112x112 crops in ``face_list``; False saves 38 kB a face.
        crops_folder: also save the crops there, as ``face_000000.png`` (number: ``face_idx``);
            ``crop_path_list`` then holds their paths.
        config: settings of the run.
        options: limits of the fetching.
        corrections: a file of corrections, see :mod:`grouping.corrections.toml_file`.
        people: those known beforehand: a folder with a sub-folder or a photo a person, a ``.csv``
            file, or earlier results; see :mod:`grouping.references.known_people`.
        opt_out: those who are left out, a folder or a ``.csv`` file as for ``people``; the photos
            they are in have a number ``opted_out``.
        previous: the parsed ``groups.json`` of an earlier run; people who are still there keep
            their ``group_id`` and name.
        **settings: single fields of :class:`grouping.config.GroupingConfig`, by name.

    Returns:
        ``groups``: one dictionary a person, largest first; ``images``: one dictionary a photo,
        in the order given. The keys are listed in :mod:`grouping.results.schema`.

    Raises:
        InputError: ``images`` holds something else.
        ConfigError: a setting is unknown or out of its range.
        ModelError: a checkpoint or device cannot be used.
        CorrectionsError: the corrections cannot be read, or contradict each other.
        OutputError: the crops cannot be written.
    """
    config = (config or GroupingConfig()).with_settings(**settings)
    if not isinstance(images, Iterable) or isinstance(images, str | bytes | Mapping):
        raise InputError(f"images must be a list of photos, got {type(images).__name__}")
    entries = list(images)
    if previous is not None:
        check_previous(previous)
    if crops_folder is not None:
        make_folder(Path(crops_folder))
    photos = photos_from_entries(
        entries, allow_local=allow_local, allow_s3=allow_s3, options=options
    )
    if not photos:
        return [], []
    known = load_corrections(Path(corrections)) if corrections else ()
    keep = crops or crops_folder is not None
    pipeline = GroupingPipeline(config)
    references, gone = _references(people, opt_out, pipeline, options)
    result = pipeline.run(
        photos, keep_crops=keep, corrections=known, known=references, opt_out=gone
    )
    groups, images, _ = build_response(result, entries, previous)
    if crops_folder is not None and result.crops is not None:
        paths = _save_crops(result.crops, Path(crops_folder))
        for group in groups:
            group["crop_path_list"] = [paths[face] for face in group["face2_idx_list"]]
    if not crops:
        for group in groups:
            group["face_list"] = []
    return groups, cast(list[dict[str, Any]], images)


def _save_crops(crops: UInt8, folder: Path) -> list[str]:
    from PIL import Image

    paths = [folder / f"face_{number:06d}.png" for number in range(len(crops))]
    return [
        str(write_image(path, Image.fromarray(crop)))
        for path, crop in zip(paths, crops, strict=True)
    ]


def _references(
    people: Path | str | None,
    opt_out: Path | str | None,
    pipeline: GroupingPipeline,
    options: SourceOptions | None,
) -> tuple[KnownPeople | None, OptOut | None]:
    """Find the faces of people known beforehand, and of those who opted out."""
    if people is None and opt_out is None:
        return None, None
    from grouping.references.known_people import load_known_people
    from grouping.references.opt_out import check_apart, load_opt_out, references_of

    known = None if people is None else load_known_people(people, pipeline.models, options)
    gone = None if opt_out is None else load_opt_out(Path(opt_out), pipeline.models, options)
    if gone is not None and known is not None:
        check_apart(known, gone, usual_impostors(pipeline.models))
    return known, None if gone is None else references_of(gone)
