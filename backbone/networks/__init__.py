"""Architectures as torch modules; the keys of their state dicts are those of the published files."""
