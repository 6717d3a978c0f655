"""One photo to its faces: decode, detect, align, judge, embed."""
