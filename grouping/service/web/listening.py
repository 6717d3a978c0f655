"""The socket of a service, bound before anything long is done."""

from __future__ import annotations

import socket

BACKLOG = 1024


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: the address is not of this machine, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening
