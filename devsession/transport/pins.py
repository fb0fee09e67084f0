"""What becomes of a port's modem lines: at open, and to reset the board behind it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devsession.transport.base import ModemLines


@dataclass(frozen=True, slots=True)
class Pulse:
    """How modem lines reset a board: each step sets DTR and RTS in one go (``None``: as it is) and holds them, in seconds."""

    steps: tuple[tuple[bool | None, bool | None, float], ...]

    async def give(self, lines: ModemLines, pins: Pins) -> None:
        """Reset the board, and leave the lines as ``pins`` has them; when cancelled they stay as the last step left them."""
        for dtr, rts, seconds in self.steps:
            # In a thread: behind a network port each change waits for its acknowledgement.
            await asyncio.to_thread(lines.set, dtr=dtr, rts=rts)
            await asyncio.sleep(seconds)
        await asyncio.to_thread(lines.set, dtr=pins.dtr, rts=pins.rts)


# Espressif's circuit of two transistors, on its boards with a USB bridge and in chips with USB of their own: RTS alone is EN (reset), DTR
# alone GPIO0 (boot loader), both together are neither. 0.1 s is what esptool holds.
ESPRESSIF = Pulse(((False, True, 0.1), (False, False, 0.0)))
# DTR through a capacitor to the reset pin: its falling edge resets.
DTR_EDGE = Pulse(((False, None, 0.1), (True, None, 0.0)))


@dataclass(frozen=True, slots=True)
class Pins:
    """What becomes of DTR and RTS at open: ``True`` asserted, ``False`` not, ``None`` left as it is.

    The default is what boards on USB CDC need: without DTR they print nothing. ``pulse`` is how the lines reset the board, ``None`` where
    they do not.
    """

    dtr: bool | None = True
    rts: bool | None = True
    pulse: Pulse | None = None


# Bridges and chips that Espressif's boards have; on others the pulse does nothing.
_ESPRESSIF_VENDORS = frozenset({0x303A, 0x10C4, 0x1A86, 0x0403})


def pins_of(vid: int | None) -> Pins:
    """Return what the lines of a device of this USB vendor probably do."""
    return Pins(pulse=ESPRESSIF) if vid in _ESPRESSIF_VENDORS else Pins()
