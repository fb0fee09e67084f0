"""What the machines on one wire share: the state, bytes not understood yet, bytes to write, events to tell."""

from __future__ import annotations

from devsession.errors import LocalProtocolError
from devsession.protocol.buffer import ReceiveBuffer
from devsession.protocol.events import Event, Stray
from devsession.protocol.states import TRANSITIONS, Move, State
from devsession.protocol.titles import TitleFilter


class Conversation:
    """The one place where the state changes, always by the table."""

    def __init__(self) -> None:
        self.state = State.DETACHED
        self.buffer = ReceiveBuffer()
        self.titles = TitleFilter()
        self._outgoing = bytearray()
        self._events: list[Event] = []

    def move(self, move: Move) -> None:
        """Go where the table says; raises LocalProtocolError and stays where it says nothing."""
        try:
            self.state = TRANSITIONS[self.state][move]
        except KeyError:
            raise LocalProtocolError(
                f"cannot {move.value} while {self.state.value}", phase="protocol"
            ) from None

    def write(self, data: bytes) -> None:
        """Have ``data`` written to the board."""
        self._outgoing += data

    def tell(self, event: Event) -> None:
        """Tell an event."""
        self._events.append(event)

    def stray(self, data: bytes) -> None:
        """Tell bytes that belong to no command, without title sequences."""
        data = self.titles.feed(data) if data else b""
        if data:
            self.tell(Stray(data))

    def before(self, pattern: bytes) -> tuple[bytes, bool]:
        """Take what stands before ``pattern``, and the pattern; everything, while it is not there."""
        at = self.buffer.find(pattern)
        if at < 0:
            return self.buffer.clear(), False
        data = self.buffer.take(at)
        self.buffer.take(len(pattern))
        return data, True

    def take_outgoing(self) -> bytes:
        """Take the bytes that are to be written now."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def take_events(self) -> list[Event]:
        """Take the events that were told since the last time."""
        events, self._events = self._events, []
        return events
