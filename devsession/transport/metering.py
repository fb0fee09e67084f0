"""Counting what passes: bytes and turns do not depend on the machine, so they can be compared and asserted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from devsession.transport.base import Transport
from devsession.transport.wrapper import WrappedTransport


@dataclass(slots=True)
class Meter:
    """Bytes to the board, bytes from it, and turns: changes on the wire from host→board to board→host."""

    up: int = 0
    down: int = 0
    turns: int = 0

    def __sub__(self, earlier: Meter) -> Meter:
        return Meter(self.up - earlier.up, self.down - earlier.down, self.turns - earlier.turns)


class MeteredTransport(WrappedTransport):
    """Counts the bytes and turns of ``inner``; ``meter`` is the count so far, ``snapshot()`` a copy to subtract later."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.meter = Meter()
        self._our_turn = False

    def snapshot(self) -> Meter:
        """Return the count so far."""
        return replace(self.meter)

    def _wrote(self, data: bytes) -> None:
        self.meter.up += len(data)
        self._our_turn = True

    def _read(self, data: bytes) -> None:
        self.meter.down += len(data)
        self.meter.turns += self._our_turn
        self._our_turn = False
