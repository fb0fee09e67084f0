"""Boards killed at random while agents work: every caller gets a right answer or an error that says what happened, and all is well after."""

import asyncio
import os
import random
from collections import Counter

import pytest
from boards_at_work import kill_interpreter, unplug, until

from devsession import (
    DeadlineError,
    DeviceResetError,
    DevsessionError,
    LeaseLost,
    RecoveryError,
    SessionPool,
    UncertainExecutionError,
)
from devsession.pool.snapshot import BoardState

SOAK = os.environ.get("DEVSESSION_SOAK") == "1"
AGENTS, BOARDS, TURNS = (55, 60, 180) if SOAK else (11, 12, 60)
# What a caller may be told: the board is gone, or started anew, or may have run his program, or did not answer meanwhile.
TOLD = {LeaseLost, DeviceResetError, UncertainExecutionError, DeadlineError, RecoveryError}
# Seconds between two that are killed.
KILL_INTERVAL = 0.03


@pytest.mark.soak
async def test_boards_killed_at_random():
    errors: Counter[type[Exception]] = Counter()
    killed = answered = 0
    most = 0

    async def work(pool: SessionPool, agent: str) -> None:
        nonlocal answered, most
        left = None
        for number in range(TURNS):
            try:
                async with pool.acquire(agent=agent, timeout=60) as session:
                    most = max(most, pool.snapshot().size)
                    if left is None or not pool.lease(session).is_reuse:
                        await session.exec("n = 0")
                        left = 0
                    # Whatever befell the board: never an answer of another agent, of another time, or of half a program.
                    assert await session.eval(f"({number} * 7, {agent!r})") == (number * 7, agent)
                    await session.exec("n += 1")
                    left += 1
                    assert await session.eval("n") == left
                    answered += 1
            except DevsessionError as error:
                errors[type(error)] += 1
                left = None

    async def kill(pool: SessionPool) -> None:
        nonlocal killed
        while True:
            await asyncio.sleep(KILL_INTERVAL)
            names = [name for name, pooled in pool._runner.pooled.items() if not pooled.is_lost]
            if names:
                random.choice([unplug, kill_interpreter])(pool, random.choice(names))
                killed += 1

    async with SessionPool(
        provider="sim:",
        min_size=BOARDS,
        max_size=BOARDS,
        throttle_agent=None,
        probe_timeout=1.0,
        connect_timeout=20.0,
    ) as pool:
        killer = asyncio.create_task(kill(pool))
        try:
            await asyncio.gather(*(work(pool, f"agent-{number}") for number in range(AGENTS)))
        finally:
            killer.cancel()
        # An idle board that was killed shows it when it is asked.
        for member in pool._planner.members.values():
            member.check_at = 0.0
        pool._runner.changed.set()
        # A board that is gone is not among them until another has taken its place.
        await until(
            lambda: (
                pool.snapshot().idle == BOARDS
                and all(one.state is BoardState.IDLE and one.score > 0.5 for one in pool.snapshot().boards)
            ),
            pool.snapshot,
        )
        assert pool.snapshot().unhealthy == 0
    assert most <= BOARDS
    assert killed
    assert answered
    assert errors.keys() <= TOLD, errors
