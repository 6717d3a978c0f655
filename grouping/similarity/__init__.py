"""Arithmetic on many unit vectors: the cosine graph, products of chosen pairs, sums by group."""
