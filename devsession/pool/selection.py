"""Which of several boards a caller gets, and which session goes first: one function for each way in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from devsession.pool.config import Eviction, Selection
from devsession.pool.model import Member, Seat

# What each way prefers is the least of these; ``last`` is the number of the board given last.
_BOARDS: dict[Selection, Callable[[Member, int], Any]] = {
    Selection.LEAST_RECENTLY_USED: lambda member, _: member.last_used,
    Selection.ROUND_ROBIN: lambda member, last: (member.number <= last, member.number),
    Selection.LEAST_LOADED: lambda member, _: (len(member.seats), member.last_used),
    Selection.WEIGHTED: lambda member, _: ((member.uses + 1) / member.offer.weight, member.last_used),
}
_SEATS: dict[Eviction, Callable[[Seat], Any]] = {
    Eviction.LEAST_RECENTLY_USED: lambda seat: seat.last_used,
    Eviction.LEAST_FREQUENTLY_USED: lambda seat: (seat.uses, seat.last_used),
}


def choose(members: Sequence[Member], selection: Selection, last: int) -> Member:
    """Return the board to give out of those that would do."""
    order = _BOARDS[selection]
    return min(members, key=lambda member: order(member, last))


def victims(member: Member, count: int, eviction: Eviction) -> list[Seat]:
    """Return the sessions on a board to end first, ``count`` of them at most; those that are pinned stay."""
    loose = [seat for seat in member.sleeping() if not seat.is_pinned]
    return sorted(loose, key=_SEATS[eviction])[: max(count, 0)]


def least_missed(members: Sequence[Member], eviction: Eviction) -> Member:
    """Return the board whose session to end is missed least."""
    order = _SEATS[eviction]
    return min(members, key=lambda member: order(victims(member, 1, eviction)[0]))
