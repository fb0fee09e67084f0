"""Which boards a pool knows: those that its provider has, with what is remembered of them."""

from __future__ import annotations

import time
from collections.abc import Iterable

from devsession.board.log import log
from devsession.errors import PoolError
from devsession.pool.inventory import Remembered
from devsession.pool.model import Member
from devsession.pool.runner import Runner
from devsession.pool.snapshot import BoardState

_AWAY = frozenset({BoardState.CLOSED, BoardState.QUARANTINED})


class Roster:
    """The boards that a pool knows, open or not."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._removed: set[str] = set()

    async def discover(self) -> None:
        """Ask the provider which boards there are now; those that are new are known, those that are gone are not.

        One that is gone and open has its link cut: what is at its other end may be somebody else's.
        """
        try:
            offers = await self._runner.provider.discover()
        except PoolError as error:
            self._runner.failed(error)
            return
        known = self._runner.planner.members
        for offer in offers:
            if offer.name not in known and offer.name not in self._removed:
                self._runner.planner.add(Member(offer, 0))
        names = {offer.name for offer in offers}
        for member in tuple(known.values()):
            if member.is_made or member.name in names:
                continue
            if (pooled := self._runner.pooled.get(member.name)) is not None:
                member.is_going = True
                pooled.cut()
            elif member.state in {BoardState.CLOSED, BoardState.QUARANTINED}:
                self._runner.planner.forget(member)

    def recall(self, rows: Iterable[Remembered]) -> None:
        """Know again what was remembered of the boards that there are."""
        from devsession.session.capabilities import DeviceCapabilities

        remembered = {row.identity: row for row in rows}
        for member in self._runner.planner.members.values():
            row = remembered.get(member.offer.identity or "")
            if row is None:
                continue
            member.strikes, member.uses = row.strikes, row.uses
            left = row.quarantined_until - time.time()
            if left > 0:
                self._runner.planner.go(member, BoardState.QUARANTINED)
                member.retry_at = time.monotonic() + min(left, self._runner.config.quarantine_longest)
            try:
                member.know(DeviceCapabilities.model_validate_json(row.capabilities))
            except ValueError:
                log.event("not remembered", board=member.name)

    def remember(self, member: Member) -> None:
        """Have the store keep what is known of a board."""
        if self._runner.store is None or member.offer.identity is None:
            return
        offer, away = member.offer, time.monotonic() - time.time()
        quarantined = member.retry_at - away if member.state is BoardState.QUARANTINED else 0.0
        self._runner.store.save(
            Remembered(
                offer.identity or "",
                offer.name,
                offer.url,
                offer.tags,
                strikes=member.strikes,
                quarantined_until=quarantined,
                last_used=member.last_used - away if member.last_used else 0.0,
                uses=member.uses,
                capabilities=member.known.model_dump_json() if member.known is not None else "",
            )
        )

    def take_out(self, member: Member) -> None:
        """Have a board leave the pool for good, as soon as nobody has it."""
        member.is_going = True
        self._removed.add(member.name)
        if member.name not in self._runner.pooled and member.state in {
            BoardState.CLOSED,
            BoardState.QUARANTINED,
        }:
            self._runner.planner.forget(member)
        self._runner.changed.set()
