"""What a cluster needs for a million photos and more: the tables of docs/scale.md.

    python -m tests.benchmarks scale_model            # print them
    python -m tests.benchmarks scale_model --write    # put them into the page

All is computed from :mod:`.scale_inputs`; hours come from the schedule of :mod:`.scale_schedule`.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Iterable

from grouping.execution.workers.photo_work import CHUNK
from grouping.similarity.impostors import Impostors
from tests.benchmarks.scale.scale_inputs import (
    CHECKED,
    CHECKED_CORES,
    CHECKED_PHOTOS,
    INPUTS,
    driver_parts,
    driver_seconds,
    figure,
    photo_seconds,
)
from tests.benchmarks.scale.scale_schedule import Cluster, Job, Outcome, simulate
from tests.helpers.paths import ROOT

PAGE = ROOT / "docs" / "scale.md"
SIZES = (1_000_000, 10_000_000, 100_000_000)
MACHINES = (1, 5, 20, 50)
USUAL = 20  # machines, where one number is shown
THRESHOLD = 0.38  # of the bundled network
LOSSES = 10  # machines lost, of USUAL, in the run that is simulated whole
LOST_PHOTOS, LOST_AT = 200_000, 60.0  # seconds


def cluster(nodes: int) -> Cluster:
    """So many of the machines assumed."""
    return Cluster(
        nodes,
        int(figure("cores")),
        figure("start"),
        figure("latency"),
        figure("stream"),
        figure("link"),
        replaced=figure("replaced"),
        noticed=0,
    )


def job(photos: int, lost: tuple[tuple[float, int], ...] = ()) -> Job:
    """So many photos of 12 megapixels."""
    read, done = driver_seconds()
    return Job(photos, photo_seconds("camera"), figure("size"), read, done, lost)


def checked() -> list[tuple[int, float | None, float, Outcome]]:
    """The real runs beside the schedule simulated: nodes, node ended at, seconds, outcome."""
    read, done = driver_seconds()
    seconds = photo_seconds("web")
    rows = []
    for nodes, start, share, real in CHECKED:
        at = None if share is None else start + CHECKED_PHOTOS * seconds / nodes * share
        lost = () if at is None else ((at, 0),)
        work = Job(CHECKED_PHOTOS, seconds, 0, read, done, lost)
        machines = Cluster(nodes, 1, start, cores=CHECKED_CORES, replaced=math.inf)
        rows.append((nodes, at, real, simulate(work, machines)))
    return rows


def cluster_share(nodes: int) -> float:
    """How busy so many machines keep the driver with photos of 12 megapixels."""
    a_photo = sum(driver_seconds()) / CHUNK
    return nodes * figure("cores") * a_photo / photo_seconds("camera")


def faces_of(photos: float) -> float:
    return photos * figure("faces")


def pairs_of(faces: float) -> float:
    return faces * (faces - 1) / 2


def driver_bytes(photos: float) -> float:
    """At most, with a graph as large as is clustered as a whole."""
    held = photos * figure("held_photo") + faces_of(photos) * figure("held_face")
    return held + figure("edge") * figure("most_edges")


def exact_faces() -> float:
    """Faces up to which the result is that of linkage over all pairs."""
    by_edges = math.sqrt(2 * figure("most_edges") / figure("strangers"))
    return min(figure("at_once"), by_edges)


def people_and_edges(photos: float) -> tuple[float, float]:
    """If parts leave one cluster a person: clusters, and edges of strangers among them."""
    people = faces_of(photos) / figure("person")
    return people, figure("strangers") * pairs_of(people)


def rest_costs() -> tuple[float, float]:
    """Core seconds of grouping but for the graph: a face, and an edge (two equations)."""
    (n, t, e), (m, u, f) = (
        (size, figure(f"rest_{size}"), figure(f"edges_{size}")) for size in (40_000, 80_000)
    )
    edge = (u - t * m / n) / (f - e * m / n)
    return (t - edge * e) / n, edge


def graph_overtakes() -> float:
    """Photos from which the pairs of faces take more than the photos."""
    return 2 * photo_seconds("camera") / (figure("pair") * figure("faces") ** 2)


# ---------------------------------------------------------------- tables


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] + ["---:"] * (len(lines[0]) - 1))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Three digits, in words people read."""
    if value == 0 or 1e-3 <= abs(value) < 1:
        return f"{value:.3g}"
    if value < 1e-3:
        return f"{value:.2e}"
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{round(value, 2 - math.floor(math.log10(value))):,.{digits}f}"


def amount(size: float) -> str:
    for unit, scale in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{number(size / scale)} {unit}"
    return f"{size:.0f} bytes"


def hours(seconds: float) -> str:
    return f"{number(seconds / 3600)} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def inputs_table() -> str:
    rows = ((i.what, f"{i.value:g} {i.unit}", i.origin) for i in INPUTS.values())
    return table(("what", "figure", "from"), rows)


def checks_table() -> str:
    rows = (
        (
            f"{nodes}" + ("" if at is None else f", one ended after {at:.1f} s"),
            f"{real} s",
            f"{found.seconds:.1f} s",
            f"{found.seconds / real:.2f}",
        )
        for nodes, at, real, found in checked()
    )
    return table(("nodes", "real", "simulated", "simulated / real"), rows)


def hours_table() -> str:
    rows = []
    for photos in SIZES:
        found = [simulate(job(photos), cluster(nodes)) for nodes in MACHINES]
        rows.append([f"{photos:,}", *(f"{hours(o.seconds)} ({o.driver:.0%})" for o in found)])
    return table(("photos", *(f"{n} machines" if n > 1 else "1 machine" for n in MACHINES)), rows)


def needs_table() -> str:
    """Bytes and core hours by size."""
    face = figure("result_face") * figure("faces")
    columns = {
        "faces": lambda p: f"{faces_of(p):,.0f}",
        "core hours of photos": lambda p: number(p * photo_seconds("camera") / 3600),
        "core hours of pairs of faces": lambda p: number(
            pairs_of(faces_of(p)) * figure("pair") / 3600
        ),
        "read from S3": lambda p: amount(p * figure("size")),
        "results to the driver": lambda p: amount(p * (figure("result") + face)),
        f"vectors to {USUAL} machines": lambda p: amount(USUAL * faces_of(p) * figure("vector")),
        "memory of the driver": lambda p: amount(driver_bytes(p)),
        "cache": lambda p: amount(p * figure("cache_photo") + faces_of(p) * figure("cache_face")),
        "groups.json": lambda p: amount(
            p * figure("json_photo") + faces_of(p) * figure("json_face")
        ),
        "strangers a face is as like as the threshold": lambda p: number(
            figure("strangers") * faces_of(p)
        ),
        "edges, if all were kept": lambda p: amount(
            figure("strangers") * pairs_of(faces_of(p)) * figure("edge")
        ),
        "edges among one cluster a person": lambda p: amount(
            people_and_edges(p)[1] * figure("edge")
        ),
        "similarity that one stranger reaches": lambda p: (
            f"{Impostors.of_threshold(THRESHOLD).similarity(1 / faces_of(p)):.2f}"
        ),
    }
    rows = ((name, *map(of, SIZES)) for name, of in columns.items())
    return table(("photos", *(f"{photos:,}" for photos in SIZES)), rows)


def limits_table() -> str:
    read, done = driver_seconds()
    a_photo = (read + done) / CHUNK
    face, edge = rest_costs()
    lost = tuple((LOST_AT, node) for node in range(LOSSES))
    whole = simulate(job(LOST_PHOTOS), cluster(USUAL)).seconds
    ended = simulate(job(LOST_PHOTOS, lost), cluster(USUAL))
    rows = (
        ("driver, a photo", f"{a_photo * 1e3:.2f} ms"),
        ("of it with 320 workers that answer at once", f"{driver_parts() * 1e3:.2f} ms"),
        ("photos a second that it follows, whatever the machines", number(1 / a_photo)),
        ("machines that keep it busy with photos of 12 MP", number(1 / cluster_share(1))),
        ("faces up to which linkage is over all pairs at once", f"{exact_faces():,.0f}"),
        ("photos that is", f"{exact_faces() / figure('faces'):,.0f}"),
        ("photos from which pairs take more than photos", number(graph_overtakes())),
        ("linkage and second look, on the driver, a face", f"{face * 1e3:.3f} ms"),
        ("and an edge", f"{edge * 1e6:.1f} µs"),
        (
            f"{LOST_PHOTOS:,} photos on {USUAL} machines",
            f"{whole:.0f} s",
        ),
        (
            f"the same, {LOSSES} of them lost after {LOST_AT:.0f} s",
            f"{ended.seconds:.0f} s, {ended.again} tasks again",
        ),
    )
    return table(("what", "figure"), rows)


TABLES = {
    "inputs": inputs_table,
    "checks": checks_table,
    "hours": hours_table,
    "needs": needs_table,
    "limits": limits_table,
}
PLACE = r"(<!-- table: {name} -->\n).*?(\n<!-- end -->)"


def with_tables(page: str) -> str:
    """The page with its tables computed anew.

    Raises:
        ValueError: it has no place for one of them.
    """
    for name, make in TABLES.items():
        parts = re.split(PLACE.format(name=name), page, flags=re.DOTALL)
        if len(parts) != 4:
            raise ValueError(f"{len(parts) // 3} places for the table {name}")
        page = parts[0] + parts[1] + make() + parts[2] + parts[3]
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(with_tables(PAGE.read_text()))
        return 0
    for name, make in TABLES.items():
        print(f"{name}\n\n{make()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
