"""What docs/scale.md is computed from: each figure with the command that measured it.

Measured on two cores of an Intel Xeon with AMX, alone on the machine. ``assumed`` is what no
command here can measure.
"""

from __future__ import annotations

from typing import NamedTuple

from grouping.clustering.linkage_in_parts import MAX_AT_ONCE, MAX_EDGES
from grouping.execution.workers.photo_work import CHUNK


class Input(NamedTuple):
    """A figure.

    Attributes:
        value: of it.
        unit: what it counts.
        what: in words.
        origin: the command that gave it, or why it is assumed.
    """

    value: float
    unit: str
    what: str
    origin: str


PHOTOS = "`scale_costs photos`"
DRIVER = "`scale_costs driver`"
ENGINE = "`scale_costs engine`"
LOOP = "`scale_driver --photos"
GRAPH = "`scale_costs graph --faces 40000 80000`"
ASSUMED = "assumed: "

INPUTS: dict[str, Input] = {
    "web_decode": Input(0.0085, "core s", "decoding a photo of the web", PHOTOS),
    "web_search": Input(0.0562, "core s", "finding its faces", PHOTOS),
    "web_judge": Input(0.0142, "core s", "aligning and judging them", PHOTOS),
    "web_embed": Input(0.0206, "core s", "their vectors", PHOTOS),
    "camera_decode": Input(0.0568, "core s", "decoding a photo of 12 MP", PHOTOS),
    "camera_search": Input(0.1248, "core s", "finding its faces", PHOTOS),
    "camera_judge": Input(0.0630, "core s", "aligning and judging them", PHOTOS),
    "camera_embed": Input(0.0152, "core s", "their vectors", PHOTOS),
    "start": Input(3.4, "s", "start of a worker, networks loaded", "`scale_check`"),
    "driver": Input(
        7.8e-4,
        "core s",
        "driver: all that it does for a photo without faces",
        "`scale_check TINY --seconds 0.005 --photos 2500 --nodes 2`",
    ),
    "result": Input(721, "bytes", "result of a photo, as it travels", DRIVER),
    "result_face": Input(2176, "bytes", "each face in it", DRIVER),
    "place": Input(526, "bytes", "where a photo is, as it travels", DRIVER),
    "list": Input(8.5e-6, "s", "of it: a photo of a listing", DRIVER),
    "look": Input(5.8e-6, "s", "of it: looking for it in the cache in vain", DRIVER),
    "remember": Input(3.8e-5, "s", "of it: noting where its bytes were found", DRIVER),
    "keep": Input(1.49e-4, "s", "of it: keeping its result in the cache", DRIVER),
    "answer": Input(7.2e-4, "core s", "an answer of one of 320 workers, asked for alone", ENGINE),
    "loop": Input(
        5.4e-4, "core s", "driver: a photo of 320 workers that answer at once", LOOP + " 60000`"
    ),
    "loop_few": Input(3.4e-4, "core s", "of 8 such workers", LOOP + " 10000 --workers 8`"),
    "held_photo": Input(4837, "bytes", "driver: at most, for a photo", DRIVER),
    "held_face": Input(10065, "bytes", "driver: at most, for a face", DRIVER),
    "cache_photo": Input(1196, "bytes", "cache: a photo", DRIVER),
    "cache_face": Input(2293, "bytes", "cache: a face", DRIVER),
    "json_photo": Input(292, "bytes", "groups.json: a photo", DRIVER),
    "json_face": Input(498, "bytes", "groups.json: a face", DRIVER),
    "pair": Input(2.36e-9, "core s", "a pair of faces, in the graph of 80,000", GRAPH),
    "rest_40000": Input(3.63, "core s", "grouping 40,000 faces but for the graph", GRAPH),
    "edges_40000": Input(508_803, "edges", "of these", GRAPH),
    "rest_80000": Input(8.01, "core s", "grouping 80,000 faces but for the graph", GRAPH),
    "edges_80000": Input(1_678_362, "edges", "of these", GRAPH),
    "strangers": Input(
        3.0e-4,
        "of pairs",
        "strangers as alike as the threshold, 541 people of news photos",
        "`scale_costs strangers ALBUM`",
    ),
    "edge": Input(40, "bytes", "an edge while it is clustered", "`linkage_in_parts.py`"),
    "at_once": Input(MAX_AT_ONCE, "faces", "clustered as a whole", "`linkage_in_parts.py`"),
    "most_edges": Input(MAX_EDGES, "edges", "clustered as a whole", "`linkage_in_parts.py`"),
    "vector": Input(2560, "bytes", "a vector for the graph", "512 of float32 and of int8"),
    "faces": Input(2, "faces", "in a photo", ASSUMED + "school and party photos"),
    "person": Input(20, "photos", "of each person", ASSUMED + "a school year"),
    "size": Input(4e6, "bytes", "a photo of 12 MP", ASSUMED + "what phones write"),
    "cores": Input(16, "cores", "a machine, each as fast as here", ASSUMED + "c7i.4xlarge"),
    "latency": Input(0.1, "s", "to the first byte of S3", ASSUMED + "Amazon's guide to S3"),
    "stream": Input(85e6, "bytes/s", "a download from S3", ASSUMED + "Amazon's guide to S3"),
    "link": Input(6e8, "bytes/s", "a machine's network", ASSUMED + "5 Gbit/s that last"),
    "replaced": Input(180, "s", "until a lost machine is replaced", ASSUMED + "start and set-up"),
}

# Of ``scale_check ATHLETES --seconds 0.0995 --photos 160``, two rounds: nodes, seconds that workers
# took to start, share of the photos after which a node was ended, seconds of all.
CHECKED = (
    (1, 3.4, None, 19.5),
    (2, 3.4, None, 13.4),
    (2, 3.4, 0.5, 19.6),
    (1, 2.8, None, 16.8),
    (2, 2.8, None, 11.2),
    (2, 2.8, 0.5, 15.8),
)
CHECKED_PHOTOS, CHECKED_CORES = 160, 2


def figure(name: str) -> float:
    """The value of an input."""
    return INPUTS[name].value


def photo_seconds(kind: str) -> float:
    """Core seconds to analyse a photo, ``web`` or ``camera``."""
    return sum(figure(f"{kind}_{stage}") for stage in ("decode", "search", "judge", "embed"))


def driver_seconds() -> tuple[float, float]:
    """Seconds of the driver for a task that was read, and for one that is done: half each."""
    half = CHUNK * figure("driver") / 2
    return half, half


def driver_parts() -> float:
    """Seconds of the driver a photo, where 320 workers answer at once."""
    return figure("loop")
