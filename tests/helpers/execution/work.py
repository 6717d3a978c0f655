"""Work for worker processes; a module of its own, because the processes import it."""

import os
import signal
import threading
import time
from pathlib import Path

from grouping.errors import DecodeError, ModelError


def square():
    return squares


def squares(items):
    return [item * item for item in items]


def by_instruction():
    """Gives work that does what each item says; any number is squared."""
    return follow


def follow(items):
    return [obey(item) for item in items]


def obey(item):
    if isinstance(item, int):
        return item * item
    verb, _, argument = item.partition(" ")
    match verb:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die-once":  # argument: a file that tells that it happened
            if not Path(argument).exists():
                Path(argument).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ValueError(argument)
        case "refuse":
            raise DecodeError(argument)
        case "model":
            raise ModelError(argument)
        case "sleep":
            time.sleep(float(argument))
        case "interrupt-parent":
            threading.Timer(0.2, os.kill, (os.getppid(), signal.SIGINT)).start()
            time.sleep(60)
        case "sigint":
            os.kill(os.getpid(), signal.SIGINT)
    return f"{verb} done by {os.getpid()}"


def cannot_start():
    raise RuntimeError("no such accelerator")


def without_model():
    raise ModelError("checkpoint x.pth is missing")


class EndsTheProcess:
    """Unpickled in the worker before it is ready: what an unguarded main program amounts to."""

    def __reduce__(self):
        return os._exit, (1,)
