"""What other programs call; all of it is exported by :mod:`grouping` as well."""

from grouping.api.album import face_recognition

__all__ = ["face_recognition"]
