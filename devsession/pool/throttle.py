"""How often boards may be asked for: a bucket of tokens for each agent and one for all, fuller or emptier as boards keep up."""

from __future__ import annotations

from dataclasses import dataclass

# A board that answers this many times slower than it usually does is slow, where that is more than SLOW seconds.
SLOWER = 4.0
SLOW = 0.1
# Each slow answer takes this part of the rates away, each other one gives so much back; something always gets through.
BACK_OFF = 0.7
COME_BACK = 0.05
LEAST = 0.1
# How much a new answer counts for what is usual: the last twenty or so.
_WEIGHT = 0.05
# Agents that are remembered at most: those whose buckets have filled up again are forgotten first.
AGENTS = 10_000


@dataclass(slots=True)
class TokenBucket:
    """``rate`` tokens come in a second, up to ``burst``; who takes one that is not there yet waits for it in line."""

    rate: float
    burst: float
    tokens: float
    at: float

    def take(self, now: float, factor: float = 1.0) -> float:
        """Take a token, and return in how many seconds it will be there: 0 for at once."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate * factor) - 1
        self.at = now
        return max(0.0, -self.tokens / (self.rate * factor))

    def give_back(self) -> None:
        """Put back a token that was not used."""
        self.tokens += 1

    def is_full(self, now: float) -> bool:
        """Whether nobody has used it for so long that a new one would be the same."""
        return self.tokens + (now - self.at) * self.rate * LEAST >= self.burst


class Throttle:
    """Limits requests: ``agent`` and ``pool`` are rates a second with bursts, ``None`` for no limit; no clock, ``now`` is passed in."""

    def __init__(
        self,
        agent: tuple[float, int] | None = None,
        pool: tuple[float, int] | None = None,
        *,
        adaptive: bool = True,
    ) -> None:
        self._limit = agent
        self._pool = TokenBucket(pool[0], pool[1], pool[1], 0.0) if pool is not None else None
        self._adaptive = adaptive
        self._agents: dict[str, TokenBucket] = {}
        self._usual: float | None = None
        self.factor = 1.0

    def take(self, agent: str | None, now: float, patience: float | None = None) -> float | None:
        """Return for how many seconds a request has to wait, ``None`` when that is longer than ``patience``: it does not count then."""
        buckets = [bucket for bucket in (self._of(agent, now), self._pool) if bucket is not None]
        wait = max((bucket.take(now, self.factor) for bucket in buckets), default=0.0)
        if patience is not None and wait > patience:
            for bucket in buckets:
                bucket.give_back()
            return None
        return wait

    def answered(self, seconds: float) -> None:
        """Know how long a board took to answer: rates go down while that is much longer than usual."""
        if not self._adaptive:
            return
        usual = self._usual if self._usual is not None else seconds
        if seconds > SLOW and seconds > usual * SLOWER:
            self.factor = max(LEAST, self.factor * BACK_OFF)
        else:
            self.factor = min(1.0, self.factor + COME_BACK)
        # What is slow counts less: it would be usual soon.
        self._usual = usual + (min(seconds, usual * SLOWER) - usual) * _WEIGHT

    def _of(self, agent: str | None, now: float) -> TokenBucket | None:
        if self._limit is None or agent is None:
            return None
        bucket = self._agents.get(agent)
        if bucket is None:
            if len(self._agents) >= AGENTS:
                self._agents = {name: one for name, one in self._agents.items() if not one.is_full(now)}
            rate, burst = self._limit
            bucket = self._agents[agent] = TokenBucket(rate, burst, burst, now)
        return bucket
