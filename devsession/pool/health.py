"""Whether a board is well, and what may make it well again."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from devsession.board.board import Board
from devsession.board.log import log
from devsession.board.resets import Reset
from devsession.errors import DevsessionError
from devsession.pool.pooled import PooledBoard

# What each finding takes from a score of 1; a board that does not answer at all has 0.
LITTLE_HEAP = 0.3
LITTLE_FLASH = 0.2
STARTED_ANEW = 0.3
SLOW_ANSWER = 0.2
PROBE_FAILED = 0.6
# Bytes of flash below which programs cannot keep anything, and seconds that no answer should take.
LEAST_FLASH = 4096
SLOW = 1.0

# Free heap after a collection, and free flash where there is a file system; one turn.
_ASK = (
    "(lambda g,o:(g.collect(),g.mem_free(),(lambda s:s[0]*s[3])(o.statvfs('/'))if hasattr(o,'statvfs')else None)[1:])"
    "(__import__('gc'),__import__('os'))"
)

HealthProbe = Callable[[Board], Awaitable[object] | object]


@dataclass(frozen=True, slots=True)
class Health:
    """How well a board is: ``score`` from 0 to 1, with the ``reasons`` for what is missing; ``took`` seconds to answer."""

    score: float
    reasons: tuple[str, ...] = ()
    took: float = 0.0


async def examine(
    pooled: PooledBoard, probes: Sequence[HealthProbe], *, timeout: float, least_heap: int, epoch: int | None
) -> Health:
    """Ask a board how it is: two turns, and what ``probes`` ask. It raises nothing: what fails is a reason.

    ``epoch`` is the life of its interpreter that was seen last, ``None`` where that does not count.
    """
    if pooled.is_lost:
        return Health(0.0, ("its link is lost",))
    board = pooled.manager.board
    began = time.monotonic()
    try:
        heap, flash = (await board.ask(_ASK, timeout=timeout)).value
    except (DevsessionError, TypeError, ValueError) as error:
        return Health(0.0, (f"it does not answer: {error}",), time.monotonic() - began)
    took = time.monotonic() - began
    pooled.free_heap = heap
    findings = {
        f"{heap} bytes of heap are free": LITTLE_HEAP if heap < least_heap else 0.0,
        f"{flash} bytes of flash are free": LITTLE_FLASH
        if flash is not None and flash < LEAST_FLASH
        else 0.0,
        "it started anew by itself": STARTED_ANEW if epoch not in {None, board.epoch} else 0.0,
        f"it took {took:.1f} s to answer": SLOW_ANSWER if took > SLOW else 0.0,
    }
    for probe in probes:
        if (reason := await _failing(probe, board)) is not None:
            findings[reason] = PROBE_FAILED
    missing = {reason: cost for reason, cost in findings.items() if cost}
    return Health(round(max(0.0, 1 - sum(missing.values())), 2), tuple(missing), took)


async def _failing(probe: HealthProbe, board: Board) -> str | None:
    name = getattr(probe, "__name__", repr(probe))
    try:
        found = probe(board)
        if inspect.isawaitable(found):
            found = await found
    except Exception as error:  # noqa: BLE001 - whatever a probe raises, the board did not pass it
        return f"{name} failed: {error}"
    return f"{name} found it unfit" if found is False else None


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder: what it is called, whether a board can be treated so, and how."""

    name: str
    applies: Callable[[PooledBoard], bool]
    treat: Callable[[PooledBoard, float], Awaitable[None]]


async def _attach(pooled: PooledBoard, timeout: float) -> None:
    await pooled.manager.board.attach(timeout)


def _resets(kind: Reset) -> Callable[[PooledBoard, float], Awaitable[None]]:
    async def reset(pooled: PooledBoard, timeout: float) -> None:
        await pooled.manager.board.reset(kind, timeout)

    return reset


async def _reopen(pooled: PooledBoard, timeout: float) -> None:
    await pooled.close()
    await pooled.open(timeout)


async def _power(pooled: PooledBoard, timeout: float) -> None:
    if pooled.is_lost:
        await _reopen(pooled, timeout)
    await pooled.manager.board.reset(Reset.POWER, timeout)


def _has_link(pooled: PooledBoard) -> bool:
    return not pooled.is_lost


# From what harms least to what harms most.
LADDER = (
    Step("prompt", _has_link, _attach),
    Step("soft reset", _has_link, _resets(Reset.RAW_SOFT)),
    Step(
        "reset line",
        lambda pooled: _has_link(pooled) and pooled.manager.board.can(Reset.LINE),
        _resets(Reset.LINE),
    ),
    Step("new link", lambda _: True, _reopen),
    Step("power", lambda _: True, _power),
)


async def recover(
    pooled: PooledBoard, examined: Callable[[], Awaitable[Health]], *, timeout: float, pass_score: float
) -> tuple[str | None, Health]:
    """Go up the ladder until the board is well; return the name of the rung that helped, ``None`` where none did, and how it is then."""
    found: Health | None = None
    failed = "nothing was tried"
    for step in LADDER:
        if not step.applies(pooled):
            continue
        try:
            await step.treat(pooled, timeout)
        except (DevsessionError, OSError) as error:
            log.event("no recovery", board=pooled.offer.url, rung=step.name, why=str(error))
            failed = f"{step.name}: {error}"
            continue
        found = await examined()
        if found.score >= pass_score:
            return step.name, found
    return None, found or Health(0.0, (failed,))
