"""The sample photos as a folder of results, as a run leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from grouping import GroupingConfig, GroupingPipeline, GroupingResult
from grouping.results.document import build_document, encode_document
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.helpers.paths import PHOTOS


class Grouped(NamedTuple):
    """A folder of results and the run that made it."""

    folder: Path
    result: GroupingResult


@pytest.fixture(scope="session")
def grouped(tmp_path_factory) -> Grouped:
    """The sample photos, grouped once; not to be changed."""
    folder = tmp_path_factory.mktemp("grouped")
    with Cache.open(folder / "cache.sqlite") as cache:
        result = GroupingPipeline(GroupingConfig(), cache=cache).run(list_sources([PHOTOS]))
    (folder / "groups.json").write_bytes(encode_document(build_document(result)))
    return Grouped(folder, result)
