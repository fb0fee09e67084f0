"""Keeping a coordinator's sessions on disk while they go on, and listing them again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from devsession.board.log import log
from devsession.coordinator.hibernation import Hibernation
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import ENDED, CoordinatedState
from devsession.coordinator.store import Record, Store
from devsession.errors import RemoteProtocolError

# How long after a change it is on disk, in seconds: what comes meanwhile is written in one.
SAVE_DELAY = 0.2
# How much of a session's output is, in bytes: ten floods of output are 1 MB a second then.
TAIL_KEPT = 16 * 1024
LOST = "lost: its board ended, or was given back, with the program that had it"
LEFT = "the program that had it has ended"


class Keeper:
    """Writes what has changed of sessions to a store, soon after it has."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._changed: dict[str, CoordinatedSession] = {}
        self._timer: asyncio.TimerHandle | None = None

    def records(self) -> Iterator[tuple[Record, Hibernation | None]]:
        """Yield what is kept of an earlier program's sessions, as it is to be now; what cannot be read of one's values is lost."""
        for record in self._store.load():
            try:
                yield record, Hibernation.from_text(record.hibernation) if record.hibernation else None
            except (RemoteProtocolError, ValueError, TypeError, AttributeError) as error:
                log.event("values lost", session=record.name, why=str(error))
                yield record, None

    def changed(self, session: CoordinatedSession) -> None:
        """Have a session written soon."""
        self._changed[session.id] = session
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAVE_DELAY, self.save)

    def save(self) -> None:
        """Write what has changed now; what cannot be written is tried again with the next change."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._changed:
            return
        try:
            self._store.save(record_of(session) for session in self._changed.values())
        except sqlite3.Error as error:
            log.event("sessions not kept", path=str(self._store.path), why=str(error))
            return
        self._changed.clear()

    def forget(self, session: CoordinatedSession) -> None:
        """Keep a session no more."""
        self._changed.pop(session.id, None)
        try:
            self._store.forget(session.id)
        except sqlite3.Error as error:
            log.event("session not forgotten", session=session.name, why=str(error))

    def close(self) -> None:
        """Write what has changed, and close the store."""
        self.save()
        self._store.close()


def record_of(session: CoordinatedSession) -> Record:
    """Return what is kept of a session."""
    _, tail = session.buffer.since(session.buffer.end - TAIL_KEPT)
    return Record(
        id=session.id,
        name=session.name,
        kind=session.kind.value,
        board=session.board,
        is_private=session.is_private,
        state=session.state.value,
        reason=session.reason,
        created=session.created,
        since=session.since,
        namespace=session.namespace,
        printed=session.buffer.end,
        tail=tail,
        hibernation=session.hibernation.to_text() if session.hibernation is not None else None,
        doing=session.doing,
        queue=session.waiting,
        free_heap=session.free_heap,
    )


def state_of(record: Record, hibernation: Hibernation | None) -> tuple[CoordinatedState, str]:
    """Return the state that a kept session is in now, and the reason: what ran has ended with its program."""
    state = CoordinatedState(record.state)
    if state in ENDED:
        return state, record.reason
    if state is CoordinatedState.HIBERNATED:
        return (
            (state, "")
            if hibernation is not None
            else (CoordinatedState.FAILED, "lost: its values cannot be read")
        )
    return (CoordinatedState.FAILED, LOST) if record.is_private else (CoordinatedState.PAUSED, LEFT)
