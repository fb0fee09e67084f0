"""How a pool behaves: every setting with its default, checked before anything is opened."""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

# The pool's own sizes where nothing is said: of DESIGN 7.
MAX_SIZE = 60
MIN_SIZE = 10

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1)]


class Selection(enum.StrEnum):
    """Which of several boards a caller is given who has no session of his own there."""

    LEAST_RECENTLY_USED = "least-recently-used"
    ROUND_ROBIN = "round-robin"
    LEAST_LOADED = "least-loaded"  # the one that keeps the fewest sessions
    WEIGHTED = "weighted"  # by the weights that its provider gives


class Eviction(enum.StrEnum):
    """Which session of those that sleep goes first."""

    LEAST_RECENTLY_USED = "least-recently-used"
    LEAST_FREQUENTLY_USED = "least-frequently-used"


class PoolConfig(BaseModel):
    """The settings of a SessionPool; times are in seconds. Raises pydantic's ValidationError for what cannot be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)] = "pool"
    # How many boards are open: more are never there, whatever happens; ``min_size`` of them are opened at once and stay open. ``None``:
    # 10 where boards can be made (never more than ``max_size``), else all that exist.
    max_size: Annotated[int, Field(ge=1)] = MAX_SIZE
    min_size: Annotated[int, Field(ge=0)] | None = None
    # Simulated boards: whether one keeps the sessions of several agents, as hardware does; else each session has its process for itself.
    share: bool = False

    idle_timeout: Seconds = 300.0
    connect_timeout: Seconds = 5.0
    acquire_timeout: Seconds | None = 30.0

    # From this part of the boards leased on, ``autoscale_step`` more are opened; from ``shrink_threshold`` down, they are closed again.
    autoscale: bool = True
    autoscale_threshold: Part = 0.8
    shrink_threshold: Part = 0.3
    autoscale_step: Annotated[int, Field(ge=1)] = 10

    # Requests a second of one agent, and of all together (``None``: no limit), with so many at once beyond that.
    throttle_agent: Seconds | None = 10.0
    throttle_agent_burst: Annotated[int, Field(ge=1)] = 20
    throttle_pool: Seconds | None = None
    throttle_pool_burst: Annotated[int, Field(ge=1)] = 100
    throttle_adaptive: bool = True

    reuse: bool = True
    selection: Selection = Selection.LEAST_RECENTLY_USED
    eviction: Eviction = Eviction.LEAST_RECENTLY_USED
    # How long an agent waits for the board that keeps his session before another will do.
    affinity_wait: Annotated[float, Field(ge=0)] = 1.0
    # How many sessions sleep on one board at most, and how many bytes of heap have to stay free for that.
    max_sleeping: Annotated[int, Field(ge=0)] = 32
    min_free_heap: Annotated[int, Field(ge=0)] = 16384

    health_interval: Seconds = 30.0
    # A board that answered less than this long ago is not asked again before it is given out.
    trust: Annotated[float, Field(ge=0)] = 5.0
    probe_timeout: Seconds = 5.0
    pass_score: Part = 0.5
    recovery: bool = True
    strikes: Annotated[int, Field(ge=1)] = 3
    quarantine: Seconds = 30.0
    quarantine_longest: Seconds = 900.0
    # A board that has been open for so long starts anew when nobody has it, give or take a tenth, so that not all do at once.
    max_lifetime: Seconds | None = 3600.0

    @model_validator(mode="after")
    def _fits_together(self) -> PoolConfig:
        if self.min_size is not None and self.min_size > self.max_size:
            raise ValueError(f"min_size {self.min_size} is more than max_size {self.max_size}")
        if self.autoscale and self.shrink_threshold >= self.autoscale_threshold:
            raise ValueError("shrink_threshold has to be below autoscale_threshold")
        return self
