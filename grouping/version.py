"""The version of this program, written into every result."""

__version__ = "0.1.0"
