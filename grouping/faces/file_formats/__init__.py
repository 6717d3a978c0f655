"""File formats of photos: what is in the bytes, told by the bytes themselves."""
