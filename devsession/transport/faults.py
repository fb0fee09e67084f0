"""Faults on demand: a link that delays, splits, drops, doubles, flips, truncates, falls silent or is cut, for tests of what users build.

A plan says what happens where; the same plan does the same to the same bytes. Plans are written by hand, or drawn from a seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.base import CLOSE_TIMEOUT, Transport
from devsession.transport.fault_plan import Fault, FaultKind, FaultPlan
from devsession.transport.recording import Direction
from devsession.transport.wrapper import WrappedTransport


@dataclass(slots=True)
class _Way:
    """One direction: the faults still to come, how many bytes have come, and what waits."""

    faults: list[Fault]
    passed: int = 0
    dropping: int = 0
    silent: bool = False
    queue: list[bytes | float] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class FaultyTransport(WrappedTransport):
    """``inner`` with the faults of ``plan``; ``happened`` lists those that did, ``add`` plans one from here on, ``heal`` ends them all.

    What the host or the board sends is counted as it is sent: a byte keeps its number, whatever became of those before it.
    """

    def __init__(self, inner: Transport, plan: FaultPlan | Iterable[Fault] = ()) -> None:
        super().__init__(inner)
        self.plan = plan if isinstance(plan, FaultPlan) else FaultPlan(tuple(plan))
        self.happened: list[Fault] = []
        self._ways = {direction: _Way(self.plan.of(direction)) for direction in Direction}
        self._moved = asyncio.Event()
        self._cut = False
        self._lost: LinkError | None = None

    def __repr__(self) -> str:
        return f"<FaultyTransport {self.url} {self.plan!r}>"

    def add(self, fault: Fault) -> None:
        """Plan one more fault; its ``at`` counts from the bytes that have passed by now."""
        way = self._ways[fault.direction]
        way.faults.append(replace(fault, at=way.passed + fault.at))
        way.faults.sort(key=lambda planned: planned.at)

    def heal(self) -> None:
        """Let everything pass from now on, as it is; what waits is passed on at once."""
        for direction, way in self._ways.items():
            way.faults.clear()
            way.silent, way.dropping = False, 0
            way.queue = [piece for piece in way.queue if isinstance(piece, bytes)]
            if way.timer is not None:
                way.timer.cancel()
            self._go_on(direction)

    def write(self, data: bytes) -> None:
        """Send ``data``, as far as the faults let it; raises LinkLostError after a disconnection."""
        if self._lost is not None:
            raise self._lost
        if self._receiver is None:
            raise LinkClosedError("the link is not open", board=self.url, phase="write")
        self._pass(Direction.UP, data)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the inner link."""
        self._pass(Direction.DOWN, data)

    def connection_lost(self, error: LinkError | None) -> None:
        """Take the end of the inner link; what waits is lost with it."""
        self._stop()
        if not self._cut:
            super().connection_lost(error)

    @property
    def unsent(self) -> int:
        """Bytes that wait here, or in the inner link."""
        waiting = sum(len(piece) for piece in self._ways[Direction.UP].queue if isinstance(piece, bytes))
        return waiting + super().unsent

    async def drain(self) -> None:
        """Wait until nothing waits here, nor in the inner link; raises LinkLostError."""
        while self._ways[Direction.UP].queue:
            self._moved.clear()
            await self._moved.wait()
        if self._lost is not None:
            raise self._lost
        await super().drain()

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Close the inner link; what waits is lost."""
        self._stop()
        await super().close(timeout)

    def abort(self) -> None:
        """Close the inner link at once."""
        self._stop()
        super().abort()

    # What becomes of bytes

    def _pass(self, direction: Direction, data: bytes) -> None:
        way = self._ways[direction]
        start = way.passed
        way.passed += len(data)
        at = 0
        while way.faults and way.faults[0].at < way.passed and not self._cut:
            here = max(at, way.faults[0].at - start)
            if here == len(data):
                # One before it took the rest: it befalls what comes next.
                break
            fault = way.faults.pop(0)
            self._queue(way, data[at:here])
            at = here
            if not way.silent:
                self.happened.append(fault)
                at = self._befall(fault, way, data, at)
        self._queue(way, data[at:])
        self._run(direction)

    def _befall(self, fault: Fault, way: _Way, data: bytes, at: int) -> int:
        """Let one fault happen to what begins at ``at``; return where to go on."""
        size = int(fault.amount)
        match fault.kind:
            case FaultKind.DELAY:
                way.queue.append(float(fault.amount))
            case FaultKind.SPLIT:
                way.queue.append(0.0)
            case FaultKind.DROP:
                way.dropping += size
            case FaultKind.DOUBLE:
                self._queue(way, data[at : at + size])
            case FaultKind.FLIP:
                self._queue(way, bytes([data[at] ^ (1 << size)]))
                return at + 1
            case FaultKind.TRUNCATE:
                return len(data)
            case FaultKind.DISCONNECT:
                self._run(Direction.UP)
                self._run(Direction.DOWN)
                self._disconnect()
                return len(data)
            case FaultKind.SILENCE:
                way.silent = True
        return at

    def _queue(self, way: _Way, data: bytes) -> None:
        if way.dropping:
            lost = min(way.dropping, len(data))
            way.dropping -= lost
            data = data[lost:]
        if data and not way.silent and not self._cut:
            way.queue.append(data)

    def _run(self, direction: Direction) -> None:
        """Pass on what does not have to wait."""
        way = self._ways[direction]
        if way.timer is not None:
            return
        ready = bytearray()
        while way.queue and not isinstance(way.queue[0], float):
            ready += way.queue.pop(0)  # type: ignore[arg-type]
        if ready and not self._cut:
            self._hand_on(direction, bytes(ready))
        if way.queue:
            wait = way.queue.pop(0)
            assert isinstance(wait, float)
            way.timer = asyncio.get_running_loop().call_later(wait, self._go_on, direction)
        self._moved.set()

    def _go_on(self, direction: Direction) -> None:
        self._ways[direction].timer = None
        self._run(direction)

    def _hand_on(self, direction: Direction, data: bytes) -> None:
        if direction is Direction.UP:
            super().write(data)
        else:
            super().data_received(data)

    def _disconnect(self) -> None:
        self._cut = True
        self._lost = LinkLostError("the link was lost: unplugged by a fault", board=self.url)
        self._stop()
        super().abort()
        assert self._receiver is not None
        asyncio.get_running_loop().call_soon(self._receiver.connection_lost, self._lost)

    def _stop(self) -> None:
        for way in self._ways.values():
            way.queue.clear()
            if way.timer is not None:
                way.timer.cancel()
                way.timer = None
        self._moved.set()
