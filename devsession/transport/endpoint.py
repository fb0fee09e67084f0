"""Where a server of serial ports has a board, as other tools describe it: a host, a port and a protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from devsession.errors import UsageError

# What labgrid and others call the protocols, and the URLs that mean them. Servers of ports without modem lines, such as pseudo-terminals,
# do not acknowledge them: nobody waits for that.
_FORMS = {
    "rfc2217": "rfc2217://{}?ign_set_control",
    "raw": "socket://{}",
    "socket": "socket://{}",
    "tcp": "socket://{}",
}
# Of several ports of a target the one that labgrid itself would choose.
_DEFAULT = "default"


class Endpoint(Protocol):
    """A port on the network, such as labgrid's NetworkSerialPort: ``protocol`` is ``rfc2217``, ``raw``, ``socket`` or ``tcp``."""

    host: str
    port: int
    protocol: str


class Target(Protocol):
    """A target of labgrid's: what counts are its resources."""

    resources: list[Any]

    def await_resources(self, resources: Iterable[Any]) -> None:
        """Wait until they are there, for as long as labgrid does: 10 s."""


def endpoint_url(host: str, port: int, protocol: str = "rfc2217") -> str:
    """Return the URL of a port on the network; raises UsageError for a protocol that is none of links."""
    form = _FORMS.get(protocol.lower())
    if form is None:
        raise UsageError(f"{protocol!r} is no protocol of a link", hint=f"known are {', '.join(_FORMS)}")
    return form.format(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def url_of(board: str | Endpoint | Target) -> str:
    """Return the URL of a board: itself, that of a port on the network, or that of a labgrid target's serial port.

    A target's port has to be there or come within labgrid's own limit of 10 s, for which this blocks. Raises UsageError, and what labgrid
    does where it does not come.
    """
    if isinstance(board, str):
        return board
    if hasattr(board, "await_resources"):
        return _url(_serial_port(board))
    return _url(board)


def _serial_port(target: Any) -> Any:
    ports = [each for each in target.resources if hasattr(each, "port") and hasattr(each, "speed")]
    named = [each for each in ports if getattr(each, "name", None) == _DEFAULT]
    chosen = ports if len(ports) == 1 else named
    if len(chosen) != 1:
        raise UsageError(
            f"{target!r} has {len(ports)} serial ports",
            hint="give the one that is meant, a NetworkSerialPort",
        )
    target.await_resources(chosen)
    return chosen[0]


def _url(found: Any) -> str:
    host, port = getattr(found, "host", None), getattr(found, "port", None)
    if (getattr(found, "extra", None) or {}).get("proxy_required"):
        raise UsageError(
            f"{found!r} is reached by ssh alone",
            hint="labgrid.util.proxy.proxymanager.get_host_and_port(port) makes a tunnel, and says where it begins",
        )
    if isinstance(host, str) and isinstance(port, int):
        return endpoint_url(host, port, getattr(found, "protocol", "rfc2217"))
    if host is None and isinstance(port, str):
        # One of this computer.
        return port
    raise UsageError(
        f"{found!r} names no board",
        hint="a URL, a labgrid Target, or anything with host, port and protocol",
    )
