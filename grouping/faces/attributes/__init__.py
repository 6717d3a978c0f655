"""Age and gender of faces: an extra, and never used for grouping."""
