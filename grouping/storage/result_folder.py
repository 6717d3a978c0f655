"""The names of all files and folders in a folder of results, each written here once."""

from __future__ import annotations

GROUPS_FILE = "groups.json"  # the document; always the last to appear in a bucket
FAILURES_FILE = "failures.csv"
FACES_TABLE = "faces.csv"
GROUPS_TABLE = "groups.csv"
CACHE_FILE = "cache.sqlite"  # where no other file is named
CORRECTIONS_FILE = "corrections.toml"
CORRECTIONS_PATTERN = "corrections*.toml"  # browsers number what is downloaded again

PAGE_FILE = "index.html"
TSNE_PICTURE = "tsne.png"
SIMILARITY_PICTURE = "similarity.png"
FACES_PICTURE = "faces.png"
SHEETS_FOLDER = "groups"
THUMBNAILS_FOLDER = "thumbs"

PEOPLE_FOLDER = "people"
PEOPLE_ARCHIVE = "people.zip"
SIDECARS_FOLDER = "sidecars"

# All lie in every folder of results: its pictures of faces are no photos of an album.
MARKS_OF_RESULTS = (GROUPS_FILE, FACES_TABLE)
