"""The pool against a simple model: thousands of random interleavings, on boards that are made up, so that they cost nothing.

What must hold whatever happens: no board has two holders, never more boards than may be, an agent who finds his session again finds what
he left in it and nobody else does, every caller who waits and could be served is, and in the end nothing is held.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devsession.board.happenings import Happening
from devsession.errors import DevsessionError, LeaseLost, LinkLostError, PoolError
from devsession.pool import boards, health, nurse
from devsession.pool.pool import SessionPool
from devsession.pool.provider import BoardOffer
from devsession.pool.snapshot import BoardState
from devsession.session.session import SessionPhase

SOAK = os.environ.get("DEVSESSION_SOAK") == "1"
# Rounds of the loop within which a pool of boards that cost nothing has done whatever there is to do.
ROUNDS = 30
AGENTS = st.sampled_from(["a", "b", "c", "d", None])


class FakeSession:
    """A namespace that is a dict."""

    def __init__(self, agent: str | None, board: "FakeBoard"):
        self.name = self.id = agent or "nobody"
        self.agent, self.board, self.url = agent, board, board.offer.url
        self.namespace = 1
        self.names: dict[str, int] = {}
        self.phase = SessionPhase.ACTIVE
        self.mounts: tuple[()] = ()
        self.refusal: Callable[[], Exception] | None = None

    async def unmount(self) -> None:
        pass

    def suspend(self, refusal: Callable[[], Exception]) -> None:
        self.refusal = refusal

    def resume(self) -> None:
        self.refusal = None

    def check(self) -> None:
        if self.refusal is not None:
            raise self.refusal()
        if self.board.is_lost:
            raise LinkLostError("gone")

    async def end(self) -> None:
        await asyncio.sleep(0)
        self.phase = SessionPhase.ENDED
        self.names.clear()


class FakeBoard:
    """What a PooledBoard is to the pool."""

    opened: ClassVar[set["FakeBoard"]] = set()
    most = 0
    broken = False
    latest: ClassVar[dict[str, "FakeBoard"]] = {}

    def __init__(self, offer: BoardOffer, provider: Any, happened: Callable[[Happening], None], *_: Any):
        self.offer, self._provider, self._happened = offer, provider, happened
        self.sessions: dict[str, FakeSession] = {}
        self.answered_at = 0.0
        self.free_heap = 100_000
        self.is_lost = True
        self.capabilities = None
        self.manager = SimpleNamespace(board=SimpleNamespace(is_busy=False, epoch=0))

    async def open(self, timeout: float) -> None:
        await asyncio.sleep(0)
        if FakeBoard.broken:
            raise LinkLostError("does not open")
        FakeBoard.opened.add(self)
        FakeBoard.latest[self.offer.name] = self
        FakeBoard.most = max(FakeBoard.most, len(FakeBoard.opened))
        self.is_lost = False

    async def close(self) -> None:
        for session in self.sessions.values():
            session.phase = SessionPhase.ENDED
        self.sessions.clear()
        await asyncio.sleep(0)
        FakeBoard.opened.discard(self)
        self.is_lost = True

    def session_of(self, agent: str | None) -> FakeSession:
        if agent is None:
            return FakeSession(None, self)
        session = self.sessions.get(agent)
        if session is None or session.phase is not SessionPhase.ACTIVE:
            session = self.sessions[agent] = FakeSession(agent, self)
        return session

    async def silence(self, session: FakeSession, error: Exception) -> None:
        await asyncio.sleep(0)

    async def measure(self, timeout: float) -> float:
        await asyncio.sleep(0)
        if self.is_lost:
            raise LinkLostError("gone")
        return 0.0

    async def crash(self) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._happened(Happening.LINK_LOST)


async def fake_examine(pooled: FakeBoard, *_: object, **__: object) -> health.Health:
    await asyncio.sleep(0)
    return health.Health(0.0 if pooled.is_lost else 1.0)


async def fake_recover(
    pooled: FakeBoard, examined: Callable[[], Any], **_: object
) -> tuple[str | None, health.Health]:
    await pooled.close()
    with suppress(DevsessionError):
        await pooled.open(1)
    found = await examined()
    return ("new link" if found.score else None), found


class Fakes:
    """A provider of boards that are made, or of three that exist."""

    name = "fakes"

    def __init__(self, *, can_create: bool):
        self.can_create = can_create
        self._made = 0

    async def discover(self) -> tuple[BoardOffer, ...]:
        return () if self.can_create else tuple(BoardOffer(f"board-{n}", f"fake:{n}") for n in range(3))

    async def open(self, offer: BoardOffer) -> str:
        return offer.url

    async def close(self, offer: BoardOffer) -> None: ...

    async def create(self) -> BoardOffer:
        await asyncio.sleep(0)
        if FakeBoard.broken:
            raise PoolError("none are made")
        self._made += 1
        return BoardOffer(f"made-{self._made}", "fake:")

    async def destroy(self, offer: BoardOffer) -> None: ...

    async def power(self, offer: BoardOffer) -> bool:
        return False

    async def aclose(self) -> None: ...


class PoolMachine(RuleBasedStateMachine):
    """Callers come, hold, leave, are cancelled; boards crash, open again or not; sizes change."""

    can_create = True

    def __init__(self) -> None:
        super().__init__()
        FakeBoard.opened, FakeBoard.most, FakeBoard.broken, FakeBoard.latest = set(), 0, False, {}
        self.loop = asyncio.new_event_loop()
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(boards, "PooledBoard", FakeBoard)
        self.patches.setattr(boards, "FAILED_RETRY", 0.0)
        self.patches.setattr(nurse, "examine", fake_examine)
        self.patches.setattr(nurse, "recover", fake_recover)
        self.high = 3
        self.pool = SessionPool(
            provider=Fakes(can_create=self.can_create),
            min_size=1,
            max_size=3,
            share=not self.can_create,
            max_sleeping=1,
            throttle_agent=None,
            acquire_timeout=None,
            quarantine=1e-6,
            quarantine_longest=1e-6,
            affinity_wait=0.0,
        )
        self.loop.run_until_complete(self.pool.open())
        self.waiting: list[tuple[asyncio.Task[Any], str | None]] = []
        self.held: list[tuple[FakeSession, int]] = []
        self.lost: list[FakeSession] = []
        self.serial = 0
        self.left: dict[FakeSession, int] = {}
        self.settle()

    def settle(self) -> None:
        async def rounds() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            self.pool._runner.changed.set()
            for _ in range(ROUNDS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(rounds())
        for entry in list(self.waiting):
            task, agent = entry
            if task.done():
                self.waiting.remove(entry)
                session: FakeSession = task.result()
                lease = self.pool._leases.of(session)  # type: ignore[arg-type]
                if lease is None:
                    continue  # taken away before he looked
                assert lease.agent == agent
                # He finds what he left, or nothing, and is told which: never what somebody else left.
                assert session.names.keys() <= {agent}
                assert lease.is_reuse or not session.names
                assert agent is None or session.names.get(agent) == self.left.get(session)
                self.serial += 1
                if agent is not None:
                    session.names[agent] = self.left[session] = self.serial
                self.held.append((session, lease.fence))

    def drop_lost(self) -> None:
        for entry in list(self.held):
            session, fence = entry
            lease = self.pool._leases.of(session)  # type: ignore[arg-type]
            if lease is None or lease.fence != fence:
                self.held.remove(entry)
                self.lost.append(session)

    @rule(agent=AGENTS, priority=st.integers(0, 1), settled=st.booleans())
    def acquire(self, agent: str | None, priority: int, settled: bool) -> None:
        async def begin() -> asyncio.Task[Any]:
            return asyncio.create_task(self.pool.acquire(agent=agent, priority=priority).have())

        self.waiting.append((self.loop.run_until_complete(begin()), agent))
        if settled:
            self.settle()

    @precondition(lambda self: self.held)
    @rule(data=st.data(), settled=st.booleans())
    def release(self, data: st.DataObject, settled: bool) -> None:
        session, _ = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.loop.run_until_complete(self.pool.release(session))  # type: ignore[arg-type]
        with pytest.raises(LeaseLost):
            session.check()
        if settled:
            self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        task, _ = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
        was_done = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            session = self.loop.run_until_complete(task)
            assert was_done
            self.loop.run_until_complete(self.pool.release(session))

    @precondition(lambda self: FakeBoard.opened)
    @rule(data=st.data(), settled=st.booleans())
    def crash(self, data: st.DataObject, settled: bool) -> None:
        names = sorted(board.offer.name for board in FakeBoard.opened)
        self.loop.run_until_complete(FakeBoard.latest[data.draw(st.sampled_from(names))].crash())
        self.drop_lost()
        for session in self.lost:
            if not any(session is held for held, _ in self.held):
                with pytest.raises(LeaseLost):
                    session.check()
        self.lost.clear()
        if settled:
            self.settle()

    @rule(broken=st.booleans())
    def breakage(self, broken: bool) -> None:
        FakeBoard.broken = broken

    @rule(low=st.integers(0, 2), more=st.integers(0, 3))
    def resize(self, low: int, more: int) -> None:
        high = max(1, low + more)
        self.high = max(self.high, high)
        self.pool.resize(min_size=low, max_size=high)

    @rule(agent=AGENTS)
    def remove(self, agent: str | None) -> None:
        if agent is not None:
            with suppress(DevsessionError):
                self.loop.run_until_complete(self.pool.remove(agent))
            self.drop_lost()
            self.lost.clear()

    @rule()
    def wait(self) -> None:
        self.settle()

    @rule()
    def heal(self) -> None:
        """Boards can be opened again: everybody who waits and can be served is, and the pool has the boards it is to have."""
        FakeBoard.broken = False
        for member in self.pool._planner.members.values():
            member.retry_at = 0.0
        self.pool._planner.create_at = 0.0
        for _ in range(4):
            self.settle()
        planner = self.pool._planner
        assert planner.size <= max(planner.max_size, planner.active)
        assert planner.size >= min(planner.floor, 3)
        limit = planner.max_size if self.can_create else min(planner.max_size, 3)
        assert not len(planner.line) or planner.active >= limit, self.pool.snapshot()

    @invariant()
    def no_board_has_two_holders(self) -> None:
        self.drop_lost()
        held = [session.board.offer.name for session, _ in self.held]
        assert len(held) == len(set(held))

    @invariant()
    def there_are_never_more_boards_than_may_be(self) -> None:
        assert FakeBoard.most <= self.high
        planner = self.pool._planner
        assert planner.size == planner.creating + sum(
            one.state not in {BoardState.CLOSED, BoardState.QUARANTINED} for one in planner.members.values()
        )
        for member in planner.members.values():
            # Who is given a board has to wait until room was made for him.
            assert len(member.seats) <= planner.sharing or member.state is BoardState.LEASED

    def teardown(self) -> None:
        try:
            for task, _ in self.waiting:
                task.cancel()
            self.loop.run_until_complete(self.pool.close())
            if self.waiting:
                self.loop.run_until_complete(asyncio.wait([task for task, _ in self.waiting]))
            assert not FakeBoard.opened
            assert not self.pool._leases.held
            assert not [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        finally:
            self.loop.close()
            self.patches.undo()


class FixedBoards(PoolMachine):
    """Three boards that exist, each of which keeps two sessions."""

    can_create = False


LIMITS = settings(
    max_examples=3000 if SOAK else 200,
    stateful_step_count=80 if SOAK else 40,
    deadline=None,
    suppress_health_check=[*HealthCheck],
    database=None,
    phases=[Phase.generate],
)
PoolMachine.TestCase.settings = LIMITS
FixedBoards.TestCase.settings = LIMITS
TestMadeBoards = PoolMachine.TestCase
TestFixedBoards = FixedBoards.TestCase
