"""Bytes on disk and in S3: files, destinations of results, the cache."""
