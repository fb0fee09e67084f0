"""What a board is sent to see a directory of this side: firmware_helpers/mount.py behind what it needs on this board."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from devsession.board.helper import compact
from devsession.protocol.segments import Coding, Form
from devsession.protocol.tracebacks import UNSEEN
from devsession.session.files.transfer_code import TAKEN, Program, form_of
from devsession.transport.base import Flow

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities

# A block is on the board as it came, as it was sent, and in parts of it: this share of the heap leaves room for that.
BLOCK_SHARE = 16
BLOCK_LEAST = 512
BLOCK_MOST = 16384

# How what a program writes is made text, as its requests are.
_WRITTEN = {
    Coding.BASE64: "from binascii import b2a_base64 as Y\ndef y(b):return str(Y(b)[:-1],'utf-8')\n",
    Coding.HEX: "from binascii import hexlify as Y\ndef y(b):return str(Y(b),'utf-8')\n",
}


@functools.cache
def mounting(coding: Coding, written: Coding, *, can_name: bool) -> Program:
    """Return the program that mounts and unmounts; answers come in one coding, what is written goes in another.

    ``can_name``: whether the board compiles what has a name.
    """
    head = f"B={int(coding is Coding.BINARY)}\n"
    text = head + TAKEN[coding] + _WRITTEN[written] + compact("mount.py")
    return Program("mount", text, UNSEEN if can_name else "")


def forms_of(capabilities: DeviceCapabilities, heap: int) -> tuple[Form, Coding] | None:
    """Return how a board with so much free heap takes answers and gives what is written, ``None`` where it can do neither."""
    found = form_of(capabilities, heap)
    texts = [coding for coding in _WRITTEN if coding.value in (capabilities.encodings or ())]
    return (found[0], texts[0]) if found and texts else None


def block_of(heap: int, flow: Flow) -> int:
    """Return how many bytes an answer may have on its way: the board reads it at once, but a bare UART waits for nobody."""
    most = BLOCK_MOST if flow.controlled else BLOCK_LEAST
    return min(most, max(BLOCK_LEAST, 1 << (heap // BLOCK_SHARE).bit_length() - 1))
