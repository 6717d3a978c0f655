"""The socket of a service: what it sends goes at once."""

import asyncio
import socket

import pytest

from grouping.service.web.listening import bound_socket


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_answers_do_not_wait_for_confirmations(host):
    try:
        listening = bound_socket(host, 0)
    except OSError:
        pytest.skip("the machine has no IPv6")
    found = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            taken = transport.get_extra_info("socket")
            found.append(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def connect():
        server = await asyncio.get_running_loop().create_server(Protocol, sock=listening)
        reader, writer = await asyncio.open_connection(*listening.getsockname()[:2])
        await reader.read()
        writer.close()
        server.close()

    asyncio.run(connect())
    assert found
    assert all(found)


def test_a_port_in_use_is_told():
    listening = bound_socket("127.0.0.1", 0)
    with listening, pytest.raises(OSError, match="in use"):
        bound_socket("127.0.0.1", listening.getsockname()[1])
