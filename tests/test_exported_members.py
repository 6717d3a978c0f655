"""The names that other programs may import from ``grouping``, one by one."""

import subprocess
import sys

import pytest

import grouping
from tests.helpers.paths import ROOT

PUBLIC = [
    "AlbumIndex",
    "AnalyzedFace",
    "ConfigError",
    "CorrectionsError",
    "ExtractedFace",
    "FaceEmbedding",
    "FalseMatches",
    "FoundPerson",
    "FoundPhoto",
    "GroupingConfig",
    "GroupingError",
    "GroupingPipeline",
    "GroupingResult",
    "HttpOptions",
    "InputError",
    "Interrupted",
    "LookUp",
    "ModelError",
    "NoFaceError",
    "OutputError",
    "PhotoError",
    "S3Options",
    "SourceOptions",
    "Verification",
    "__version__",
    "analyze",
    "extract_faces",
    "face_recognition",
    "find",
    "represent",
    "verify",
]
HEAVY = ("torch", "PIL", "matplotlib", "sklearn", "boto3", "urllib3", "hdbscan", "scipy")


def test_public_names_are_pinned():
    assert sorted(grouping.__all__) == PUBLIC
    assert [name for name in PUBLIC if not hasattr(grouping, name)] == []


def test_errors_are_caught_by_their_root_and_by_the_builtin_they_resemble():
    for name in ("ConfigError", "CorrectionsError", "InputError", "ModelError"):
        assert issubclass(getattr(grouping, name), grouping.GroupingError)
        assert issubclass(getattr(grouping, name), ValueError)
    assert issubclass(grouping.OutputError, grouping.GroupingError)
    assert issubclass(grouping.OutputError, OSError)
    assert issubclass(grouping.Interrupted, KeyboardInterrupt)
    assert not issubclass(grouping.Interrupted, grouping.GroupingError)


@pytest.mark.parametrize(
    "code",
    [
        "import grouping",
        "from grouping.cli.main import build_parser; build_parser().format_help()",
    ],
)
def test_import_and_help_are_light(code):
    code += f"\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert process.stdout.strip() == "[]"
