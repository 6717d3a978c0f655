"""Views of the cache for other programs: what they may rely on, in plain SQL.

==========  ==================================================================================
``faces``   one row a face: ``photo`` (SHA-256 of the photo's bytes, hex), ``face`` (its number in
            the photo, from 0, as in ``groups.json``), ``x1 y1 x2 y2`` (pixels of the upright
            photo), ``score`` and ``quality`` (0 to 1), ``network``, ``detector``, ``vector``
            (float32, little-endian, of unit length)
``photos``  one row a place that a photo was found at: ``place`` (path or address), ``photo``
==========  ==================================================================================

Columns keep name, meaning and unit from version to version; new ones come last. The tables below
keep nothing and may change. Vectors can be compared where ``network`` is equal: it is a digest of
weights, preprocessing and version; ``detector`` likewise of all that boxes depend on. A file that
has seen several settings has a row for each.

The tables hold float32 numbers as bytes, which SQL cannot read. The view takes sign, exponent and
mantissa apart (IEEE 754) with whole numbers, so that every reader gets the very number and nothing
is kept twice: what is forgotten in the tables is gone from the views.
"""

from __future__ import annotations

_HEX = "0123456789ABCDEF"
_MANTISSA_BITS = 23
_BIAS = 127 + _MANTISSA_BITS  # a mantissa counts as a whole number here
_LONGEST_SHIFT = 62  # of SQLite's signed 64 bits

# Where the four bytes of each number begin, counted from 1; ``face`` is the number of the face.
_NUMBERS = {
    "x1": "substr(d.boxes, 16 * face + 1, 4)",
    "y1": "substr(d.boxes, 16 * face + 5, 4)",
    "x2": "substr(d.boxes, 16 * face + 9, 4)",
    "y2": "substr(d.boxes, 16 * face + 13, 4)",
    "score": "substr(d.scores, 4 * face + 1, 4)",
    "quality": "substr(e.quality, 4 * face + 1, 4)",
}


def _bits(text: str) -> str:
    """SQL: the 32 bits that eight hex digits, the lowest byte first, stand for."""
    places = [(f"substr({text}, {i + 1}, 1)", 8 * (i // 2) + 4 * (1 - i % 2)) for i in range(8)]
    return " | ".join(f"((instr('{_HEX}', {digit}) - 1) << {shift})" for digit, shift in places)


def _number(bits: str) -> str:
    """SQL: the float32 of these bits, exactly; not for infinities and NaN, which are not stored."""
    exponent = f"(({bits} >> {_MANTISSA_BITS}) & 255)"
    hidden = f"(({exponent} > 0) << {_MANTISSA_BITS})"
    mantissa = f"(({bits} & {(1 << _MANTISSA_BITS) - 1}) | {hidden})"
    sign = f"(1.0 - 2 * ({bits} >> 31))"
    down = f"({_BIAS} - max({exponent}, 1))"  # by how many bits to the right
    parts = [f"{sign} * {mantissa}"]
    parts += [f"/ (1 << min(max({down} - {start}, 0), {_LONGEST_SHIFT}))" for start in (0, 62, 124)]
    parts += [f"* (1 << min(max({start} - {down}, 0), {_LONGEST_SHIFT}))" for start in (0, -62)]
    return " ".join(parts)


def _column(place: str) -> str:
    """SQL: the float32 of four bytes; LIMIT keeps SQLite from working each part out many times."""
    text = f"SELECT hex({place}) AS text LIMIT 1"
    bits = f"SELECT {_bits('text')} AS bits FROM ({text}) LIMIT 1"
    return f"(SELECT {_number('bits')} FROM ({bits}))"


# Rows of embeddings without quality are those of version 0.1.0, which nothing asks for.
FACES_VIEW = f"""
CREATE VIEW IF NOT EXISTS faces AS
WITH RECURSIVE number(face) AS (
    SELECT 0 UNION ALL SELECT face + 1 FROM number
    WHERE face + 1 < (SELECT max(length(scores)) / 4 FROM detections)
)
SELECT d.sha256 AS photo, face,
    {", ".join(f"{_column(place)} AS {name}" for name, place in _NUMBERS.items())},
    e.model AS network, d.detector,
    substr(e.vectors,
        face * (length(e.vectors) / (length(d.scores) / 4)) + 1,
        length(e.vectors) / (length(d.scores) / 4)) AS vector
FROM detections d JOIN embeddings e USING (sha256, detector)
    JOIN number ON face < length(d.scores) / 4
WHERE e.quality IS NOT NULL
"""

PHOTOS_VIEW = (
    "CREATE VIEW IF NOT EXISTS photos AS SELECT key AS place, sha256 AS photo FROM sources"
)

VIEWS = (FACES_VIEW, PHOTOS_VIEW)
