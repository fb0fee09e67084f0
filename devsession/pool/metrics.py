"""The figures of a pool: what it told by its events, counted, beside how it stands now."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from devsession.pool import events
from devsession.pool.distribution import Distribution, Histogram, Rate
from devsession.pool.snapshot import PoolSnapshot

# Seconds. A free board is given at once, one that has to be opened takes some tenths; callers wait for half a minute by default.
WAIT_BOUNDS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Sessions last from one short program to a working day.
LIFETIME_BOUNDS = (0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 28800.0)
# Leases likewise, the shortest ones are one program.
LEASE_BOUNDS = (0.001, 0.01, *LIFETIME_BOUNDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMetrics:
    """The figures of a pool at one moment; counts are since it began, times in seconds.

    ``size`` to ``waiting`` are as in PoolSnapshot. ``created`` counts clean sessions given to callers, ``reused`` those given to an agent
    again, ``evicted`` by reason those that ended, ``lifetimes`` how long these had lasted. ``waits`` is how long callers waited who were
    given a board, ``given_up`` by reason those who were not. ``leases`` is how long boards were held, ``revoked`` how many leases ended
    under their holders. ``request_rate`` is callers a second over the last minute.
    """

    pool: str
    taken_at: float
    began_at: float
    size: int
    min_size: int
    max_size: int
    active: int
    idle: int
    unhealthy: int
    sessions: int
    waiting: int
    utilisation: float
    created: int
    reused: int
    evicted: dict[str, int]
    given_up: dict[str, int]
    revoked: int
    boards_opened: int
    boards_removed: int
    scaled_up: int
    scaled_down: int
    health_passed: int
    health_failed: int
    quarantined: int
    recovered: int
    request_rate: float
    waits: Distribution
    leases: Distribution
    lifetimes: Distribution

    @property
    def requests(self) -> int:
        """How many callers asked for a board and were answered, either way."""
        return self.created + self.reused + sum(self.given_up.values())

    @property
    def hit_rate(self) -> float | None:
        """Which part of the sessions given were the caller's own from before, from 0 to 1; ``None`` before the first."""
        return _part(self.reused, self.created)

    @property
    def health_pass_rate(self) -> float | None:
        """Which part of the health checks passed, from 0 to 1; ``None`` before the first."""
        return _part(self.health_passed, self.health_failed)

    @property
    def average_lifetime(self) -> float | None:
        """How long a session lasts, of those that have ended; ``None`` before the first has."""
        return self.lifetimes.mean


class Meter:
    """Counts what a pool tells: ``pool.events.add(meter)``. A happening costs about a microsecond; the sums are made by ``read``."""

    def __init__(self) -> None:
        self._began_at = time.time()
        self._counts: Counter[str] = Counter()
        self._evicted: Counter[str] = Counter()
        self._given_up: Counter[str] = Counter()
        self._requests = Rate(self._began_at)
        self._waits = Histogram(WAIT_BOUNDS)
        self._leases = Histogram(LEASE_BOUNDS)
        self._lifetimes = Histogram(LIFETIME_BOUNDS)

    def __call__(self, event: events.PoolEvent) -> None:
        """Count one event; one of a kind that is not known here is nothing."""
        counts = self._counts
        # The most frequent ones first.
        match event:
            case events.SessionReused(waited=waited):
                counts["reused"] += 1
                self._given(event.at, waited)
            case events.SessionReleased(held=held):
                self._leases.add(held)
            case events.SessionCreated(waited=waited):
                counts["created"] += 1
                self._given(event.at, waited)
            case events.SessionEvicted(reason=reason, lifetime=lifetime):
                self._evicted[reason.value] += 1
                self._lifetimes.add(lifetime)
            case events.HealthChecked(passed=passed):
                counts["health_passed" if passed else "health_failed"] += 1
            case events.WaitEnded(reason=why):
                self._given_up[why] += 1
                self._requests.add(event.at)
            case events.LeaseRevoked(held=held):
                counts["revoked"] += 1
                self._leases.add(held)
            case events.PoolScaled(before=before, after=after):
                counts["scaled_up" if after > before else "scaled_down"] += 1
            case _ if type(event) in _COUNTED:
                counts[_COUNTED[type(event)]] += 1

    def read(self, snapshot: PoolSnapshot) -> PoolMetrics:
        """Return what was counted so far, with the gauges of ``snapshot``."""
        counts = self._counts
        return PoolMetrics(
            pool=snapshot.name,
            taken_at=snapshot.taken_at,
            began_at=self._began_at,
            size=snapshot.size,
            min_size=snapshot.min_size,
            max_size=snapshot.max_size,
            active=snapshot.active,
            idle=snapshot.idle,
            unhealthy=snapshot.unhealthy,
            sessions=snapshot.sessions,
            waiting=snapshot.waiting,
            utilisation=snapshot.utilisation,
            **{name: counts[name] for name in _PLAIN_COUNTS},
            evicted=dict(self._evicted),
            given_up=dict(self._given_up),
            request_rate=self._requests.per_second(snapshot.taken_at),
            waits=self._waits.read(),
            leases=self._leases.read(),
            lifetimes=self._lifetimes.read(),
        )

    def _given(self, at: float, waited: float) -> None:
        self._requests.add(at)
        self._waits.add(waited)


_PLAIN_COUNTS = (
    "created",
    "reused",
    "revoked",
    "boards_opened",
    "boards_removed",
    "scaled_up",
    "scaled_down",
    "health_passed",
    "health_failed",
    "quarantined",
    "recovered",
)
# What is merely counted.
_COUNTED: dict[type[events.PoolEvent], str] = {
    events.BoardOpened: "boards_opened",
    events.BoardRemoved: "boards_removed",
    events.BoardQuarantined: "quarantined",
    events.BoardRecovered: "recovered",
}


def _part(some: int, others: int) -> float | None:
    return some / (some + others) if some + others else None
