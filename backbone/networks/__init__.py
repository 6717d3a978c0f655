"""Architectures as torch modules; their state dicts have the keys of the published files."""
