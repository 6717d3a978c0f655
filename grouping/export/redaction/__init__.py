"""Copies of photos that tell less than the photos do."""
