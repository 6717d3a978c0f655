"""The log as JSON: every line of it, whoever wrote it."""

import json
import logging
import subprocess
import sys
from contextlib import suppress

from PIL import Image

from grouping.cli.display.logs import set_up_logging
from grouping.errors import FetchError
from tests.helpers.paths import ROOT
from tests.helpers.photo_files.files import picture, written

PROGRAM = r"""
import os, subprocess, sys
from contextlib import suppress
from grouping.cli.display.logs import note, set_up_logging
from grouping.faces.decoding import decode_photo
set_up_logging(as_json=True, verbose=False)
with suppress(ValueError):
    decode_photo(sys.stdin.buffer.read())
note("decoded")
subprocess.run([sys.executable, "-c", "import os; os.write(2, b'of a child\\n')"])
os.write(2, b"\xff" + b"x" * 100_000 + b"\nlast, without an end\n")
"""


def logged(data):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=data, capture_output=True, cwd=ROOT, check=True
    )
    return [json.loads(line) for line in run.stderr.decode().splitlines()]


def broken_tiff():
    """Its strip ends too early, of which libtiff has something to say."""
    data = bytearray(
        written(
            picture().resize((600, 400), Image.Resampling.BICUBIC), "TIFF", compression="tiff_lzw"
        )
    )
    data[200:2000] = bytes(1800)
    return bytes(data)


def test_lines_of_libraries_become_events():
    events = logged(broken_tiff())
    said = [event["message"] for event in events if event["event"] == "library"]
    assert any("LZW" in message or "TIFF" in message for message in said)
    assert "of a child" in said
    assert said[-1] == "last, without an end"
    assert max(map(len, said)) <= 1000
    assert "decoded" in {event["event"] for event in events}


def test_warnings_of_libraries_show_no_address(capsys, monkeypatch):
    """urllib3 logs the whole address of an answer whose headers break off, and a traceback."""
    from grouping.sources.web.http_photo import HttpOptions, fetch
    from tests.helpers.services.servers import RawServer

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    levels = {name: logging.getLogger(name).level for name in ("", "grouping", "urllib3")}
    try:
        set_up_logging(as_json=False, verbose=True)
        with RawServer() as server:
            server.answer = b"HTTP/1.1 200 OK\r\nX: y\r\nS"
            with suppress(FetchError):
                options = HttpOptions(allowed=("127.0.0.1",), attempts=1)
                fetch(f"{server.url}/a.jpg?token=hunter2", options, 1000)
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    assert capsys.readouterr().err == ""
