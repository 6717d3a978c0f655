"""The names of all files and folders in a folder of results, each written here once."""

from __future__ import annotations

import re

GROUPS_FILE = "groups.json"  # the document; always the last to appear in a bucket
FAILURES_FILE = "failures.csv"
FACES_TABLE = "faces.csv"
GROUPS_TABLE = "groups.csv"
PEOPLE_TABLE = "people.csv"  # where people were known beforehand
OPT_OUT_TABLE = "opt_out.csv"  # photos of people who opted out
CACHE_FILE = "cache.sqlite"  # where no other file is named
CORRECTIONS_FILE = "corrections.toml"
CORRECTIONS_PATTERN = "corrections*.toml"  # browsers number what is downloaded again

PAGE_FILE = "index.html"
TSNE_PICTURE = "tsne.png"
SIMILARITY_PICTURE = "similarity.png"
FACES_PICTURE = "faces.png"
SHEETS_FOLDER = "groups"
SHEET_NAME = re.compile(r"person_\d{3,}(?:_\d+)?\.jpg")
THUMBNAILS_FOLDER = "thumbs"

PEOPLE_FOLDER = "people"
PEOPLE_ARCHIVE = "people.zip"
SIDECARS_FOLDER = "sidecars"

# Folders that runs write to, below that of the results.
SUBFOLDERS = (SHEETS_FOLDER, THUMBNAILS_FOLDER, PEOPLE_FOLDER, SIDECARS_FOLDER)

# Files that each run writes anew, and whatever runs write into a folder of results.
WRITTEN_OVER = (
    *(FAILURES_FILE, FACES_TABLE, GROUPS_TABLE, PEOPLE_TABLE, OPT_OUT_TABLE, PEOPLE_ARCHIVE),
    *(PAGE_FILE, TSNE_PICTURE, SIMILARITY_PICTURE, FACES_PICTURE),
)
WRITTEN = (*WRITTEN_OVER, GROUPS_FILE, CACHE_FILE, *SUBFOLDERS)

LOCK_FILE = ".face-grouping.lock"  # the first file of a run

# A folder with all files of one of these holds results: its pictures of faces are no photos of an
# album. Version 0.1.0 wrote no lock.
MARKS_OF_RESULTS = ((LOCK_FILE,), (GROUPS_FILE, FACES_TABLE))
