"""Architectures as torch modules; their state dicts have the keys of the published files.

Tensors without a dtype in a docstring are of that of the weights: float32, or what the runner has
cast them to.
"""
