"""Sees to it that the boards of a pool are well: probes them, brings them back, and hears what befalls them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from devsession.board.happenings import Happening
from devsession.errors import DevsessionError
from devsession.pool import events as told
from devsession.pool.events import Evicted
from devsession.pool.health import Health, HealthProbe, examine, recover
from devsession.pool.model import Member
from devsession.pool.pooled import PooledBoard
from devsession.pool.runner import Runner, jittered
from devsession.pool.selection import victims
from devsession.pool.snapshot import BoardState


class Nurse:
    """Looks after the health of a pool's boards; ``probes`` are asked besides."""

    def __init__(self, runner: Runner, probes: Sequence[HealthProbe]) -> None:
        self._runner = runner
        self._probes = tuple(probes)

    async def examined(self, member: Member, pooled: PooledBoard, *, is_new: bool = False) -> Health:
        """Probe a board and return how it is; ``is_new`` for one whose interpreter was expected to start anew."""
        health = await examine(
            pooled,
            self._probes,
            timeout=self._runner.config.probe_timeout,
            least_heap=0 if member.seats else self._runner.config.min_free_heap // 4,
            epoch=None if is_new else member.epoch,
        )
        if not pooled.is_lost:
            member.epoch = pooled.manager.board.epoch
        member.score, member.reasons, member.free_heap = health.score, health.reasons, pooled.free_heap
        member.check_at = time.monotonic() + jittered(self._runner.config.health_interval)
        self._runner.throttle.answered(health.took)
        self._runner.say(
            told.HealthChecked,
            board=member.name,
            score=health.score,
            passed=health.score >= self._runner.config.pass_score,
            reasons=health.reasons,
            took=health.took,
        )
        return health

    async def check(self, member: Member) -> None:
        """Probe a board that nobody has, and have it ready for others, or brought back."""
        pooled = self._runner.pooled[member.name]
        health = await self.examined(member, pooled)
        if health.score < self._runner.config.pass_score:
            self.sick(member, health.reasons)
            return
        member.strikes = 0
        try:
            await self.make_heap(member)
        except DevsessionError as error:
            self.sick(member, (str(error),))
            return
        self._runner.roster.remember(member)
        self._runner.boards.ready(member)

    async def make_heap(self, member: Member) -> None:
        """End sessions that sleep until enough of the board's heap is free; raises what asking it does."""
        pooled, least = self._runner.pooled[member.name], self._runner.config.min_free_heap
        while pooled.free_heap is not None and pooled.free_heap < least:
            seats = victims(member, 1, self._runner.config.eviction)
            if not seats:
                break
            await self._runner.boards.evict(member, seats[0].agent, Evicted.ROOM)
            await pooled.measure(self._runner.config.probe_timeout)
        member.free_heap = pooled.free_heap

    def sick(self, member: Member, reasons: tuple[str, ...]) -> None:
        """Know that a board that nobody has is not well: it is brought back, or left alone for a while after too many strikes."""
        member.strikes += 1
        member.score, member.reasons = 0.0, reasons
        self._runner.planner.go(member, BoardState.RECOVERING)
        if (
            self._runner.config.recovery
            and member.strikes < self._runner.config.strikes
            and not member.is_going
        ):
            self._runner.spawn(self._recover(member))
        else:
            self._runner.spawn(self._runner.boards.give_up(member, reasons))

    async def _recover(self, member: Member) -> None:
        began, pooled = time.monotonic(), self._runner.pooled[member.name]
        if pooled.is_lost:
            self._runner.boards.unseat_all(member, Evicted.LOST)
        rung, health = await recover(
            pooled,
            lambda: self.examined(member, pooled, is_new=True),
            timeout=self._runner.config.connect_timeout,
            pass_score=self._runner.config.pass_score,
        )
        if rung is None:
            await self._runner.boards.give_up(member, health.reasons)
            return
        self._runner.boards.learn(member)
        # A new link has no sessions.
        for agent in member.seats.keys() - pooled.sessions.keys():
            self._runner.boards.unseat(member, agent, Evicted.LOST)
        self._runner.say(told.BoardRecovered, board=member.name, rung=rung, took=time.monotonic() - began)
        self._runner.roster.remember(member)
        self._runner.boards.ready(member)

    def happened(self, member: Member, happening: Happening) -> None:
        """Know what befell an open board; where something is being done with it, whoever does it finds out."""
        if happening is Happening.EPOCH_ENDED:
            held = member.lease is not None and member.lease.is_held
            for seat in member.sleeping() if held else list(member.seats.values()):
                self._runner.boards.unseat(member, seat.agent, Evicted.RESET)
        elif happening is Happening.LINK_LOST:
            if member.lease is not None:
                self._runner.leases.board_lost(member)
            elif member.state is BoardState.IDLE:
                self.sick(member, ("its link is lost",))
