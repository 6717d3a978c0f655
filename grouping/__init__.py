"""Who is in which photo: face grouping for photo albums.

``from grouping import face_recognition`` is all that most callers need::

    groups, images = face_recognition([{"id": 1, "url": "https://example.org/a.jpg"}, ...])
"""

from grouping.api import face_recognition
from grouping.config import GroupingConfig
from grouping.errors import GroupingError
from grouping.pipeline import GroupingPipeline
from grouping.results.run_result import GroupingResult
from grouping.version import __version__

__all__ = [
    "GroupingConfig",
    "GroupingError",
    "GroupingPipeline",
    "GroupingResult",
    "__version__",
    "face_recognition",
]
