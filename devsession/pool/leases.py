"""Gives boards to callers and takes them back: between the planner's word and the holder's hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devsession.errors import DevsessionError, PoolClosedError, RequirementError
from devsession.pool import events as told
from devsession.pool.events import Evicted
from devsession.pool.lease import Lease, LeaseState
from devsession.pool.model import Give, Member, Refuse, Waiter
from devsession.pool.pooled import PooledBoard, end
from devsession.pool.runner import Runner
from devsession.pool.snapshot import BoardState
from devsession.session.session import DeviceSession, SessionPhase


@dataclass(slots=True, eq=False)
class Request(Waiter):
    """A caller who waits for the ``future`` lease, and what it is to be like."""

    future: asyncio.Future[Lease] | None = None
    ttl: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Leases:
    """The leases of one pool. A caller who has left gets none: what he was about to get goes back at once."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._planner = runner.planner
        self._held: dict[DeviceSession, Lease] = {}
        self._fence = 0

    @property
    def held(self) -> tuple[Lease, ...]:
        """The leases that holders have now."""
        return tuple(self._held.values())

    def of(self, session: DeviceSession) -> Lease | None:
        """Return the lease that a session is used by now."""
        return self._held.get(session)

    # Giving

    def give(self, do: Give) -> None:
        """Give a board: at once where nothing has to be done for that, else after it was asked how it is and room was made."""
        request, member = do.waiter, do.member
        assert isinstance(request, Request)
        lease = Lease(
            self._next_fence(), member.name, request.agent, time.monotonic(), request.ttl, request.metadata
        )
        member.lease = lease
        pooled = self._runner.pooled[member.name]
        trusted = time.monotonic() - pooled.answered_at < self._runner.config.trust
        crowded = not do.is_reuse and bool(member.sleeping())
        if trusted and not crowded and not pooled.is_lost:
            self._hand_over(request, lease, member, pooled)
        else:
            self._runner.spawn(self._prepare(do, request, lease, pooled))

    def refuse(self, do: Refuse) -> None:
        """Tell a caller that no board can ever do."""
        assert isinstance(do.waiter, Request)
        if do.waiter.future is not None and not do.waiter.future.done():
            do.waiter.future.set_exception(self.impossible(do.waiter, do.lacks))

    def refuse_all(self, why: str) -> None:
        """Tell every caller who waits that there will be no board."""
        for waiter in self._planner.line:
            self._planner.line.remove(waiter)
            assert isinstance(waiter, Request)
            if waiter.future is not None and not waiter.future.done():
                self.gone(waiter, "refused")
                waiter.future.set_exception(PoolClosedError(why))

    def impossible(self, request: Request, lacks: dict[str, str]) -> RequirementError:
        """Return the error for a caller whose requirement no board can ever meet."""
        self.gone(request, "refused")
        reasons = "; ".join(dict.fromkeys(lacks.values()))
        return RequirementError(
            f"no board of the pool has {', '.join(request.requires)}: {reasons}", lacks=lacks
        )

    def gone(self, request: Request, reason: str) -> None:
        """Tell that a caller has left without a board."""
        waited = time.monotonic() - request.since
        self._runner.say(told.WaitEnded, agent=request.agent, waited=waited, reason=reason)

    async def _prepare(self, do: Give, request: Request, lease: Lease, pooled: PooledBoard) -> None:
        """Ask a board how it is, cheaply, and make room on it; one that is not well goes to nobody, and the caller waits on."""
        member, runner = do.member, self._runner
        try:
            for agent in do.evict:
                await runner.boards.evict(member, agent, Evicted.ROOM)
            runner.throttle.answered(await pooled.measure(runner.config.probe_timeout))
            if not do.is_reuse:
                await runner.nurse.make_heap(member)
        except DevsessionError as error:
            self._take_back(request, lease, member, str(error))
            return
        if pooled.is_lost:
            self._take_back(request, lease, member, "its link is lost")
        else:
            self._hand_over(request, lease, member, pooled)

    def _take_back(self, request: Request, lease: Lease, member: Member, why: str) -> None:
        lease.go(LeaseState.LOST, why)
        member.lease = None
        if request.future is not None and not request.future.done():
            self._planner.line.add(request)
        self._runner.nurse.sick(member, (why,))
        self._runner.decide()

    def _hand_over(self, request: Request, lease: Lease, member: Member, pooled: PooledBoard) -> None:
        session = pooled.session_of(request.agent)
        session.resume()
        # Its namespace may have gone between the decision and now.
        seat = member.seats.get(request.agent) if request.agent is not None else None
        lease.is_reuse = seat is not None and seat.uses > 1
        if request.agent is not None and seat is None:
            self._planner.seated(member, request.agent, time.monotonic()).uses = 1
        now = time.monotonic()
        lease.session, lease.since, lease.heard = session, now, now
        lease.go(LeaseState.HELD)
        self._held[session] = lease
        if lease.ttl is not None:
            self._runner.changed.set()
        if request.future is None or request.future.done():
            # The caller has left.
            self.let_go(lease)
            return
        request.future.set_result(lease)
        kind = told.SessionReused if lease.is_reuse else told.SessionCreated
        self._say(kind, lease, waited=now - request.since)

    # Taking back

    async def give_back(self, lease: Lease, *, keep: bool = True) -> None:
        """Take a lease back from its holder; one that has ended already is left alone. When cancelled it is taken back all the same."""
        if lease.is_held and (work := self.let_go(lease, "it was given back", keep=keep)) is not None:
            await asyncio.shield(work)

    def expire(self, lease: Lease) -> None:
        """Take a lease away whose holder gave no sign of life; his session ends."""
        self._revoke(lease, LeaseState.EXPIRED, f"no heartbeat for {lease.ttl:g} s")

    def board_lost(self, member: Member) -> None:
        """Know that the link of a leased board is gone."""
        lease = member.lease
        if lease is not None and lease.is_held:
            self._revoke(lease, LeaseState.LOST, "the link to its board is lost")

    def revoke_all(self, why: str) -> None:
        """Take every lease away."""
        for lease in self.held:
            self._revoke(lease, LeaseState.LOST, why)

    def let_go(
        self, lease: Lease, why: str = "its caller has left", *, keep: bool = True
    ) -> asyncio.Task[None] | None:
        """End a lease that is held; returns the task that makes its board ready for others, where there is something to do for that."""
        lease.go(LeaseState.RELEASED, why)
        member, session = self._ended(lease)
        pooled = self._runner.pooled[member.name]
        keeps = (
            keep
            and lease.agent is not None
            and self._runner.config.reuse
            and session.phase is SessionPhase.ACTIVE
            and not pooled.is_lost
        )
        self._say(told.SessionReleased, lease, held=time.monotonic() - lease.since, kept=keeps)
        session.suspend(lease.error)
        if keeps and not session.mounts and not pooled.manager.board.is_busy:
            self._runner.boards.ready(member)
            return None
        self._planner.go(member, BoardState.CHECKING)
        because = None if keeps else Evicted.REUSE_OFF
        return self._runner.spawn(self._quieten(lease, member, pooled, session, because))

    def _revoke(self, lease: Lease, state: LeaseState, why: str) -> None:
        lease.go(state, why)
        member, session = self._ended(lease)
        self._say(told.LeaseRevoked, lease, held=time.monotonic() - lease.since, reason=why)
        session.suspend(lease.error)
        pooled = self._runner.pooled[member.name]
        self._planner.go(member, BoardState.CHECKING)
        because = Evicted.EXPIRED if state is LeaseState.EXPIRED else Evicted.LOST
        self._runner.spawn(self._quieten(lease, member, pooled, session, because))

    def _ended(self, lease: Lease) -> tuple[Member, DeviceSession]:
        session = lease.session
        assert session is not None
        self._held.pop(session, None)
        member = self._planner.members[lease.board]
        member.lease = None
        now = time.monotonic()
        member.last_used = now
        if lease.agent is not None and (seat := member.seats.get(lease.agent)) is not None:
            seat.last_used = now
        return member, session

    async def _quieten(
        self,
        lease: Lease,
        member: Member,
        pooled: PooledBoard,
        session: DeviceSession,
        because: Evicted | None,
    ) -> None:
        """Stop what a session left running, end it where it is not kept, and have the board ready for others."""
        if not pooled.is_lost:
            await pooled.silence(session, lease.error())
            await session.unmount()
        if because is not None and lease.agent is not None and lease.agent in member.seats:
            await self._runner.boards.evict(member, lease.agent, because)
        elif because is not None:
            await end(session)
        self._runner.boards.ready(member)

    def _next_fence(self) -> int:
        # Higher than those of pools before this one, in this process or another, as long as the clock is not set back.
        self._fence = max(self._fence + 1, time.time_ns() // 1000)
        return self._fence

    def _say(self, event: type[told.LeaseEvent], lease: Lease, **facts: Any) -> None:
        assert lease.session is not None
        self._runner.say(
            event, board=lease.board, session=lease.session.id, agent=lease.agent, fence=lease.fence, **facts
        )
