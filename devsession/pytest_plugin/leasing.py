"""A lease: boards that are one test's or one module's alone, attached, and given back at the end."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from devsession.board.happenings import Happening
from devsession.board.resets import Reset
from devsession.errors import (
    BoardNotFoundError,
    BoardTakenError,
    DevsessionError,
    LeaseTimeoutError,
    PoolError,
    PortNotFoundError,
)
from devsession.pool.locks import Locks
from devsession.pool.provider import BoardOffer
from devsession.pool.runner import jittered
from devsession.pool.taking import Taken, take
from devsession.pytest_plugin.config import DevsessionConfig
from devsession.pytest_plugin.fitting import facts, why_not
from devsession.pytest_plugin.requirement import Requirement
from devsession.pytest_plugin.sources import right_to
from devsession.session.states import ConnectionState
from devsession.sync.session import DeviceSessionManager

# Seconds that a board has to answer after a test that failed: a prompt takes milliseconds, bringing it back a second or two.
ANSWER_LIMIT = 5.0
# Seconds until a board is tried again that another computer has: their leases last as long as tests do.
TAKEN_RETRY = 0.5
_MISSING = (BoardNotFoundError, PortNotFoundError)
_HINT = "--devsession-scope=function has workers take turns after every test; --devsession-acquire-timeout has them wait longer"


@dataclass(slots=True)
class Leased:
    """One board of a lease; ``recoveries`` counts how often it was brought back since that was asked."""

    known: BoardOffer
    manager: DeviceSessionManager
    recoveries: int = 0

    def happened(self, happening: Happening) -> None:
        """Count recoveries."""
        if happening is Happening.RECOVERY_BEGAN:
            self.recoveries += 1


@dataclass(slots=True)
class Lease:
    """The boards of a lease; ``wait`` is how many seconds it took to get them, ``is_suspect`` is set when a test failed on them.

    ``epochs`` is how often each had been seen to start anew when it began.
    """

    requirement: Requirement
    boards: list[Leased] = field(default_factory=list)
    wait: float = 0.0
    is_suspect: bool = False
    epochs: list[int] = field(default_factory=list)

    def is_sound(self) -> bool:
        """Whether all boards are there; after a failed test they are asked, and must not have started anew since the lease began.

        A board that did lost what fixtures had prepared on it: they are set up again with the next lease.
        """
        suspect, self.is_suspect = self.is_suspect, False
        if suspect and self.epochs != self.epochs_now():
            return False
        return all(_answers(each.manager, suspect=suspect) for each in self.boards)

    def epochs_now(self) -> list[int]:
        """Return how often each board was seen to start anew."""
        return [each.manager.board.epoch for each in self.boards]

    def reset(self, kind: Reset | str = Reset.RAW_SOFT) -> None:
        """Reset all boards; raises UsageError for what is no kind of reset, and what ``Board.reset`` does."""
        for each in self.boards:
            each.manager.board.reset(kind)

    def take_recoveries(self) -> int:
        """Return how often boards were brought back since this was last asked."""
        counted = sum(each.recoveries for each in self.boards)
        for each in self.boards:
            each.recoveries = 0
        return counted

    def positions(self) -> list[int]:
        """Return how much each board has printed so far, in bytes."""
        return [each.manager.board.output.end for each in self.boards]


def _answers(manager: DeviceSessionManager, *, suspect: bool) -> bool:
    if manager.board.lost is not None or manager.state is not ConnectionState.CONNECTED:
        return False
    if suspect:
        try:
            manager.board.exec("", timeout=ANSWER_LIMIT)
        except DevsessionError:
            return False
    return True


@contextlib.contextmanager
def leased(config: DevsessionConfig, requirement: Requirement, *, owner: str) -> Iterator[Lease]:
    """Give the block boards that fit, attached; at its end they are closed and given back.

    A board that cannot be attached, or is found to lack what is asked for, is left to others: the next one is tried. Raises PoolError,
    LeaseTimeoutError, and what attaching raised when no other board is left.
    """
    lease = Lease(requirement)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_Attaching(config, requirement, owner).attach(lease))
        lease.wait = time.monotonic() - began
        lease.epochs = lease.epochs_now()
        yield lease


class _Attaching:
    """The search for boards that fit and answer."""

    def __init__(self, config: DevsessionConfig, requirement: Requirement, owner: str) -> None:
        self._config = config
        self._requirement = requirement
        self._owner = f"{owner} [{os.environ.get('PYTEST_XDIST_WORKER', 'main')}]"
        self._locks = Locks(config.lock_directory)
        self._failed: dict[str, DevsessionError] = {}
        # Those that other computers have, since they were last tried.
        self._away: dict[str, BoardTakenError] = {}
        self._deadline = time.monotonic() + config.acquire_timeout

    def attach(self, lease: Lease) -> contextlib.ExitStack:
        """Fill ``lease``, and return what ends it."""
        while True:
            taken = self._take()
            with contextlib.ExitStack() as stack:
                for each in taken:
                    stack.callback(each.give_back)
                lease.boards = []
                if all(self._enter(stack, each, lease) for each in taken) and self._fits(taken):
                    return stack.pop_all()

    def _take(self) -> tuple[Taken, ...]:
        while True:
            left = max(self._deadline - time.monotonic(), 0.0)
            pause = min(left, jittered(TAKEN_RETRY))
            try:
                return take(
                    self._places(), self._locks, owner=self._owner, timeout=pause if self._away else left
                )
            except PoolError as error:
                if not self._away or not left:
                    self._refuse(error)
                if not isinstance(error, LeaseTimeoutError):
                    # Nothing is left to wait for here: those that are away are what would do.
                    time.sleep(pause)
                self._away.clear()

    def _refuse(self, error: PoolError) -> NoReturn:
        """Raise why no board can be had."""
        # Why the others cannot be had is what helps.
        for failure in self._failed.values():
            raise failure from error
        if self._away:
            told = "; ".join(each.message for each in self._away.values())
            limit = self._config.acquire_timeout
            error = LeaseTimeoutError(f"no board became free within {limit:g} s: {told}", timeout=limit)
        if isinstance(error, LeaseTimeoutError):
            error.hint = _HINT
        raise error

    def _places(self) -> list[list[BoardOffer]]:
        allowed = self._config.of_kind(self._requirement.only)
        boards = [board for board in allowed if not self._is_missing(board)]
        return [self._fitting(boards, requires) for requires in self._requirement.places]

    def _fitting(self, boards: list[BoardOffer], requires: tuple[str, ...]) -> list[BoardOffer]:
        lacking = {board: why_not(board, requires, self._requirement.firmware) for board in boards}
        fitting = [board for board, reason in lacking.items() if reason is None]
        # Simulated ones are for when there is no real one; one that is in trouble is, and its tests do not move on in silence.
        real = [board for board in fitting if not board.is_simulated]
        preferred = real if real and self._config.mode == "auto" else fitting
        usable = [board for board in preferred if board.url not in self._failed | self._away]
        if not usable:
            raise PoolError("; ".join(filter(None, lacking.values())) or "there is no board for this test")
        return usable

    def _is_missing(self, board: BoardOffer) -> bool:
        """Whether there is no such board, and was none before."""
        return isinstance(self._failed.get(board.url), _MISSING) and board.url not in facts

    def _enter(self, stack: contextlib.ExitStack, taken: Taken, lease: Lease) -> bool:
        try:
            right = stack.enter_context(right_to(taken.board))
            manager = DeviceSessionManager.open(right.url, recovery=self._config.recovery)
            right.holds(manager)
            stack.enter_context(manager)
        except BoardTakenError as error:
            self._away[taken.board.url] = error
            return False
        except DevsessionError as error:
            self._failed[taken.board.url] = error
            return False
        leased = Leased(taken.board, manager)
        manager.board.add_watcher(leased.happened)
        with contextlib.suppress(DevsessionError):
            # A board without room for the question stays unknown.
            facts[taken.board.url] = manager.capabilities
        lease.boards.append(leased)
        return True

    def _fits(self, taken: tuple[Taken, ...]) -> bool:
        places = zip(taken, self._requirement.places, strict=True)
        return all(why_not(each.board, place, self._requirement.firmware) is None for each, place in places)
