"""The URLs of boards that are reached through pyserial's URL handlers, and what it means when one cannot be opened."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from devsession.errors import (
    HostNotFoundError,
    HostUnreachableError,
    LinkError,
    NegotiationError,
    PortRefusedError,
    UsageError,
)

_FORMS = {
    "socket": "socket://HOST:PORT",
    "rfc2217": "rfc2217://HOST:PORT or rfc2217://HOST:PORT?ign_set_control",
    "loop": "loop://",
}
SCHEMES = tuple(_FORMS)
# What pyserial's handlers understand behind the question mark.
_OPTIONS = {
    "socket": {"logging"},
    "rfc2217": {"ign_set_control", "poll_modem", "timeout", "logging"},
    "loop": {"logging"},
}


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A URL taken apart: ``host`` and ``port`` are ``None`` for ``loop://``, ``query`` holds pyserial's options."""

    url: str
    scheme: str
    host: str | None = None
    port: int | None = None
    query: str = ""

    @classmethod
    def parse(cls, url: str) -> RemoteAddress:
        """Read a URL; raises UsageError naming the part that cannot be."""
        parts = urlsplit(url)
        form = _FORMS[parts.scheme]
        options = parse_qs(parts.query, keep_blank_values=True)
        unknown = set(options) - _OPTIONS[parts.scheme]
        if unknown:
            known = ", ".join(sorted(_OPTIONS[parts.scheme]))
            raise UsageError(
                f"unknown option {', '.join(sorted(unknown))}", board=url, hint=f"known: {known}"
            )
        _check_timeout(options, url)
        if parts.scheme == "loop":
            if parts.netloc or parts.path:
                raise UsageError("a loop leads to nobody but itself", board=url, hint=form)
            return cls(url, "loop", query=parts.query)
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(
                f"the port is not a number up to 65535: {url!r}", board=url, hint=form
            ) from error
        if not parts.hostname or not port or parts.path.strip("/"):
            raise UsageError("a host and a port are needed, and nothing else", board=url, hint=form)
        return cls(url, parts.scheme, parts.hostname, port, parts.query)

    @property
    def place(self) -> str:
        """``HOST:PORT``, with the brackets that an IPv6 address needs."""
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host
        return "" if host is None else f"{host}:{self.port}"

    @property
    def identity(self) -> str:
        """The URL in its one form: lower case, without options, as those change nothing of which board it is."""
        return f"{self.scheme}://{self.place}"

    def refusal(self, error: Exception) -> LinkError:
        """Word why pyserial could not open the URL."""
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        said = str(error)
        for kinds, wording in (
            (socket.gaierror, self._no_host),
            (ConnectionRefusedError, self._refused),
        ):
            if isinstance(cause, kinds):
                return wording()
        if said.startswith("Could not open port"):
            return HostUnreachableError(
                f"{self.host} cannot be reached: {_reason(cause)}",
                board=self.url,
                phase="open",
                hint=f"is the machine on, and does a way lead to it? ping {self.host}",
            )
        if self.scheme == "rfc2217":
            return self._disagreement(said)
        return LinkError(f"the link cannot be opened: {said}", board=self.url, phase="open")

    def _no_host(self) -> LinkError:
        return HostNotFoundError(
            f"no host is named {self.host}", board=self.url, phase="open", hint="is the name spelt right?"
        )

    def _refused(self) -> LinkError:
        return PortRefusedError(
            f"nobody listens at port {self.port} of {self.host}",
            board=self.url,
            phase="open",
            hint="is the server (ser2net, esp_rfc2217_server) running, and is the port right?",
        )

    def _disagreement(self, said: str) -> LinkError:
        if "'control'" in said:
            return NegotiationError(
                "the port behind the server has no modem lines, or the server does not acknowledge them",
                board=self.url,
                phase="open",
                hint=f"rfc2217://{self.place}?ign_set_control" + (f"&{self.query}" if self.query else ""),
            )
        return NegotiationError(
            f"what answers at {self.place} does not speak RFC 2217 to us: {said}",
            board=self.url,
            phase="open",
            hint=f"socket://{self.place} for a plain TCP server; a server that allows one client hangs up on a second one",
        )


def _check_timeout(options: dict[str, list[str]], url: str) -> None:
    for text in options.get("timeout", ()):
        try:
            positive = float(text) > 0
        except ValueError:
            positive = False
        if not positive:
            raise UsageError(f"timeout={text} is no number of seconds", board=url, hint="timeout=3")


def _reason(error: BaseException) -> str:
    # The system's words, without its number.
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
