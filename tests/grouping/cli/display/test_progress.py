"""How far a run is."""

import threading

from grouping.cli.display.progress import PhotoProgress
from grouping.errors import SourceError


def test_a_listing_that_fails_leaves_the_total_unknown_without_a_word(monkeypatch):
    """The run lists the photos too, and is the one to say what is wrong."""
    unforeseen = []
    monkeypatch.setattr(threading, "excepthook", unforeseen.append)

    def listed():
        raise SourceError("the bucket cannot be listed")

    with PhotoProgress(listed) as progress:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and thread.daemon:
                thread.join(1)
    assert unforeseen == []
    assert progress.done == 0
