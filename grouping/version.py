"""The version of this program, written into every result, and its name for other programs."""

__version__ = "0.1.0"

PRODUCT = "photo-album-face-grouping"  # to servers and in files that other programs read
