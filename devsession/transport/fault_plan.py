"""What is to go wrong on a link: faults by hand, or drawn from a seed; the same plan does the same to the same bytes."""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping
from dataclasses import dataclass

from devsession.errors import UsageError
from devsession.transport.recording import Direction


class FaultKind(enum.Enum):
    """What happens to the bytes from a place on; ``amount`` says how much of it."""

    DELAY = "delay"  # they wait for `amount` seconds, and all behind them too
    SPLIT = "split"  # they arrive apart from those before
    DROP = "drop"  # `amount` bytes are lost
    DOUBLE = "double"  # `amount` bytes come twice
    FLIP = "flip"  # bit `amount` (0 to 7) of one byte is the other way round
    TRUNCATE = "truncate"  # the rest of the chunk is lost
    DISCONNECT = "disconnect"  # the link is lost, and they with it
    SILENCE = "silence"  # nothing passes this way any more, and nobody is told


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what happens, in which direction, before which byte of it (counted from 0), and how much of it."""

    kind: FaultKind
    direction: Direction
    at: int
    amount: float = 1

    def __repr__(self) -> str:
        return f"Fault({self.kind}, {self.direction}, {self.at}, {self.amount:g})"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of one link, by hand or from a seed; ``repr`` is the code that makes the plan again."""

    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "faults", tuple(sorted(self.faults, key=lambda fault: fault.at)))

    @classmethod
    def seeded(
        cls,
        seed: int,
        rates: Mapping[FaultKind, float],
        *,
        reach: int = 65536,
        longest_delay: float = 0.05,
    ) -> FaultPlan:
        """Return a plan drawn from ``seed``: ``rates`` are faults per byte and direction, within the first ``reach`` bytes of each.

        Delays last up to ``longest_delay`` seconds; drops and doubles take up to 8 bytes. Raises UsageError for a rate that is not
        from 0, for none, to 1.
        """
        for kind, rate in rates.items():
            if not 0 <= rate <= 1:
                raise UsageError(
                    f"{rate} is no rate of {kind.value}", hint="faults per byte: from 0, for none, to 1"
                )
        drawn = random.Random(seed)  # noqa: S311 - reproducible is what it has to be
        faults = []
        for kind in FaultKind:
            for direction in Direction:
                at = 0.0
                while rate := rates.get(kind, 0.0):
                    at += drawn.expovariate(rate)
                    if at >= reach:
                        break
                    faults.append(Fault(kind, direction, int(at), _amount(kind, drawn, longest_delay)))
        return cls(tuple(faults))

    def of(self, direction: Direction) -> list[Fault]:
        """Return the faults of one direction, in order."""
        return [fault for fault in self.faults if fault.direction is direction]


def _amount(kind: FaultKind, drawn: random.Random, longest_delay: float) -> float:
    if kind is FaultKind.DELAY:
        return round(drawn.uniform(0, longest_delay), 4)
    if kind is FaultKind.FLIP:
        return drawn.randrange(8)
    return drawn.randint(1, 8) if kind in {FaultKind.DROP, FaultKind.DOUBLE} else 1
