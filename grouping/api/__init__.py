"""What other programs call; all of it is exported by :mod:`grouping` as well."""

from grouping.api.albums.album import face_recognition
from grouping.api.albums.find import find
from grouping.api.photos.analyze import AnalyzedFace, analyze
from grouping.api.photos.extract import ExtractedFace, extract_faces
from grouping.api.photos.represent import FaceEmbedding, represent
from grouping.api.photos.verification import Verification
from grouping.api.photos.verify import verify
from grouping.config import GroupingConfig
from grouping.lookup.album_index import AlbumIndex
from grouping.lookup.answers import FalseMatches, FoundPerson, FoundPhoto, LookUp
from grouping.sources.entries import SourceOptions
from grouping.sources.web.http_photo import HttpOptions
from grouping.storage.s3.client import S3Options

__all__ = [
    "AlbumIndex",
    "AnalyzedFace",
    "ExtractedFace",
    "FaceEmbedding",
    "FalseMatches",
    "FoundPerson",
    "FoundPhoto",
    "GroupingConfig",
    "HttpOptions",
    "LookUp",
    "S3Options",
    "SourceOptions",
    "Verification",
    "analyze",
    "extract_faces",
    "face_recognition",
    "find",
    "represent",
    "verify",
]
