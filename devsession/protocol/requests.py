"""What a program on the board asks of the host while it runs, and the answers, as firmware_helpers/mount.py sends and reads them."""

from __future__ import annotations

from dataclasses import dataclass

from devsession.errors import RemoteProtocolError
from devsession.protocol import values
from devsession.protocol.records import checksum
from devsession.protocol.segments import MARK, Form

# What an answer begins with: nothing that a form encodes holds it.
BEGIN = MARK + b"A"
# Digits of each number in front of an answer, and the most that they can say.
_LARGEST = 0xFFFF
# What a request that wants no answer has for a number, and what tells that an answer was not awaited to its end.
ONE_WAY = -1
GIVEN_UP = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its ``number``, who is asked, for what, and with which arguments."""

    number: int
    service: int = 0
    verb: str = ""
    arguments: tuple[str | int, ...] = ()


def parse(payload: bytes) -> Request | None:
    """Return what a record of the kind Q asks, ``None`` where that is no request."""
    try:
        told = values.parse(payload.decode())
    except (RemoteProtocolError, ValueError):
        return None
    match told:
        case (0,):
            return Request(GIVEN_UP)
        case (int(number), int(service), str(verb), *arguments) if (
            number == ONE_WAY or 0 < number <= _LARGEST
        ):
            plain = all(isinstance(argument, str | int) for argument in arguments)
            return Request(number, service, verb, tuple(arguments)) if plain else None
        case _:
            return None


def encode(number: int, form: Form, data: bytes = b"", errno: int = 0) -> bytes:
    """Return an answer: ``data`` as the board takes it, or the number of an error."""
    body = form.encode(data)
    check = (checksum(body) + errno + len(body)) & _LARGEST
    return BEGIN + b"%04x%04x%04x%04x" % (number, errno, len(body), check) + body


def fitting(data: bytes, size: int, form: Form) -> bytes:
    """Return as much of ``data`` as is at most ``size`` bytes on its way."""
    while (length := len(form.encode(data))) > size:
        data = data[: min(len(data) * size // length, len(data) - 1)]
    return data
