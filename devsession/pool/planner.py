"""Who gets which board, and which boards are opened for that: pure decisions over plain values, ``now`` passed in.

What is decided is noted down at once (a board given is leased, a board to be opened is opening), and done afterwards by others: the sizes
hold whatever happens in between.
"""

from __future__ import annotations

from collections import Counter

from devsession.pool.config import PoolConfig
from devsession.pool.model import Action, Close, Create, Give, Member, Open, Refuse, Scale, Seat, Waiter
from devsession.pool.selection import choose, least_missed, victims
from devsession.pool.snapshot import MEMBERS, BoardState
from devsession.pool.waiting import WaitingLine

_BUSY = frozenset({BoardState.LEASED, BoardState.CHECKING, BoardState.RECOVERING})
# Boards on their way to callers: none other is opened for those.
_COMING = frozenset({BoardState.OPENING, BoardState.CHECKING, BoardState.RECOVERING})


class Planner:
    """The boards of a pool and those who wait for one; ``can_create`` tells whether boards can be made.

    ``sharing`` is how many sessions of agents one board keeps at most.
    """

    def __init__(self, config: PoolConfig, *, can_create: bool, sharing: int) -> None:
        self.config = config
        self.max_size = config.max_size
        self.min_size: int | None = config.min_size
        self.can_create = can_create
        self.sharing = sharing
        self.members: dict[str, Member] = {}
        self.idle: dict[str, Member] = {}
        self.line = WaitingLine()
        self.creating = 0
        self.create_at = 0.0
        self._states: Counter[BoardState] = Counter()
        self._seats: dict[str, dict[str, Member]] = {}
        self._pattern: Member | None = None
        self._numbers = 0
        self._last = 0
        self._learned = False

    # What the pool has

    @property
    def size(self) -> int:
        """How many boards are open or about to be."""
        away = self._states[BoardState.CLOSED] + self._states[BoardState.QUARANTINED]
        return self.creating + len(self.members) - away

    @property
    def active(self) -> int:
        """How many boards are leased."""
        return self._states[BoardState.LEASED]

    @property
    def floor(self) -> int:
        """How many boards stay open: those that exist, where nothing else was said and none can be made."""
        if self.min_size is not None:
            return min(self.min_size, self.max_size)
        return min(self.max_size, 10 if self.can_create else len(self.members))

    def add(self, member: Member) -> Member:
        """Know a board."""
        self._numbers += 1
        member.number = self._numbers
        self.members[member.name] = member
        self._states[member.state] += 1
        self._learned = True
        return member

    def forget(self, member: Member) -> None:
        """Know a board no more; nobody has it, and no session is on it."""
        self.go(member, BoardState.CLOSED)
        self._states[BoardState.CLOSED] -= 1
        del self.members[member.name]
        self._learned = True

    def go(self, member: Member, state: BoardState) -> None:
        """Know where a board stands now."""
        self._states[member.state] -= 1
        self._states[state] += 1
        member.state = state
        if state is BoardState.IDLE:
            self.idle[member.name] = member
        else:
            self.idle.pop(member.name, None)

    def learned(self, member: Member) -> None:
        """Know that more is known of a board than before; boards that are made are all alike."""
        if member.is_made:
            self._pattern = member
        self._learned = True

    def seated(self, member: Member, agent: str, now: float) -> Seat:
        """Know that an agent has a session on a board."""
        seat = member.seats.get(agent)
        if seat is None:
            seat = member.seats[agent] = Seat(agent, now, now)
        homes = self._seats.setdefault(agent, {})
        # The one used last is found first.
        homes.pop(member.name, None)
        homes[member.name] = member
        return seat

    def unseated(self, member: Member, agent: str) -> None:
        """Know that an agent's session on a board has ended."""
        member.seats.pop(agent, None)
        homes = self._seats.get(agent, {})
        homes.pop(member.name, None)
        if not homes:
            self._seats.pop(agent, None)

    def homes(self, agent: str | None) -> list[Member]:
        """Return the boards on which an agent has a session, the one used last first."""
        return [] if agent is None else list(reversed(self._seats.get(agent, {}).values()))

    # Who gets which

    def assign(self, now: float) -> list[Action]:
        """Decide who of those that wait gets a board now, which sessions end for that, and which boards are opened or made."""
        actions: list[Action] = []
        learned, self._learned = self._learned, False
        unserved = 0
        for waiter in self.line:
            if learned and (lacks := self.why_never(waiter.requires)) is not None:
                self.line.remove(waiter)
                actions.append(Refuse(waiter, lacks))
            elif (given := self._given(waiter, unserved, now)) is not None:
                actions.append(given)
            elif not self._waits_for_his_own(waiter, now):
                unserved += 1
                actions += self._room_for(waiter, unserved, now)
            if not (self.idle or learned or self._can_open(now)):
                break
        return actions

    def why_never(self, requires: tuple[str, ...]) -> dict[str, str] | None:
        """Return why no board can ever meet a requirement, board by board; ``None`` where one does or may."""
        if not requires or (self.can_create and self._pattern is None):
            return None
        members = list(self.members.values())
        if self.can_create and self._pattern is not None:
            members.append(self._pattern)
        lacks = {member.name: member.lacks(requires) for member in members}
        told = {name: why for name, why in lacks.items() if why is not None}
        return told if told and len(told) == len(lacks) else None

    def fill(self, now: float) -> list[Action]:
        """Decide which boards are opened or made for the pool to have as many as it is to have at least."""
        return self._grow(self.floor - self.size, now)

    def ahead(self, now: float) -> list[Action]:
        """Decide whether boards are opened ahead of demand: from the threshold on, by a step."""
        size, config = self.size, self.config
        if not config.autoscale or not size or self.active / size < config.autoscale_threshold:
            return []
        grown = self._grow(min(config.autoscale_step, self.max_size - size), now)
        return [Scale(size, size + len(grown), self.active / size), *grown] if grown else []

    def _given(self, waiter: Waiter, unserved: int, now: float) -> Action | None:
        """Return what gives the waiter a board, where one is there for him; so many are ``unserved`` before him."""
        requires = waiter.requires
        for home in self.homes(waiter.agent):
            if home.state is BoardState.IDLE and home.fits(requires):
                return self._give(waiter, home, now, is_reuse=True)
        if self._waits_for_his_own(waiter, now):
            return None
        fitting = [member for member in self.idle.values() if member.fits(requires)]
        if roomy := [member for member in fitting if len(member.seats) < self.sharing]:
            return self._give(waiter, choose(roomy, self.config.selection, self._last), now)
        # A session is not ended for what another board can do as well.
        if fitting and not self._openable(requires, now) and self._coming(requires) <= unserved:
            loose = [member for member in fitting if victims(member, 1, self.config.eviction)]
            if loose:
                return self._give(waiter, least_missed(loose, self.config.eviction), now)
        return None

    def _give(self, waiter: Waiter, member: Member, now: float, *, is_reuse: bool = False) -> Give:
        self.line.remove(waiter, served=True)
        surplus = 0 if is_reuse else len(member.seats) + 1 - self.sharing
        evicted = tuple(seat.agent for seat in victims(member, surplus, self.config.eviction))
        self.go(member, BoardState.LEASED)
        self._last = member.number
        member.uses += 1
        member.last_used = now
        if waiter.agent is not None:
            seat = self.seated(member, waiter.agent, now)
            seat.uses += 1
            seat.last_used = now
        return Give(waiter, member, is_reuse, evicted)

    def _waits_for_his_own(self, waiter: Waiter, now: float) -> bool:
        """Whether the board that keeps the agent's session is busy, but not for him, and may be waited for."""
        if now >= waiter.since + self.config.affinity_wait:
            return False
        homes = [home for home in self.homes(waiter.agent) if home.fits(waiter.requires)]
        return any(home.state in _BUSY for home in homes) and not any(
            home.lease is not None and home.lease.agent == waiter.agent for home in homes
        )

    # Which boards are opened

    def _room_for(self, waiter: Waiter, unserved: int, now: float) -> list[Action]:
        """Return what brings a board for a waiter for whom none is there: one opened, made, or room made for one."""
        if self.size >= self.max_size:
            return [] if self._is_met(waiter.requires) else self._make_room(waiter.requires, now)
        return self._grow(1, now, waiter.requires) if self._coming(waiter.requires) < unserved else []

    def _coming(self, requires: tuple[str, ...]) -> int:
        """Return how many boards that may do are about to be there."""
        if not self.creating and not any(self._states[state] for state in _COMING):
            return 0
        return self.creating + sum(
            member.state in _COMING and member.lacks(requires) is None for member in self.members.values()
        )

    def _make_room(self, requires: tuple[str, ...], now: float) -> list[Action]:
        """Return what closes a board that does not do, for one that may."""
        useless = [member for member in self.idle.values() if not member.is_pinned]
        if not useless or not any(self._may_open(member, requires, now) for member in self.members.values()):
            return []
        member = min(useless, key=lambda one: one.last_used)
        self.go(member, BoardState.CLOSING)
        return [Close(member, "makes room for another")]

    def _is_met(self, requires: tuple[str, ...]) -> bool:
        return any(member.state in MEMBERS and member.fits(requires) for member in self.members.values())

    def _openable(self, requires: tuple[str, ...], now: float) -> bool:
        """Whether a board that may do can be opened or made now."""
        return self.size < self.max_size and (
            self._may_create(now)
            or any(self._may_open(member, requires, now) for member in self.members.values())
        )

    def _can_open(self, now: float) -> bool:
        return self.size < self.max_size and (
            self._may_create(now) or any(self._may_open(member, (), now) for member in self.members.values())
        )

    def _may_create(self, now: float) -> bool:
        return self.can_create and now >= self.create_at

    def _may_open(self, member: Member, requires: tuple[str, ...], now: float) -> bool:
        return (
            member.state in {BoardState.CLOSED, BoardState.QUARANTINED}
            and now >= member.retry_at
            and not member.is_going
            and member.lacks(requires) is None
        )

    def _grow(self, count: int, now: float, requires: tuple[str, ...] = ()) -> list[Action]:
        """Open boards that are known, the one unused for longest first, then have some made; never more than there may be."""
        count = min(count, self.max_size - self.size)
        if count <= 0:
            return []
        closed = [member for member in self.members.values() if self._may_open(member, requires, now)]
        closed.sort(key=lambda member: (not member.fits(requires), member.strikes, member.last_used))
        actions: list[Action] = []
        for member in closed[:count]:
            self.go(member, BoardState.OPENING)
            actions.append(Open(member))
        while len(actions) < count and self._may_create(now):
            self.creating += 1
            actions.append(Create())
        return actions
