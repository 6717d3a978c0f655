"""Runs a program that measures by its name, or lists all of them with the question each answers.

python -m tests.benchmarks                       # the list
python -m tests.benchmarks bench_run --help      # one of them
"""

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def programs() -> dict[str, Path]:
    """Those that can be run, by name: modules with a ``main``, but for what only they import."""
    files = sorted(FOLDER.glob("*/*.py"))
    return {file.stem: file for file in files if '__name__ == "__main__"' in file.read_text()}


def first_line(file: Path) -> str:
    """What a module says of itself, without importing it."""
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]


def listed() -> str:
    """One line a program, folder by folder."""
    lines = []
    for folder in sorted({file.parent for file in programs().values()}):
        lines.append(f"\n{folder.name}: {first_line(folder / '__init__.py')}")
        own = [file for file in programs().values() if file.parent == folder]
        lines += [f"  {file.stem:<17} {first_line(file)}" for file in own]
    return "\n".join(lines).strip()


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(listed())
        return
    file = programs().get(sys.argv[1])
    if file is None:
        sys.exit(f"no benchmark {sys.argv[1]}; `python -m tests.benchmarks` lists them")
    del sys.argv[1]
    runpy.run_module(f"{__package__}.{file.parent.name}.{file.stem}", None, "__main__", True)


if __name__ == "__main__":
    main()
