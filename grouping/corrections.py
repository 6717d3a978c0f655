"""What a person knows better than the network, kept in a small file beside the album.

The file is TOML 1.0, UTF-8, usually called ``corrections.toml``. It is written by hand or by
the gallery page, and read again on the next run::

    version = 1                                   # required, always 1

    [[person]]                                    # these faces are one person, with this name
    name = "Grandma"
    faces = [
        { photo = "5f2c…", box = [10, 20, 110, 140] },
        { photo = "9d01…", box = [310.5, 42.0, 402.5, 160.0], file = "IMG_0042.jpg" },
    ]

    [[must_link]]                                 # these faces are one person, name unknown
    faces = [{ photo = "5f2c…", box = [10, 20, 110, 140] },
             { photo = "77ab…", box = [5, 8, 64, 80] }]

    [[cannot_link]]                               # no two of these faces are the same person
    faces = [{ photo = "5f2c…", box = [10, 20, 110, 140] },
             { photo = "cc10…", box = [7, 9, 70, 88] }]

    [[ignore]]                                    # leave these faces out of every group
    reason = "stranger"                           # optional: "not a face" or "stranger"
    faces = [{ photo = "77ab…", box = [200, 8, 264, 80] }]

Rules, in full:

* Every entry starts with its own line ``[[person]]``, ``[[must_link]]``, ``[[cannot_link]]`` or
  ``[[ignore]]`` (no inline arrays of entries): its line number is how messages refer to it.
  Entries may come in any order and number; other keys and tables are an error.
* ``photo`` is the SHA-256 of the photo's bytes, 64 lower-case hex digits, as
  ``images[i]["sha256"]`` in ``groups.json``. ``box`` is ``[x1, y1, x2, y2]`` in pixels of the
  upright photo, x1 < x2 and y1 < y2, as ``images[i]["faces"][j]["box"]``. It means the face of
  that photo that overlaps it most, with an intersection over union of at least 0.5: so a
  correction survives a rename, another detector and another network. ``file`` is for the human
  reader and is not used.
* ``faces`` holds at least 1 (``person``, ``ignore``) or 2 (``must_link``, ``cannot_link``) faces.
* ``name`` is a non-empty string of one line. Two ``[[person]]`` entries of the same name are the
  same person; entries of different names are different people and never share a group.
* A photo that is in the album twice is meant in all its copies.
* A face that is in the album no longer is a warning, not an error.
* Two entries that contradict each other are an error that names both lines.
"""

from __future__ import annotations
