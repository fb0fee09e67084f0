"""Pools as tests show them: whatever they are, without a board."""

from __future__ import annotations

import time

from devsession.pool import events
from devsession.pool.metrics import Meter, PoolMetrics
from devsession.pool.snapshot import BoardSnapshot, BoardState, PoolSnapshot


def board(name: str, state: BoardState = BoardState.IDLE, **known) -> BoardSnapshot:
    told = {
        "url": f"sim:{name}",
        "identity": f"sim:{name}",
        "tags": frozenset({"wifi"}),
        "score": 1.0,
        "reasons": (),
        "strikes": 0,
        "agent": None,
        "fence": None,
        "lease_age": None,
        "sleeping": (),
        "uses": 3,
        "free_heap": 100_000,
        "is_pinned": False,
        "retry_in": None,
    }
    return BoardSnapshot(name=name, state=state, **{**told, **known})


def snapshot(*boards: BoardSnapshot, name: str = "bench", taken_at: float | None = None) -> PoolSnapshot:
    states = [each.state for each in boards]
    unhealthy = states.count(BoardState.QUARANTINED) + states.count(BoardState.RECOVERING)
    return PoolSnapshot(
        name=name,
        provider="fake",
        taken_at=time.time() if taken_at is None else taken_at,
        size=len(boards),
        min_size=1,
        max_size=60,
        active=states.count(BoardState.LEASED),
        idle=states.count(BoardState.IDLE),
        unhealthy=unhealthy,
        sessions=sum(len(each.sleeping) for each in boards),
        waiting=2,
        is_draining=False,
        boards=boards,
    )


def reused(waited: float = 0.00005, *, agent: str = "worker-1", **more) -> events.SessionReused:
    return events.SessionReused(
        pool="bench", board="a", session=agent, agent=agent, fence=1, waited=waited, **more
    )


def figures(shown: PoolSnapshot, *told: events.PoolEvent) -> PoolMetrics:
    meter = Meter()
    for event in told:
        meter(event)
    return meter.read(shown)
