"""What programs of a session send by themselves, without ``await``."""

from __future__ import annotations

from typing import Self

from devsession.board.messages import Event
from devsession.session import events
from devsession.sync.twin import Block, Fact


class Events(Block[events.Events]):
    """The events of a session from the moment at which this was made; iterate with ``for``, which waits for each.

    As ``devsession.Events``: entering ``with`` puts ``devsession_helper`` on the board at once, leaving it ends the iteration.
    """

    dropped = Fact[int]()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Return the next event, waiting without limit; ends with the session. Raises LinkLostError, LinkClosedError."""
        try:
            return self._loop.run(self._original.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None
