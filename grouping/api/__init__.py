"""What other programs call; all of it is exported by :mod:`grouping` as well."""

from grouping.api.album import face_recognition
from grouping.api.find import find
from grouping.lookup.album_index import AlbumIndex
from grouping.lookup.answers import FalseMatches, FoundPerson, FoundPhoto, LookUp

__all__ = [
    "AlbumIndex",
    "FalseMatches",
    "FoundPerson",
    "FoundPhoto",
    "LookUp",
    "face_recognition",
    "find",
]
