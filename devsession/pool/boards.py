"""Opens a pool's boards and closes them, and ends the sessions that sleep on them."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from devsession.board.switches import Rung
from devsession.errors import (
    BoardNotFoundError,
    BoardTakenError,
    DevsessionError,
    PoolError,
    PortNotFoundError,
)
from devsession.pool import events as told
from devsession.pool.events import Evicted
from devsession.pool.health import Health
from devsession.pool.model import Close, Member
from devsession.pool.pooled import PooledBoard, PowerCycle, end
from devsession.pool.runner import Runner, jittered
from devsession.pool.snapshot import BoardState
from devsession.pool.upkeep import TOO_MANY

# Boards that are opened at the same time: starting more at once only makes each of them slower than its deadline.
OPENING = 8
# Seconds until a board that somebody else has is asked for again, and one that could not be opened.
TAKEN_RETRY = 0.5
FAILED_RETRY = 1.0


class Boards:
    """What is done with the boards of a pool, each in one task at a time; ``power`` cycles the power of one."""

    def __init__(self, runner: Runner, power: PowerCycle | None) -> None:
        self._runner = runner
        self._power = power or runner.provider.power
        self._opening = asyncio.Semaphore(OPENING)

    async def create(self) -> None:
        """Have the provider make a board, and open it; what goes wrong is tried again later."""
        try:
            offer = await self._runner.provider.create()
        except (DevsessionError, OSError) as error:
            self._runner.failed(error)
            self._runner.planner.create_at = time.monotonic() + FAILED_RETRY
            return
        finally:
            self._runner.planner.creating -= 1
        member = self._runner.planner.add(Member(offer, 0, is_made=True))
        self._runner.planner.go(member, BoardState.OPENING)
        await self.open(member)

    async def open(self, member: Member) -> None:
        """Open a board, and see that it is well; one that cannot be opened is tried again later."""
        began = time.monotonic()
        pooled = PooledBoard(
            member.offer,
            self._runner.provider,
            partial(self._runner.nurse.happened, member),
            self._power,
            # Whether its power can be cycled is not known before that was tried.
            Rung.HARD if self._runner.config.recovery else Rung.PROMPT,
        )
        try:
            async with self._opening:
                await pooled.open(self._runner.config.connect_timeout)
                self._runner.pooled[member.name] = pooled
                health = await self._runner.nurse.examined(member, pooled, is_new=True)
        except BoardTakenError as error:
            self._runner.failed(error)
            await self._not_open(member, TAKEN_RETRY)
        except (BoardNotFoundError, PortNotFoundError) as error:
            self._runner.failed(error)
            await self._not_open(member, FAILED_RETRY)
        except (DevsessionError, OSError) as error:
            self._runner.failed(error)
            member.strikes += 1
            await self.give_up(member, (str(error),))
        else:
            self._opened(member, health, began)

    def _opened(self, member: Member, health: Health, began: float) -> None:
        now, lifetime = time.monotonic(), self._runner.config.max_lifetime
        member.opened_at = now
        member.renew_at = None if lifetime is None else now + jittered(lifetime)
        self.learn(member)
        self._runner.say(told.BoardOpened, board=member.name, created=member.is_made, took=now - began)
        self._runner.roster.remember(member)
        if health.score < self._runner.config.pass_score:
            self._runner.nurse.sick(member, health.reasons)
        else:
            self.ready(member)

    def learn(self, member: Member) -> None:
        """Know what a board is that was just attached to: it may be another than before, or have other firmware."""
        member.know(self._runner.pooled[member.name].capabilities)
        self._runner.planner.learned(member)

    def ready(self, member: Member) -> None:
        """Know that nobody has the board and that it is well: the next may have it."""
        pooled = self._runner.pooled[member.name]
        if pooled.is_lost:
            self._runner.nurse.sick(member, ("its link is lost",))
            return
        planner = self._runner.planner
        if member.is_going or planner.size > planner.max_size:
            planner.go(member, BoardState.CLOSING)
            self._runner.perform([Close(member, "removed" if member.is_going else TOO_MANY)])
            return
        planner.go(member, BoardState.IDLE)
        self._runner.decide()

    async def _not_open(self, member: Member, retry: float) -> None:
        if member.is_made:
            await self._unmade(member)
            self._runner.planner.create_at = time.monotonic() + retry
        else:
            member.retry_at = time.monotonic() + retry
            self._runner.planner.go(member, BoardState.CLOSED)
        self._runner.decide()
        self._runner.changed.set()

    # Closing

    async def give_up(self, member: Member, reasons: tuple[str, ...]) -> None:
        """Close a board that could not be brought back; it is tried again later, each time after twice as long, or made anew."""
        await self._shut(member, Evicted.LOST)
        if member.is_made or member.is_going:
            await self._unmade(member)
            now = time.monotonic()
            # One that was never well, or not for long, is no reason to make the next at once.
            self._runner.planner.create_at = now + (
                FAILED_RETRY if now - member.opened_at < FAILED_RETRY or not member.opened_at else 0.0
            )
            if member.opened_at:
                self._runner.failed(PoolError(f"{member.name} was given up: {', '.join(reasons)}"))
        else:
            beyond = max(0, member.strikes - self._runner.config.strikes)
            seconds = jittered(
                min(
                    self._runner.config.quarantine * 2.0 ** min(beyond, 30),
                    self._runner.config.quarantine_longest,
                )
            )
            member.retry_at = time.monotonic() + seconds
            self._runner.planner.go(member, BoardState.QUARANTINED)
            self._runner.say(
                told.BoardQuarantined,
                board=member.name,
                strikes=member.strikes,
                seconds=seconds,
                reasons=reasons,
            )
            self._runner.roster.remember(member)
        self._runner.decide()
        self._runner.changed.set()

    async def close(self, member: Member, reason: str, because: Evicted) -> None:
        """Close a board that nobody has; one that was made, or is to leave, is known no more."""
        await self._shut(member, because, reason)
        if member.is_made or member.is_going:
            await self._unmade(member)
        else:
            self._runner.planner.go(member, BoardState.CLOSED)
            self._runner.roster.remember(member)
        self._runner.decide()
        self._runner.changed.set()

    async def _shut(self, member: Member, because: Evicted, reason: str = "sick") -> None:
        """Close a board's link; the board is known still."""
        pooled = self._runner.pooled.get(member.name)
        self.unseat_all(member, because)
        if pooled is None:
            return
        await pooled.close()
        del self._runner.pooled[member.name]
        lifetime = time.monotonic() - member.opened_at
        self._runner.say(told.BoardRemoved, board=member.name, reason=reason, lifetime=lifetime)

    async def _unmade(self, member: Member) -> None:
        if member.is_made:
            try:
                await self._runner.provider.destroy(member.offer)
            except PoolError as error:
                self._runner.failed(error)
        self._runner.planner.forget(member)

    async def close_all(self) -> None:
        """Close all boards, and give them back."""
        for member in tuple(self._runner.planner.members.values()):
            if member.name in self._runner.pooled:
                self._runner.planner.go(member, BoardState.CLOSING)
                self._runner.spawn(self.close(member, "the pool ends", Evicted.CLOSED))
        await self._runner.settle()
        await self._runner.provider.aclose()

    # Sessions that sleep

    async def evict(self, member: Member, agent: str, because: Evicted) -> None:
        """End an agent's session on a board."""
        session = self._runner.pooled[member.name].sessions.pop(agent, None)
        self.unseat(member, agent, because)
        if session is not None:
            await end(session)

    def dismiss(self, member: Member, agent: str) -> None:
        """Have an agent's session on a board end, unless he uses it; while somebody else uses the board it ends between his programs."""
        if agent not in member.seats or (member.lease is not None and member.lease.agent == agent):
            return
        if member.state is BoardState.IDLE:
            self._runner.planner.go(member, BoardState.CHECKING)
            self._runner.spawn(self.evict_all(member, (agent,), Evicted.CLOSED))
        else:
            self.unseat(member, agent, Evicted.CLOSED)

    async def evict_all(self, member: Member, agents: tuple[str, ...], because: Evicted) -> None:
        """End sessions on a board that nobody has, and have it ready for others."""
        for agent in agents:
            await self.evict(member, agent, because)
        self.ready(member)

    def unseat_all(self, member: Member, because: Evicted) -> None:
        """Know that all sessions of a board are gone."""
        for agent in tuple(member.seats):
            self.unseat(member, agent, because)

    def unseat(self, member: Member, agent: str, because: Evicted) -> None:
        """Know that a session is gone, and see what is left of it on this side to its end."""
        began = member.seats[agent].began
        self._runner.planner.unseated(member, agent)
        pooled = self._runner.pooled.get(member.name)
        session = pooled.sessions.pop(agent, None) if pooled is not None else None
        if session is not None:
            self._runner.spawn(end(session))
        self._runner.say(
            told.SessionEvicted,
            board=member.name,
            session=agent,
            agent=agent,
            reason=because,
            lifetime=time.monotonic() - began,
        )
