"""Which network addresses a photo may be fetched from.

An address that a stranger sends may lead into the operator's own network: to a router, a
database, or the metadata service of a cloud (server-side request forgery). Names are
therefore resolved here, only public addresses pass, and the caller connects to exactly the
address that passed: a name that resolves differently a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self

from grouping.errors import ConfigError, FetchError
from grouping.storage.retry import Deadline

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Called global by ``ipaddress`` (in some Python versions), yet not a place for photos.
REFUSED_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's host agent and metadata
        "192.0.0.0/24",  # IETF protocol assignments; Oracle Cloud metadata
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "::/96",  # IPv4-compatible, RFC 4291: ::127.0.0.1
        "64:ff9b:1::/48",  # local NAT64, RFC 8215
        "2001::/23",  # IETF protocol assignments with Teredo, RFC 2928
        "2002::/16",  # 6to4, RFC 3056: 2002:7f00:1:: is 127.0.0.1
        "3fff::/20",  # for documentation, RFC 9637
        "fec0::/10",  # site-local, RFC 3879
    )
)
MOST_LOOK_UPS = 32  # at a time, those counted that were left behind
_look_ups = threading.BoundedSemaphore(MOST_LOOK_UPS)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are IPv4


def is_public(address: Address) -> bool:
    """Whether anyone on the internet could be reached at it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(_contains(network, address) for network in REFUSED_NETWORKS)


@dataclass(frozen=True)
class AddressPolicy:
    """Public addresses, and those that the operator allowed by name or network."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, allowed: Iterable[str]) -> Self:
        """From host names, addresses and networks: ``["nas.local", "10.1.0.0/16"]``.

        Raises:
            ConfigError: an entry is none of these.
        """
        hosts, networks = set(), []
        for entry in allowed:
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError:
                hosts.add(_host_name(entry))
        return cls(frozenset(hosts), tuple(networks))

    def resolve(self, host: str, port: int, deadline: Deadline | None = None) -> list[str]:
        """The addresses of ``host`` that may be connected to, in the resolver's order.

        Args:
            host: name or address.
            port: that will be connected to.
            deadline: for the resolver, which has no time limit of its own; None waits for it.

        Raises:
            FetchError: there are none, the name is unknown or the time is over.
        """
        found = _look_up(host, port) if deadline is None else _look_up_within(host, port, deadline)
        permitted = [text for text in found if self._permits(host, ipaddress.ip_address(text))]
        if not permitted:
            raise FetchError(
                f"refused: {host} is at a private or reserved address; "
                "allow the host or its network with --allow-host or HttpOptions(allowed=...)"
            )
        return permitted

    def _permits(self, host: str, address: Address) -> bool:
        if host.lower().rstrip(".") in self.hosts or is_public(address):
            return True
        return any(_contains(network, address) for network in self.networks)


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _host_name(entry: str) -> str:
    name = entry.lower().rstrip(".")
    if not name or any(c in "/:@?# " for c in name):
        raise ConfigError(f"{entry!r} is not a host, address or network (a.example, 10.0.0.0/8)")
    return name


def _look_up(host: str, port: int) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        passing = error.errno == socket.EAI_AGAIN
        raise FetchError(f"the host {host:.80} cannot be found", retryable=passing) from error
    except UnicodeError as error:
        raise FetchError(f"{host!r:.80} is not a host name") from error
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _look_up_within(host: str, port: int, deadline: Deadline) -> list[str]:
    """Look up in a thread, since nothing ends a resolver; it is left behind where time is up."""
    if not _look_ups.acquire(timeout=deadline.remaining):
        raise deadline.error()
    found: Future[list[str]] = Future()

    def work() -> None:
        try:
            found.set_result(_look_up(host, port))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            found.set_exception(error)
        finally:
            _look_ups.release()

    threading.Thread(target=work, name="look-up", daemon=True).start()
    try:
        return found.result(timeout=deadline.remaining)
    except TimeoutError as error:
        raise deadline.error() from error
