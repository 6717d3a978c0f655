"""Peak memory of runs over photos that are small on disk and large in memory.

    python -m tests.benchmarks worst_files [--memory 900M 2200M 4G] [--workers 0 2]

All processes of a run together, as the kernel counts what each holds (Pss), sampled; each process
is also limited by RLIMIT_DATA, to the budget and 400 MB that are never touched.
"""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

from grouping.memory.sizes import parse_size, size_text
from tests.helpers.photo_files.worst_files import make_worst_files, run_within


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", nargs="+", type=parse_size, default=[900 << 20, 2200 << 20])
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 2])
    arguments = parser.parse_args()
    print("| --memory | workers | peak | of it | photos | refused for memory | other failures |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        count = make_worst_files(Path(folder, "photos"))
        for memory in arguments.memory:
            for workers in arguments.workers:
                out = Path(folder, f"out-{memory}-{workers}")
                code, peak, printed = run_within(memory, workers, Path(folder, "photos"), out)
                if code:
                    print(printed)
                images = json.loads((out / "groups.json").read_text())["images"]
                failed = Counter("--memory" in i["error"] for i in images if i.get("error"))
                print(
                    f"| {size_text(memory)} | {workers} | {size_text(peak)} | {peak / memory:.0%} "
                    f"| {count} | {failed[True]} | {failed[False]} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
