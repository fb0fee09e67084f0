"""What a pool tells, counted."""

from __future__ import annotations

import dataclasses
import inspect
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pools_on_show import board, figures, reused, snapshot

from devsession.pool import events
from devsession.pool.distribution import RATE_WINDOW, Distribution, Histogram, Rate
from devsession.pool.events import Evicted
from devsession.pool.metrics import Meter
from devsession.pool.snapshot import BoardState

POOL = {"pool": "bench"}
LEASE = {**POOL, "board": "a", "session": "s", "agent": "w", "fence": 1}
# One of each kind, and the figures that differ from those of a pool to which nothing has happened.
TOLD = [
    (events.PoolInitialized(**POOL, size=2), {}),
    (events.BoardOpened(**POOL, board="a", created=True, took=0.1), {"boards_opened": 1}),
    (events.BoardRemoved(**POOL, board="a", reason="idle", lifetime=9), {"boards_removed": 1}),
    (events.SessionCreated(**LEASE, waited=0.2), {"created": 1, "requests": 1}),
    (events.SessionReused(**LEASE, waited=0.2), {"reused": 1, "requests": 1}),
    (events.SessionReleased(**LEASE, held=3, kept=True), {}),
    (events.LeaseRevoked(**LEASE, held=3, reason="lost"), {"revoked": 1}),
    (
        events.WaitEnded(**POOL, agent=None, waited=5, reason="timeout"),
        {"given_up": {"timeout": 1}, "requests": 1},
    ),
    (
        events.SessionEvicted(
            **POOL, board="a", session="s", agent=None, reason=Evicted.REUSE_OFF, lifetime=60
        ),
        {"evicted": {"reuse off": 1}, "average_lifetime": 60},
    ),
    (events.PoolScaled(**POOL, before=10, after=20, utilisation=0.9), {"scaled_up": 1}),
    (events.PoolScaled(**POOL, before=20, after=10, utilisation=0.1), {"scaled_down": 1}),
    (
        events.HealthChecked(**POOL, board="a", score=1, passed=True, reasons=(), took=0.01),
        {"health_passed": 1, "health_pass_rate": 1},
    ),
    (
        events.HealthChecked(**POOL, board="a", score=0, passed=False, reasons=("mute",), took=5),
        {"health_failed": 1, "health_pass_rate": 0},
    ),
    (events.BoardQuarantined(**POOL, board="a", strikes=3, seconds=30, reasons=()), {"quarantined": 1}),
    (events.BoardRecovered(**POOL, board="a", rung="soft reset", took=1), {"recovered": 1}),
    (events.PoolClosed(**POOL), {}),
]
FIGURES = (
    "boards_opened",
    "boards_removed",
    "created",
    "reused",
    "revoked",
    "given_up",
    "requests",
    "evicted",
    "average_lifetime",
    "scaled_up",
    "scaled_down",
    "health_passed",
    "health_failed",
    "health_pass_rate",
    "quarantined",
    "recovered",
)


@pytest.mark.parametrize(("event", "changed"), TOLD, ids=lambda value: type(value).__name__)
def test_what_is_told_is_counted(event: events.PoolEvent, changed: dict):
    before, after = figures(snapshot()), figures(snapshot(), event)
    assert {name: getattr(after, name) for name in FIGURES} == {
        **{name: getattr(before, name) for name in FIGURES},
        **changed,
    }


def test_no_kind_of_event_is_left_out():
    kinds = {
        kind
        for _, kind in inspect.getmembers(events, inspect.isclass)
        if issubclass(kind, events.PoolEvent) and kind not in {events.PoolEvent, events.LeaseEvent}
    }
    assert kinds == {type(event) for event, _ in TOLD}


def test_gauges_are_those_of_the_snapshot():
    shown = snapshot(board("a", BoardState.LEASED), board("b"), board("c", BoardState.QUARANTINED))
    told = figures(shown)
    for field in dataclasses.fields(shown):
        if hasattr(told, field.name):
            assert getattr(told, field.name) == getattr(shown, field.name)
    assert (told.size, told.active, told.idle, told.unhealthy) == (3, 1, 1, 1)
    assert told.utilisation == pytest.approx(1 / 3)


def test_rates_and_waits():
    given = [reused(0.0005)] * 19 + [events.SessionCreated(**LEASE, waited=3)]
    told = figures(snapshot(), *given)
    assert told.hit_rate == 0.95
    assert told.waits.count == 20
    assert told.waits.largest == 3
    assert told.waits.mean == pytest.approx(0.150475)
    assert 0.0001 < told.waits.quantile(0.5) <= 0.001
    assert told.waits.quantile(1) == 3
    assert told.request_rate > 0


def test_before_anything_has_happened_there_are_no_rates():
    told = figures(snapshot())
    assert (told.hit_rate, told.health_pass_rate, told.average_lifetime) == (None, None, None)
    assert (told.request_rate, told.requests, told.waits.quantile(0.5)) == (0, 0, None)


def test_figures_do_not_change_afterwards():
    meter = Meter()
    meter(reused())
    told = meter.read(snapshot())
    meter(reused())
    assert (told.reused, told.waits.count) == (1, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        told.reused = 3


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_is_in_the_range_of_the_value_that_it_stands_for(values: list[float], share: float):
    bounds = (0.1, 1.0, 10.0)
    histogram = Histogram(bounds)
    for value in values:
        histogram.add(value)
    told = histogram.read()
    wanted = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    low = max((bound for bound in bounds if bound < wanted), default=0)
    high = min((bound for bound in bounds if bound >= wanted), default=max(values))
    assert low <= told.quantile(share) <= high
    assert (told.count, told.largest, told.total) == (len(values), max(values), pytest.approx(sum(values)))


def test_values_at_a_bound_and_below_zero():
    histogram = Histogram((1.0, 2.0))
    for value in (-5, 1, 2, 2.1):
        histogram.add(value)
    assert histogram.read() == Distribution((1.0, 2.0), (2, 1, 1), 5.1, 2.1)


def test_a_rate_forgets():
    rate = Rate(1000.0)
    for second in range(120):
        rate.add(1000.0 + second)
    assert rate.per_second(1119.5) == pytest.approx(1, abs=0.02)
    assert rate.per_second(1119.5 + RATE_WINDOW / 2) == pytest.approx(0.5, abs=0.02)
    assert rate.per_second(1119.5 + RATE_WINDOW) == 0


def test_a_rate_of_the_first_seconds_is_not_that_of_a_minute():
    rate = Rate(0.0)
    for _ in range(50):
        rate.add(4.5)
    assert rate.per_second(5.0) == 10


def test_counting_costs_next_to_nothing():
    meter = Meter()
    event = reused()
    begun = time.perf_counter()
    for _ in range(10_000):
        meter(event)
    assert (time.perf_counter() - begun) / 10_000 < 0.0001
