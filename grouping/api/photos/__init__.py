"""One photo or two: the faces in them, and whether they are one person."""
