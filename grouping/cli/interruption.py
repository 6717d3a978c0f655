"""Ctrl-C, and SIGTERM, which is what it is to services: the photos in flight, then an end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

INTERRUPTED = 130  # exit code
# After the second signal, for what is half-written. C code that is busy with a photo hears nothing
# of signals before it is done.
GRACE_SECONDS = 3.0


def stop_as_ctrl_c() -> None:
    """Have SIGTERM raise KeyboardInterrupt, so that what is half-written is tidied up."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Let the first Ctrl-C or SIGTERM ask for a stop, and the second one insist."""
    stop = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("\nstopping after the photos in flight; Ctrl-C again quits now", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _insistence():
            yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextmanager
def _insistence() -> Iterator[None]:
    """End the process some seconds after a second signal, whatever it is busy with.

    Python calls its handlers between two of its own instructions; the bytes that it writes for each
    signal arrive at once, and a thread reads them.
    """
    signals, written = os.pipe()
    os.set_blocking(written, False)
    over = threading.Event()
    before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(signals, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(written)  # the thread reads its end


def _watch(signals: int, over: threading.Event) -> None:
    """Read a byte a signal from a pipe; after the second wait for the end, but not for long."""
    heard = 0
    with open(signals, "rb", buffering=0) as pipe:
        while heard < 2:
            data = pipe.read(64)
            if not data:
                return
            heard += sum(byte in (signal.SIGINT, signal.SIGTERM) for byte in data)
    if not over.wait(GRACE_SECONDS):
        _quit()


def _quit() -> NoReturn:
    sys.stderr.write("interrupted\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)
