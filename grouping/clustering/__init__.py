"""Vectors and constraints to labels; knows no photos."""
