"""What a manager knows of its board: what it is and can do, and that it is still the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devsession.board.board import Board
from devsession.board.log import log
from devsession.errors import BoardSwappedError, DeviceError, SessionError
from devsession.session.listeners import Listeners

if TYPE_CHECKING:
    # pydantic takes its time, and is not needed before a board was asked.
    from devsession.session.capabilities import Change, DeviceCapabilities, Performance


@dataclass(frozen=True, slots=True)
class CapabilitiesChange:
    """A board is found to be another than before: what it is, and what of that is new."""

    capabilities: DeviceCapabilities
    changes: tuple[Change, ...]


class Facts:
    """The capabilities of one board; ``changed`` tells listeners what is another than before."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._known: DeviceCapabilities | None = None
        self.changed: Listeners[CapabilitiesChange] = Listeners()

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What is known; raises SessionError where nothing is."""
        if self._known is None:
            raise SessionError("nothing is known of the board before it was connected", board=self._board.url)
        return self._known

    async def recall(self) -> None:
        """Ask which board this is, and for all the rest where that is not known; a board without room for the question stays unknown.

        Raises BoardSwappedError when it is another than before, and what ``devsession.recall`` does for the link and the deadline.
        """
        from devsession.session.capability_cache import recall

        try:
            found = await recall(self._board)
        except DeviceError as error:
            log.event("capabilities unknown", board=self._board.url, why=str(error))
            return
        expected = self._known.unique_id if self._known is not None else None
        if expected and found.unique_id and expected != found.unique_id:
            raise BoardSwappedError(
                "another board answers where the known one was",
                expected=expected,
                found=found.unique_id,
                board=self._board.url,
            )
        self._know(found)

    async def refresh(self) -> tuple[Change, ...]:
        """Ask for everything anew, and return what differs; raises what ``probe`` does."""
        from devsession.session.capability_cache import refresh

        return self._know((await refresh(self._board, self.capabilities)).capabilities)

    async def measure(self) -> Performance:
        """Measure how fast the board and the link to it are, and keep it; raises what ``devsession.measure`` does."""
        from devsession.session.measure import measure

        performance = await measure(self._board)
        self._know(self.capabilities.model_copy(update={"performance": performance}))
        return performance

    def widths(self) -> tuple[int, int | None]:
        """Return how many bits floats and integers have; doubles, and integers of any length, where that is not known."""
        if self._known is None or self._known.float_bits is None:
            return 64, None
        return self._known.float_bits, self._known.int_bits or None

    def _know(self, found: DeviceCapabilities) -> tuple[Change, ...]:
        known, self._known = self._known, found
        changes = known.changes(found) if known is not None else ()
        if changes:
            self.changed(CapabilitiesChange(found, changes))
        return changes
