"""``represent``: the faces of any photos as unit vectors, in a file or printed."""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.cli.command import Command
from grouping.cli.display.progress import PhotoProgress, check_failures
from grouping.cli.interruption import stoppable
from grouping.cli.options import (
    add_common,
    add_detection,
    add_model,
    add_sources,
    config_from,
    not_empty,
    percent,
    source_options_from,
)
from grouping.errors import InputError
from grouping.execution.backends import backend_of
from grouping.execution.collector import PhotoCollector
from grouping.execution.face_models import shared_models
from grouping.export.vector_files import check_vector_file
from grouping.sources.listing import list_sources
from grouping.storage.atomic_files import taken_back_empty
from grouping.storage.cache import Cache

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.export.vector_files import VectorTable
    from grouping.records import PhotoFaces


def add_represent_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``represent``."""
    add = parser.add_argument
    add("sources", nargs="+", type=not_empty, metavar="SOURCE", help="as for group")
    add("--out", type=not_empty, metavar="FILE", help="file that ends in .npz or .parquet")
    add("--json", action="store_true", help="print faces and vectors as JSON, a line a photo")
    add(
        "--cache",
        type=Path,
        metavar="FILE",
        help="cache of a run, e.g. result/cache.sqlite: photos in it are not read again, and "
        "others are added (default: none is used)",
    )
    add(
        "--max-failures",
        type=percent,
        default=20.0,
        metavar="PERCENT",
        help="more failed photos make the exit code 3 (default %(default)g)",
    )
    add_common(parser)
    add_model(parser)
    add_detection(parser)
    add_sources(parser)


def run_represent(arguments: argparse.Namespace) -> None:
    """Write the vectors of all faces of all photos.

    Raises:
        GroupingError: what cannot be gone on after, in one line.
        Interrupted: the user asked for a stop; photos in flight are in the cache, if there is one.
    """
    if not (arguments.out or arguments.json):
        raise InputError("say where the vectors go: --out FILE.npz, --out FILE.parquet or --json")
    with taken_back_empty(Path(arguments.out or "").parent):
        _represent(arguments)


def _represent(arguments: argparse.Namespace) -> None:
    path = check_vector_file(arguments.out) if arguments.out else None
    config, options = config_from(arguments), source_options_from(arguments)
    listed = partial(list_sources, arguments.sources, options=options)
    photos, models = listed(), shared_models(config)
    cached = Cache.open(arguments.cache) if arguments.cache else nullcontext()
    with cached as cache, stoppable() as stop:
        models.check()
        with PhotoProgress(listed) as progress:
            collector = PhotoCollector(models, cache, stop=stop, on_photo=progress)
            collector.collect(photos, config.workers, backend_of(config))
    if path is not None:
        from grouping.export.vector_files import write_vectors

        write_vectors(path, _table(collector, models))
    if arguments.json:
        _print_json(collector, models)
    else:
        _print_summary(collector, models, progress, str(path))
    saved = "the vectors of the others are saved; the reasons are above"
    check_failures(progress, arguments.max_failures, saved)


def _table(collector: PhotoCollector, models: FaceModels) -> VectorTable:
    from grouping.execution.outcomes import faces_of
    from grouping.export.vector_files import VectorTable

    return VectorTable(
        photos=[photo.location for photo in collector.photos],
        ids=[str(photo.id) for photo in collector.photos],
        sha256=[outcome.sha256 or "" for outcome in collector.results],
        faces=faces_of(collector.results),
        network=models.model["name"],
        network_sha256=models.weights_digest,
        network_key=models.model_key,
    )


def _print_json(collector: PhotoCollector, models: FaceModels) -> None:
    """One object a line: a photo with the faces that ``represent`` gives for it."""
    network = {
        "network": models.model["name"],
        "network_sha256": models.weights_digest,
        "network_key": models.model_key,
    }
    for photo, outcome in zip(collector.photos, collector.results, strict=True):
        entry: dict[str, Any] = {
            "photo": photo.location,
            "id": photo.id,
            "sha256": outcome.sha256,
            "width": outcome.width,
            "height": outcome.height,
            **network,
            "faces": _face_entries(outcome),
        }
        if outcome.failure is not None:
            entry["error"] = outcome.failure.reason
        print(json.dumps(entry))


def _face_entries(outcome: PhotoFaces) -> list[dict[str, Any]]:
    from grouping.faces.flaws import flaws_of
    from grouping.results.face_entries import detected_entries

    faces = outcome.faces
    columns = zip(detected_entries(faces), flaws_of(faces), faces.embeddings, strict=True)
    return [
        {**entry, "flaws": flaws, "rotation": outcome.rotation, "embedding": vector.tolist()}
        for entry, flaws, vector in columns
    ]


def _print_summary(
    collector: PhotoCollector, models: FaceModels, progress: PhotoProgress, place: str
) -> None:
    print(f"network    {models.model['name']}, vectors {models.model_key}")
    print(f"photos     {progress.done} ({progress.failed} failed)")
    print(f"faces      {progress.faces}")
    failed = [
        f"failed     {photo.location!r}: {outcome.failure.reason}"
        for photo, outcome in zip(collector.photos, collector.results, strict=True)
        if outcome.failure is not None
    ]
    print("\n".join([*failed, f"results    {place}"]))


COMMAND = Command(
    "represent",
    "SOURCE... --out FILE.npz|FILE.parquet [options]",
    "the faces of photos as vectors, for numpy and databases",
    "Find the faces of photos and write the unit vector of each, with its box, quality and photo. "
    "The inner product of two vectors of one network is their cosine similarity. SOURCE is "
    "whatever group takes; with --cache the photos of an earlier run are not read again. Parquet "
    "needs pip install '.[parquet]'.",
    add_represent_options,
    run_represent,
)
