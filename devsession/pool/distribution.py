"""Values counted by size, and happenings by the second: what a measurement costs is a few additions, however many there were."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

# Over how many seconds a present rate is a mean.
RATE_WINDOW = 60


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values there were of each size.

    ``counts[n]`` are those above ``bounds[n - 1]`` and up to ``bounds[n]``, the last one those above all bounds; ``total`` is the sum of
    the values, ``largest`` the largest one.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0
    largest: float = 0.0

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Their mean, ``None`` when there were none."""
        return self.total / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Return what ``share`` of the values (0 to 1) do not exceed, by linear interpolation between bounds; ``None`` without values."""
        wanted = share * self.count
        below = 0
        low = 0.0
        for high, count in zip((*self.bounds, self.largest), self.counts, strict=True):
            if count and below + count >= wanted:
                # Nothing is larger than the largest, which may stand well below its bound.
                return low + (max(min(high, self.largest), low) - low) * (wanted - below) / count
            below += count
            low = high
        return None


class Histogram:
    """Counts values into a Distribution; ``bounds`` are the upper ends of its ranges, ascending."""

    __slots__ = ("_bounds", "_counts", "_largest", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        self._largest = 0.0

    def add(self, value: float) -> None:
        """Count one value; one below 0, which a clock that was set back makes, counts as 0."""
        value = max(value, 0.0)
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value
        self._largest = max(self._largest, value)

    def read(self) -> Distribution:
        """Return what was counted so far."""
        return Distribution(self._bounds, tuple(self._counts), self._total, self._largest)


class Rate:
    """Counts happenings of the last ``RATE_WINDOW`` seconds; times are in seconds, of any one clock that only goes on."""

    __slots__ = ("_counts", "_seconds", "_since")

    def __init__(self, since: float) -> None:
        self._since = since
        self._counts = [0] * RATE_WINDOW
        # Which second each place of the ring counts at present.
        self._seconds = [-1] * RATE_WINDOW

    def add(self, now: float) -> None:
        """Count one."""
        second = int(now - self._since)
        place = second % RATE_WINDOW
        if self._seconds[place] != second:
            self._seconds[place] = second
            self._counts[place] = 0
        self._counts[place] += 1

    def per_second(self, now: float) -> float:
        """Return how many there were a second, over the window or what has passed of it."""
        elapsed = now - self._since
        oldest = int(elapsed) - RATE_WINDOW
        recent = sum(
            count for second, count in zip(self._seconds, self._counts, strict=True) if second > oldest
        )
        return recent / min(max(elapsed, 1.0), RATE_WINDOW)
