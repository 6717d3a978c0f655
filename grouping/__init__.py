"""Who is in which photo: face grouping for photo albums.

``from grouping import face_recognition`` is all that most callers need::

    groups, images = face_recognition([{"id": 1, "url": "https://example.org/a.jpg"}, ...])

:func:`extract_faces`, :func:`represent` and :func:`verify` ask about one photo or two.

Who calls whom: the command line (:mod:`grouping.cli`) and :mod:`grouping.api` build a
:class:`GroupingPipeline`, which wires the stages together. A photo travels ``sources -> faces
(within execution) -> people (similarity, clustering) -> results -> report, export``; what a
person knows better comes in from ``corrections``, and what was found once stays in ``storage``.

In the words of this package, a *pipeline* is the whole job, the *analyser* finds the faces of one
photo, a *runner* is one network on one device; *outcomes* are what photos gave, the *result* is
everything a run found and the *document* its form as ``groups.json``. A *micro-cluster* holds equal
or must-link faces, *clusters* grow from them, *groups* are what is handed out: one a person.
"""

from grouping.api import (
    AlbumIndex,
    AnalyzedFace,
    ExtractedFace,
    FaceEmbedding,
    FalseMatches,
    FoundPerson,
    FoundPhoto,
    LookUp,
    Verification,
    analyze,
    extract_faces,
    face_recognition,
    find,
    represent,
    verify,
)
from grouping.config import GroupingConfig
from grouping.errors import (
    ConfigError,
    CorrectionsError,
    GroupingError,
    InputError,
    Interrupted,
    ModelError,
    NoFaceError,
    OutputError,
    PhotoError,
)
from grouping.pipeline import GroupingPipeline
from grouping.results.run_result import GroupingResult
from grouping.sources.entries import SourceOptions
from grouping.sources.web.http_photo import HttpOptions
from grouping.storage.s3.client import S3Options
from grouping.version import __version__

__all__ = [
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
