"""How a pool stands, as plain values."""

from __future__ import annotations

import time

from devsession.pool.model import Member
from devsession.pool.planner import Planner
from devsession.pool.runner import Runner
from devsession.pool.snapshot import BoardSnapshot, BoardState, PoolSnapshot, SessionSnapshot

_UNHEALTHY = frozenset({BoardState.RECOVERING, BoardState.QUARANTINED})


def snapshot_of(runner: Runner, *, is_draining: bool) -> PoolSnapshot:
    """Return how a pool stands now."""
    planner, now = runner.planner, time.monotonic()
    members = planner.members.values()
    anonymous = sum(member.lease is not None and member.lease.agent is None for member in members)
    return PoolSnapshot(
        name=runner.config.name,
        provider=runner.provider.name,
        taken_at=time.time(),
        size=planner.size,
        min_size=planner.floor,
        max_size=planner.max_size,
        active=planner.active,
        idle=len(planner.idle),
        unhealthy=sum(member.state in _UNHEALTHY for member in members),
        sessions=sum(len(member.seats) for member in members) + anonymous,
        waiting=len(planner.line),
        is_draining=is_draining,
        boards=tuple(_board(member, now) for member in members),
    )


def sessions_of(planner: Planner) -> tuple[SessionSnapshot, ...]:
    """Return the sessions of a pool, those in use and those that sleep."""
    now = time.monotonic()
    found = []
    for member in planner.members.values():
        lease = member.lease
        if lease is not None and lease.agent is None:
            found.append(SessionSnapshot(None, member.name, lease.fence, 0.0, 1, is_pinned=False))
        for seat in member.seats.values():
            fence = lease.fence if lease is not None and lease.agent == seat.agent else None
            idle = now - seat.last_used if fence is None else 0.0
            found.append(
                SessionSnapshot(seat.agent, member.name, fence, idle, seat.uses, is_pinned=seat.is_pinned)
            )
    return tuple(found)


def _board(member: Member, now: float) -> BoardSnapshot:
    lease, offer = member.lease, member.offer
    is_away = member.state is BoardState.QUARANTINED
    return BoardSnapshot(
        name=offer.name,
        url=offer.url,
        identity=offer.identity,
        tags=offer.tags,
        state=member.state,
        score=member.score,
        reasons=member.reasons,
        strikes=member.strikes,
        agent=lease.agent if lease is not None else None,
        fence=lease.fence if lease is not None else None,
        lease_age=now - lease.since if lease is not None else None,
        sleeping=tuple(seat.agent for seat in member.sleeping()),
        uses=member.uses,
        free_heap=member.free_heap,
        is_pinned=member.is_pinned,
        retry_in=max(0.0, member.retry_at - now) if is_away else None,
    )
