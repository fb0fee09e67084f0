"""A command for the raw REPL, and how it is to be sent."""

from __future__ import annotations

from dataclasses import dataclass

from devsession.errors import LocalProtocolError
from devsession.protocol.records import Key

# What may not stand in the code: raw mode acts on all of them, raw-paste on the last two.
_PLAIN_FORBIDDEN = frozenset(b"\x01\x02\x03\x04")
_PASTE_FORBIDDEN = frozenset(b"\x03\x04")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``code`` as sent, ``key`` of its records (``None``: framed by the raw REPL alone), ``paste`` to ask for raw-paste.

    Raises LocalProtocolError when the code holds a control byte that the REPL would act on, or is empty: an empty plain command is a
    soft reset.
    """

    code: bytes
    key: Key | None = None
    paste: bool = False

    def __post_init__(self) -> None:
        forbidden = _PASTE_FORBIDDEN if self.paste else _PLAIN_FORBIDDEN
        found = forbidden.intersection(self.code)
        if found:
            raise LocalProtocolError(
                f"the code holds the control byte 0x{min(found):02x}", phase="exec", hint="escape it"
            )
        if not self.code and not self.paste:
            raise LocalProtocolError("an empty plain command would soft-reset the board", phase="exec")
