"""What a pool does when nobody asks: probes, expired leases, idle sessions and boards, old boards; pure, ``now`` passed in."""

from __future__ import annotations

from collections.abc import Iterator

from devsession.pool.events import Evicted
from devsession.pool.model import Action, Check, Close, Evict, Expire, Member, Scale
from devsession.pool.planner import Planner
from devsession.pool.snapshot import BoardState

# Why boards are closed when a pool was made smaller.
TOO_MANY = "the pool is smaller"


def due(planner: Planner, now: float) -> list[Action]:
    """Decide what is to be done now, and note it down; it is asked again after each time that ``next_time`` tells."""
    actions: list[Action] = [
        Expire(lease)
        for member in planner.members.values()
        if (lease := member.lease) is not None and lease.expires_at is not None and lease.expires_at <= now
    ]
    actions += _surplus(planner)
    actions += _idle_sessions(planner, now)
    actions += _idle_boards(planner, now)
    for member in tuple(planner.idle.values()):
        if member.is_going or (
            member.renew_at is not None and member.renew_at <= now and not member.is_pinned
        ):
            reason, because = ("removed", Evicted.CLOSED) if member.is_going else ("old", Evicted.LIFETIME)
            planner.go(member, BoardState.CLOSING)
            actions.append(Close(member, reason, because))
        elif member.check_at <= now:
            planner.go(member, BoardState.CHECKING)
            actions.append(Check(member))
    return actions + planner.ahead(now) + planner.fill(now)


def next_time(planner: Planner, now: float) -> float:
    """Return when there may be something to do next, on the clock of ``now``; infinity for never.

    What is due and was not done waits for something else to happen.
    """
    return min((at for at in _times(planner) if at > now), default=float("inf"))


def _times(planner: Planner) -> Iterator[float]:
    config = planner.config
    for member in planner.members.values():
        if member.lease is not None and member.lease.expires_at is not None:
            yield member.lease.expires_at
        if member.state is BoardState.IDLE:
            yield member.check_at
            if member.renew_at is not None and not member.is_pinned:
                yield member.renew_at
            yield from (
                seat.last_used + config.idle_timeout for seat in member.seats.values() if not seat.is_pinned
            )
            if planner.size > planner.floor and not member.is_pinned:
                yield max(member.last_used, member.opened_at) + config.idle_timeout
        elif member.state in {BoardState.CLOSED, BoardState.QUARANTINED}:
            yield member.retry_at
    yield planner.create_at
    yield from (waiter.since + config.affinity_wait for waiter in planner.line)


def _idle_sessions(planner: Planner, now: float) -> Iterator[Action]:
    for member in tuple(planner.idle.values()):
        late = tuple(
            seat.agent
            for seat in member.seats.values()
            if not seat.is_pinned and seat.last_used + planner.config.idle_timeout <= now
        )
        if late:
            planner.go(member, BoardState.CHECKING)
            yield Evict(member, late, Evicted.IDLE)


def _idle_boards(planner: Planner, now: float) -> list[Action]:
    """Close boards that nobody wanted for long, a step at a time, as long as those that stay are not busy by that."""
    config, size, active = planner.config, planner.size, planner.active
    if len(planner.line) or (config.autoscale and size and active / size > config.shrink_threshold):
        return []
    late = [
        member
        for member in planner.idle.values()
        if not member.is_pinned and max(member.last_used, member.opened_at) + config.idle_timeout <= now
    ]
    late.sort(key=lambda member: member.last_used)
    surplus = late[: min(size - planner.floor, config.autoscale_step)] if size > planner.floor else []
    if not surplus:
        return []
    return [Scale(size, size - len(surplus), active / size), *(_closed(planner, one) for one in surplus)]


def _closed(planner: Planner, member: Member) -> Close:
    planner.go(member, BoardState.CLOSING)
    return Close(member, "idle", Evicted.IDLE)


def _surplus(planner: Planner) -> list[Action]:
    """Close idle boards of a pool that was made smaller; those that are leased are closed when they are given back."""
    surplus = max(0, planner.size - planner.max_size)
    actions: list[Action] = []
    for member in sorted(planner.idle.values(), key=lambda one: (one.is_pinned, one.last_used))[:surplus]:
        planner.go(member, BoardState.CLOSING)
        actions.append(Close(member, TOO_MANY))
    return actions
