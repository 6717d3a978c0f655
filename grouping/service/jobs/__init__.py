"""Albums that are grouped by and by, and who is told of it."""
