"""Faces to who is who: clustering, weaker faces, what a person should review."""
