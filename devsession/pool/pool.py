"""SessionPool: sessions on boards that several users share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from devsession.board.deadline import Deadline
from devsession.errors import LeaseTimeoutError, PoolClosedError, UnknownNameError, UsageError
from devsession.pool import events as told
from devsession.pool.acquiring import Acquiring
from devsession.pool.boards import Boards
from devsession.pool.config import PoolConfig
from devsession.pool.health import HealthProbe
from devsession.pool.inventory import Store
from devsession.pool.keeper import Keeper
from devsession.pool.lease import Lease
from devsession.pool.leases import Leases, Request
from devsession.pool.metrics import Meter, PoolMetrics
from devsession.pool.model import Seat
from devsession.pool.nurse import Nurse
from devsession.pool.pooled import PowerCycle
from devsession.pool.providers import Source, provider_of
from devsession.pool.requirement import words
from devsession.pool.roster import Roster
from devsession.pool.runner import Runner
from devsession.pool.snapshot import BoardState, PoolSnapshot, SessionSnapshot
from devsession.pool.views import sessions_of, snapshot_of
from devsession.session.checks import checked_session_name
from devsession.session.session import DeviceSession

NOT_BEGUN = "it was not begun: use `async with`"
# How often ``drain`` looks whether the last lease was given back, in seconds: nobody is in a hurry then.
DRAIN_LOOK = 0.02
# Stands for the config's ``acquire_timeout``.
CONFIGURED: Any = object()


class SessionPool:
    """Gives out sessions on boards, each of which is its holder's alone; ``async with`` opens the first boards, and closes all at the end.

    ``provider`` is where boards come from: ``sim:`` for simulated ones, made as they are wanted; a board's URL, or a list of them;
    ``local:`` for the serial ports that are attached, now and later; ``labgrid:TAG=VALUE,…`` for those of a farm; or a Provider.
    ``config`` is a PoolConfig; its settings can be given by name instead. ``probes`` are functions of a Board, plain or async, that raise
    or return False for one that is not fit. ``power`` is an async function that cycles the power of a BoardOffer, and returns whether it
    could (default: what the provider can). ``store`` remembers boards from one run to the next.

    ``events`` tells listeners what happens. Raises UsageError, and pydantic's ValidationError for settings that cannot be.
    """

    def __init__(
        self,
        config: PoolConfig | None = None,
        *,
        provider: Source = "sim:",
        probes: Sequence[HealthProbe] = (),
        power: PowerCycle | None = None,
        store: Store | None = None,
        **settings: Any,
    ) -> None:
        if config is not None and settings:
            raise UsageError("a pool takes a config or settings by name, not both", phase="pool")
        self.config = config if config is not None else PoolConfig(**settings)
        self._runner = runner = Runner(self.config, provider_of(provider), store)
        self._leases = Leases(runner)
        runner.equip(Roster(runner), Boards(runner, power), Nurse(runner, probes), self._leases)
        self._planner = self._runner.planner
        self.events = self._runner.events
        self._meter = Meter()
        self.events.add(self._meter)
        self._keeper: asyncio.Task[None] | None = None
        self._closed: str | None = NOT_BEGUN

    def __repr__(self) -> str:
        now = self.snapshot()
        return f"<SessionPool {now.name} of {now.provider}: {now.size} boards, {now.active} leased, {now.waiting} waiting>"

    # Coming and going

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the first boards: ``min_size`` of them; others may be opened later. Boards that somebody else has are tried again.

        Raises what opening one raised where boards are made and none could be. When cancelled nothing stays open.
        """
        if self._closed != NOT_BEGUN:
            raise UsageError("a pool is begun once", phase="pool", hint="make a new one")
        self._closed = "it is being opened"
        runner = self._runner
        try:
            await runner.roster.discover()
            if runner.store is not None:
                runner.roster.recall(await runner.store.load())
            runner.perform(self._planner.fill(time.monotonic()))
            await runner.settle()
            if (
                runner.failure is not None
                and self._planner.can_create
                and self._planner.floor
                and not runner.pooled
            ):
                raise runner.failure  # noqa: TRY301 - what was opened is closed below
        except BaseException:
            self._closed = "it could not be opened"
            await self._end()
            raise
        self._closed = None
        runner.say(told.PoolInitialized, size=self._planner.size)
        self._keeper = asyncio.get_running_loop().create_task(Keeper(runner, self._show).keep())

    async def close(self) -> None:
        """Take all leases away, and close all boards; whoever waits gets PoolClosedError. Closing again does nothing.

        When cancelled it goes on to its end first: every board is given back.
        """
        if self._keeper is None:
            return
        keeper, self._keeper = self._keeper, None
        self._closed = "it is closed"
        closing = asyncio.get_running_loop().create_task(self._close(keeper))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            while not closing.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([closing])
            raise

    async def _close(self, keeper: asyncio.Task[None]) -> None:
        keeper.cancel()
        await asyncio.wait([keeper])
        self._leases.refuse_all("the pool was closed meanwhile")
        self._leases.revoke_all("the pool was closed")
        await self._end()
        self._runner.say(told.PoolClosed)
        await self.events.settle()

    async def drain(self, timeout: float | None = None) -> None:
        """Give out no more leases, and wait until all are given back, for up to ``timeout`` seconds (None: without limit).

        Whoever waits for a board gets PoolClosedError. Raises LeaseTimeoutError, which says who still holds one; no lease is given out then
        either. ``close`` ends the pool.
        """
        self._check_open()
        self._closed = "it is being drained"
        self._leases.refuse_all("the pool is being drained")
        try:
            async with asyncio.timeout(timeout):
                while self._planner.active or self._leases.held:  # noqa: ASYNC110 - it has to be looked for: the end has many ways
                    await asyncio.sleep(DRAIN_LOOK)
        except TimeoutError:
            raise LeaseTimeoutError(
                f"not all leases were given back within {timeout:g} s: {self._holders()}",
                timeout=timeout or 0.0,
            ) from None

    async def _end(self) -> None:
        runner = self._runner
        await runner.settle()
        await runner.boards.close_all()
        if runner.store is not None:
            self._show()
            await runner.store.aclose()

    # Leases

    def acquire(
        self,
        *,
        requires: Any = (),
        agent: str | None = None,
        priority: int = 0,
        timeout: float | None = CONFIGURED,
        ttl: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Acquiring:
        """Return what gives a session, for ``async with``, which gives it back at the end, or for ``await``, and then ``release``.

        ``requires`` are words that the board has to have: tags, features, modules, or a condition such as ``micropython>=1.24``. ``agent``
        is who asks: he finds his own session again, with all that is in its namespace, where nothing had to take it from him; others, and
        those without a name, get a clean one. The higher ``priority`` goes first. ``timeout`` in seconds (default: the config's
        ``acquire_timeout``; None: without limit). With ``ttl`` the lease expires after so many seconds without a ``heartbeat``.
        ``metadata`` is kept with the lease.

        Raises RequirementError at once where no board can ever do, LeaseTimeoutError, PoolClosedError, UsageError. When cancelled nothing
        is held. The holder's session raises LeaseLost when its board is lost or the lease expired, and so does the block's end.
        """
        if agent is not None:
            checked_session_name(agent)
        if Deadline.after(ttl).timeout == 0:
            raise UsageError(f"{ttl!r} is no time in seconds that a lease can last", phase="acquire")
        patience = Deadline.after(self.config.acquire_timeout if timeout is CONFIGURED else timeout).timeout
        request = Request(words(requires), agent, priority, 0.0, ttl=ttl, metadata=metadata or {})
        return Acquiring(lambda: self._acquire(request, patience), self._leases.give_back)

    async def release(self, session: DeviceSession) -> None:
        """Give a session back; its programs are stopped, and an agent's namespace is kept for him. Giving it back again does nothing.

        When cancelled it is given back all the same.
        """
        if (lease := self._leases.of(session)) is not None:
            await self._leases.give_back(lease)

    async def remove(self, session: DeviceSession | str) -> None:
        """End a session for good, given by itself or by its agent: a lease on it is given back, and its namespace is dropped.

        Raises UnknownNameError for an agent who has none.
        """
        if isinstance(session, DeviceSession):
            if (lease := self._leases.of(session)) is not None:
                await self._leases.give_back(lease, keep=False)
            return
        homes = self._planner.homes(session)
        for lease in self._leases.held:
            if lease.agent == session:
                await self._leases.give_back(lease, keep=False)
        for member in homes:
            self._runner.boards.dismiss(member, session)
        if not homes:
            raise UnknownNameError(f"no session of the pool is {session!r}'s")

    def remove_board(self, name: str) -> None:
        """Have a board leave the pool for good, as soon as nobody has it; raises UnknownNameError."""
        member = self._planner.members.get(name)
        if member is None:
            raise UnknownNameError(f"the pool has no board {name!r}")
        self._runner.roster.take_out(member)

    def lease(self, session: DeviceSession) -> Lease:
        """Return the lease that a session is used by, with its fencing number; raises LeaseLost when that has ended."""
        session.check()
        lease = self._leases.of(session)
        if lease is None:
            raise UnknownNameError(f"no lease is on session {session.name!r}", board=session.url)
        return lease

    def heartbeat(self, session: DeviceSession) -> None:
        """Give a sign of life for a lease that expires without; raises LeaseLost when it has ended."""
        self.lease(session).heard = time.monotonic()

    def pin(self, agent: str) -> None:
        """Keep an agent's sessions, and the boards that they are on, until ``unpin``; raises UnknownNameError for one who has none."""
        for seat in self._seats(agent):
            seat.is_pinned = True

    def unpin(self, agent: str) -> None:
        """Let an agent's sessions go when they are in the way; raises UnknownNameError for one who has none."""
        for seat in self._seats(agent):
            seat.is_pinned = False
        self._runner.changed.set()

    def resize(self, min_size: int | None = None, max_size: int | None = None) -> None:
        """Change how many boards there are; what is left out stays. Boards are opened or closed soon, those leased when they come back.

        Raises UsageError for sizes that cannot be.
        """
        self._check_open()
        if not all(size is None or isinstance(size, int) for size in (min_size, max_size)):
            raise UsageError(f"{min_size!r} to {max_size!r} are no sizes of a pool", phase="pool")
        planner = self._planner
        low = planner.min_size if min_size is None else min_size
        high = planner.max_size if max_size is None else max_size
        if high < 1 or (low is not None and not 0 <= low <= high):
            raise UsageError(f"a pool cannot have {low} to {high} boards", phase="pool")
        planner.min_size, planner.max_size = low, high
        self._runner.changed.set()

    # How it stands

    def sessions(self) -> tuple[SessionSnapshot, ...]:
        """Return the sessions of the pool: those in use, and those that sleep."""
        return sessions_of(self._planner)

    def snapshot(self) -> PoolSnapshot:
        """Return how the pool stands."""
        return snapshot_of(self._runner, is_draining=self._closed == "it is being drained")

    def metrics(self) -> PoolMetrics:
        """Return the figures of the pool: what it told by its events, counted, beside how it stands."""
        return self._meter.read(self.snapshot())

    def _show(self) -> None:
        if self._runner.store is not None:
            now = self.snapshot()
            self._runner.store.show(now, self._meter.read(now))

    # How it is done

    async def _acquire(self, request: Request, patience: float | None) -> Lease:
        self._check_open()
        now = time.monotonic()
        request.since = now
        deadline = None if patience is None else now + patience
        wait = self._runner.throttle.take(request.agent, now, patience)
        if wait is None:
            self._leases.gone(request, "timeout")
            raise LeaseTimeoutError(
                f"{request.agent or 'everybody'} asks too often: no turn within {patience:g} s",
                timeout=patience or 0.0,
                hint="the settings throttle_agent and throttle_pool say how often is often",
            )
        if wait:
            try:
                await asyncio.sleep(wait)
            except asyncio.CancelledError:
                self._leases.gone(request, "cancelled")
                raise
            self._check_open()
        if request.requires and (lacks := self._planner.why_never(request.requires)) is not None:
            raise self._leases.impossible(request, lacks)
        while not (lease := await self._wait_in_line(request, deadline, patience)).is_held:
            # Its board was lost before the caller woke up: he has his old place in line.
            self._check_open()
        return lease

    async def _wait_in_line(self, request: Request, deadline: float | None, patience: float | None) -> Lease:
        future: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        request.future = future
        self._planner.line.add(request)
        self._runner.decide()
        if future.done():
            return future.result()
        # The time for which he waits for his own board may be the next to end.
        self._runner.changed.set()
        try:
            async with asyncio.timeout(None if deadline is None else deadline - time.monotonic()):
                return await asyncio.shield(future)
        except TimeoutError:
            if future.done() and not future.cancelled():
                return future.result()
            self._leave(request, "timeout")
            raise LeaseTimeoutError(
                f"no board became free within {patience:g} s: {self._holders()}", timeout=patience or 0.0
            ) from None
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                # Given in the moment in which the caller left.
                self._leases.let_go(future.result())
            else:
                self._leave(request, "cancelled")
            raise

    def _leave(self, request: Request, reason: str) -> None:
        assert request.future is not None
        request.future.cancel()
        if request in self._planner.line:
            self._planner.line.remove(request)
        self._leases.gone(request, reason)

    def _seats(self, agent: str) -> list[Seat]:
        found = [member.seats[agent] for member in self._planner.homes(agent)]
        if not found:
            raise UnknownNameError(f"no session of the pool is {agent!r}'s")
        return found

    def _holders(self) -> str:
        members = self._planner.members.values()
        held = [
            f"{member.name} is {member.lease.agent or 'somebody'}'s for {time.monotonic() - member.lease.since:.0f} s"
            for member in members
            if member.lease is not None
        ]
        others = [
            f"{member.name} is {member.state.value}" + (f" ({member.reasons[0]})" if member.reasons else "")
            for member in members
            if member.lease is None and member.state is not BoardState.IDLE
        ]
        others += [
            f"{member.name} is kept for {', '.join(seat.agent for seat in member.seats.values() if seat.is_pinned)} (pinned)"
            for member in members
            if member.lease is None and member.state is BoardState.IDLE and member.is_pinned
        ]
        failed = [f"last failure: {self._runner.failure}"] if self._runner.failure and not held else []
        return "; ".join([*held, *others, *failed]) or "there are no boards"

    def _check_open(self) -> None:
        if self._closed is not None:
            raise PoolClosedError(f"the pool gives out no boards: {self._closed}")
