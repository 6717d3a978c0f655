"""What other programs call: :func:`face_recognition`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from grouping.config import GroupingConfig
from grouping.corrections import load_corrections
from grouping.errors import ConfigError
from grouping.pipeline import GroupingPipeline
from grouping.response import build_response
from grouping.sources import SourceOptions, photos_from_entries


def face_recognition(
    images: Iterable[Mapping[str, Any] | Path | bytes | Any],
    *,
    allow_local: bool = False,
    crops: bool = True,
    config: GroupingConfig | None = None,
    options: SourceOptions | None = None,
    corrections: Path | None = None,
    previous: Mapping[str, Any] | None = None,
    **settings: Any,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Find out who is in which photo.

    Args:
        images: ``{"id": ..., "url": ...}`` dictionaries with ``http(s)://`` or ``s3://``
            addresses; or, with the position as id, ``pathlib.Path``, bytes of an image file,
            PIL images or (H, W, 3) uint8 RGB arrays. Nothing in them is changed.
        allow_local: let dictionaries name ``file://`` addresses and local paths. Off by
            default, because a service hands on what its users send.
        crops: give the aligned 112x112 crops in ``face_list``; False saves 38 kB a face.
        config: settings of the run.
        options: limits of the fetching.
        corrections: a file of corrections, see :mod:`grouping.corrections`.
        previous: the parsed ``groups.json`` of an earlier run; people who are still there keep
            their ``group_id`` and name.
        **settings: single fields of :class:`grouping.config.GroupingConfig`, by name.

    Returns:
        ``groups``: one dictionary a person, largest first; ``images``: one dictionary a photo,
        in the order given. The keys are listed in :mod:`grouping.response`.

    Raises:
        InputError: ``images`` holds something else.
        ConfigError: a setting is unknown or out of its range.
        ModelError: a checkpoint or device cannot be used.
        CorrectionsError: the corrections cannot be read, or contradict each other.
    """
    config = with_settings(config or GroupingConfig(), settings)
    entries = list(images)
    photos = photos_from_entries(entries, allow_local=allow_local, options=options)
    if not photos:
        return [], []
    known = load_corrections(corrections) if corrections else ()
    result = GroupingPipeline(config).run(photos, keep_crops=crops, corrections=known)
    return build_response(result, entries, previous)[:2]


def with_settings(config: GroupingConfig, settings: Mapping[str, Any]) -> GroupingConfig:
    """Return the configuration with single fields changed.

    Raises:
        ConfigError: a field is unknown or out of its range.
    """
    known = {field.name for field in fields(GroupingConfig)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return replace(config, **settings)
