"""Faces that were not detected but told: drawn by a person, written by a program."""
