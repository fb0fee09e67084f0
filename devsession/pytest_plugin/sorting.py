"""Sorting out, at collection, the tests that no board can ever run."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import pytest

from devsession.errors import DevsessionError, PoolError
from devsession.pool.provider import BoardOffer
from devsession.pytest_plugin.config import DevsessionConfig
from devsession.pytest_plugin.fitting import facts, why_not
from devsession.pytest_plugin.requirement import Requirement, requirement_of

# How long, in seconds, collection waits for a board in order to ask it: one that is busy is asked when its turn comes.
ASK_LIMIT = 1.0


def sort_out(config: DevsessionConfig, items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, str]]:
    """Yield the tests that no board can ever run, each with the reason."""
    reasons: dict[Requirement, str | None] = {}
    for item in items:
        requirement = requirement_of(item)
        if requirement not in reasons:
            reasons[requirement] = _reason(config, requirement)
        if (reason := reasons[requirement]) is not None:
            yield item, reason


def _reason(config: DevsessionConfig, requirement: Requirement) -> str | None:
    if config.mode == "off":
        return "devsession is off"
    try:
        boards = config.of_kind(requirement.only)
    except PoolError:
        # A farm that cannot be asked now: the tests run, and tell.
        return None
    if not boards:
        return f"no {requirement.only or config.mode} board is known: --devsession-board URL"
    if not requirement.is_plain:
        for board in boards:
            if any(_is_open(board, requires, requirement.firmware) for requires in requirement.places):
                _ask(config, board)
    for requires in requirement.places:
        lacking = [why_not(board, requires, requirement.firmware) for board in boards]
        if None not in lacking:
            return "; ".join(filter(None, lacking))
    shared = [board for board in boards if board.identity is not None]
    if len(requirement.places) > len(boards) and len(shared) == len(boards):
        return f"{len(requirement.places)} boards are wanted, and {len(boards)} are known"
    return None


def _is_open(board: BoardOffer, requires: tuple[str, ...], firmware: str) -> bool:
    """Whether its tags alone do not tell that a board has what is asked for, or lacks it."""
    return bool(firmware) or not (board.tags.issuperset(requires) or why_not(board, requires, firmware))


def _ask(config: DevsessionConfig, board: BoardOffer) -> None:
    """Find out what a board is, unless that is known; one that is busy or does not answer stays unknown, and its tests are run."""
    from devsession.pytest_plugin.leasing import leased

    if board.url not in facts:
        alone = dataclasses.replace(config, boards=(board,), acquire_timeout=ASK_LIMIT, mode="auto")
        with contextlib.suppress(DevsessionError), leased(alone, Requirement(), owner="collection"):
            pass
