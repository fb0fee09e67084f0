"""The planner by itself: who gets which board, and which are opened and closed, with a clock that is a number."""

from typing import Any

import pytest

from devsession.pool.config import PoolConfig
from devsession.pool.events import Evicted
from devsession.pool.model import Check, Close, Create, Evict, Give, Member, Open, Refuse, Scale, Waiter
from devsession.pool.planner import Planner
from devsession.pool.provider import BoardOffer
from devsession.pool.requirement import is_sure, runs, why_not
from devsession.pool.snapshot import BoardState
from devsession.pool.throttle import SLOWER, Throttle
from devsession.pool.upkeep import due, next_time
from devsession.session.capabilities import DeviceCapabilities

PLAIN = DeviceCapabilities(
    board="fake:",
    identity="fake",
    implementation="micropython",
    version=(1, 24, 1),
    sys_version="",
    platform="p",
    modules=("network", "uhashlib"),
    peripherals=("I2C",),
)


def planner(
    boards: int = 0,
    *,
    state: BoardState = BoardState.IDLE,
    can_create: bool = False,
    sharing: int = 3,
    **settings: Any,
) -> Planner:
    made = Planner(PoolConfig(**settings), can_create=can_create, sharing=sharing)
    for number in range(boards):
        member = made.add(Member(BoardOffer(f"b{number}", "fake:", weight=1.0 + number), 0))
        member.check_at = 1e9
        made.go(member, state)
    return made


def ask(
    plan: Planner, agent: str | None = None, now: float = 0.0, priority: int = 0, *requires: str
) -> Waiter:
    waiter = Waiter(requires, agent, priority, now)
    plan.line.add(waiter)
    return waiter


def given(actions: list[Any]) -> list[tuple[str | None, str]]:
    return [(do.waiter.agent, do.member.name) for do in actions if isinstance(do, Give)]


def give_back(plan: Planner, board: str, now: float = 0.0) -> None:
    member = plan.members[board]
    member.last_used = now
    plan.go(member, BoardState.IDLE)


def test_an_agents_own_board_is_waited_for_and_then_another_does():
    plan = planner(2, affinity_wait=1.0)
    ask(plan, "a")
    assert given(plan.assign(0)) == [("a", "b0")]
    give_back(plan, "b0", 1)
    # Somebody else has it.
    plan.go(plan.members["b0"], BoardState.LEASED)
    ask(plan, "a", 10)
    assert given(plan.assign(10)) == []
    assert next_time(plan, 10) == 11
    assert given(plan.assign(11)) == [("a", "b1")]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("least-recently-used", ["b1", "b2", "b0"]),
        ("round-robin", ["b0", "b1", "b2"]),
        ("least-loaded", ["b2", "b1", "b2"]),
        ("weighted", ["b2", "b1", "b2"]),
    ],
)
def test_boards_are_selected(selection: str, expected: list[str]):
    plan = planner(3, sharing=9, selection=selection)
    for name, used, seats in (("b0", 3.0, 2), ("b1", 1.0, 1), ("b2", 2.0, 0)):
        member = plan.members[name]
        member.last_used = used
        for number in range(seats):
            plan.seated(member, f"{name}-{number}", 0)
    chosen = []
    for now in range(10, 13):
        ask(plan, f"new-{now}", now)
        ((_, board),) = given(plan.assign(now))
        chosen.append(board)
        give_back(plan, board, now)
    assert chosen == expected


def test_turns_are_fair_among_agents_and_priority_goes_first():
    plan = planner(1, state=BoardState.LEASED)
    for _ in range(3):
        ask(plan, "greedy")
    ask(plan, "modest")
    ask(plan, "urgent", 0, 1)
    served = []
    while len(plan.line):
        give_back(plan, "b0")
        # Sessions that are asleep do not decide here.
        for agent in list(plan.members["b0"].seats):
            plan.unseated(plan.members["b0"], agent)
        served += [agent for agent, _ in given(plan.assign(0))]
    assert served == ["urgent", "greedy", "modest", "greedy", "greedy"]


def test_a_session_that_sleeps_goes_only_where_no_other_board_can_be_had():
    plan = planner(0, can_create=True, sharing=1, max_size=2, min_size=1)
    member = plan.add(Member(BoardOffer("b0", "fake:"), 0, is_made=True))
    plan.go(member, BoardState.IDLE)
    plan.seated(member, "sleeper", 0)
    ask(plan, "new")
    assert plan.assign(0) == [Create()]
    assert plan.assign(0) == []
    # It could not be made, and is not tried again soon.
    plan.creating -= 1
    plan.create_at = 5
    (do,) = plan.assign(1)
    assert isinstance(do, Give)
    assert (do.member, do.evict) == (member, ("sleeper",))


@pytest.mark.parametrize(
    ("eviction", "evicted"), [("least-recently-used", "often"), ("least-frequently-used", "seldom")]
)
def test_sessions_are_evicted_by_the_rule(eviction: str, evicted: str):
    plan = planner(1, sharing=3, eviction=eviction)
    board = plan.members["b0"]
    for agent, used, uses, is_pinned in (
        ("often", 1, 9, False),
        ("seldom", 2, 1, False),
        ("pinned", 0, 0, True),
    ):
        seat = plan.seated(board, agent, used)
        seat.uses, seat.is_pinned = uses, is_pinned
    ask(plan, "new", 5)
    (do,) = plan.assign(5)
    assert isinstance(do, Give)
    assert do.evict == (evicted,)


def test_what_no_board_can_meet_is_refused_and_what_one_may_opens_it():
    plan = planner(2, state=BoardState.CLOSED)
    waiter = ask(plan, "a", 0, 0, "network", "bluetooth")
    (do,) = plan.assign(0)
    assert isinstance(do, Open)
    for member in plan.members.values():
        plan.go(member, BoardState.IDLE)
        member.know(PLAIN)
        plan.learned(member)
    (refused,) = plan.assign(0)
    assert refused == Refuse(waiter, {"b0": "b0 has no bluetooth", "b1": "b1 has no bluetooth"})
    assert not len(plan.line)


def test_a_board_that_does_not_do_makes_room_for_one_that_may():
    plan = planner(2, max_size=1, min_size=0)
    useless, wanted = plan.members.values()
    useless.know(PLAIN)
    plan.go(wanted, BoardState.CLOSED)
    ask(plan, "a", 0, 0, "bluetooth")
    assert plan.assign(0) == [Close(useless, "makes room for another")]
    plan.go(useless, BoardState.CLOSED)
    assert plan.assign(0) == [Open(wanted)]


def test_boards_are_made_ahead_of_demand_and_closed_after_it():
    plan = planner(
        4,
        state=BoardState.LEASED,
        can_create=True,
        max_size=10,
        min_size=2,
        autoscale_step=3,
        idle_timeout=100,
    )
    assert plan.ahead(0) == [Scale(4, 7, 1.0), Create(), Create(), Create()]
    assert plan.size == 7
    plan.creating = 0
    for name in plan.members:
        give_back(plan, name, 50)
    assert due(plan, 149) == []
    assert next_time(plan, 149) == 150
    scaled, *closed = due(plan, 150)
    assert scaled == Scale(4, 2, 0.0)
    assert [(do.member.name, do.because) for do in closed if isinstance(do, Close)] == [
        ("b0", Evicted.IDLE),
        ("b1", Evicted.IDLE),
    ]


def test_what_is_due_is_done():
    plan = planner(3, idle_timeout=100, health_interval=30)
    plan.min_size = 3
    old, unchecked, keeper = plan.members.values()
    old.renew_at, unchecked.check_at = 5, 7
    plan.seated(keeper, "asleep", 0)
    plan.seated(keeper, "pinned", 0).is_pinned = True
    assert due(plan, 4) == []
    assert next_time(plan, 4) == 5
    assert due(plan, 5) == [Close(old, "old", Evicted.LIFETIME)]
    assert due(plan, 7) == [Check(unchecked)]
    assert due(plan, 100) == [Evict(keeper, ("asleep",), Evicted.IDLE)]
    assert keeper.state is BoardState.CHECKING


def test_sizes_hold_with_quarantine_and_resizing():
    plan = planner(3, max_size=3)
    sick, *_ = plan.members.values()
    plan.go(sick, BoardState.QUARANTINED)
    sick.retry_at = 10
    assert plan.size == 2
    assert plan.fill(5) == []
    assert next_time(plan, 5) == 10
    assert plan.fill(10) == [Open(sick)]
    plan.go(sick, BoardState.IDLE)
    plan.max_size = plan.min_size = 1
    assert len([do for do in due(plan, 11) if isinstance(do, Close)]) == 2
    assert plan.size == 3


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("network", None),
        ("hashlib", None),
        ("I2C", None),
        ("relay", None),
        ("micropython", None),
        (">=1.24", None),
        ("micropython~=1.24,!=1.24.2", None),
        ("==1.24.*", None),
        ("<=1.24.1,>1.24", None),
        ("bluetooth", "b has no bluetooth"),
        ("circuitpython>=9", "b runs micropython 1.24.1, not circuitpython>=9"),
        ("<1.24", "b runs micropython 1.24.1, not <1.24"),
        ("!=1.24.*", "b runs micropython 1.24.1, not !=1.24.*"),
        ("interruptible", "b does not tell whether it has interruptible"),
    ],
)
def test_the_words_of_requirements(word: str, why: str | None):
    assert why_not("b", {"relay"}, PLAIN, (word,)) == why
    assert is_sure({"relay"}, PLAIN, (word,)) == (why is None)
    assert is_sure({"relay"}, None, (word,)) == (word == "relay")
    assert why_not("b", {"relay"}, None, (word,)) is None


def test_a_name_alone_is_any_version():
    assert runs(PLAIN, "micropython")
    assert not runs(PLAIN, "circuitpython")


def test_tokens_come_at_a_rate_and_slow_boards_slow_it_down():
    throttle = Throttle((10.0, 2), None)
    assert [throttle.take("a", 0.0) for _ in range(4)] == pytest.approx([0, 0, 0.1, 0.2])
    assert throttle.take("b", 0.0) == 0
    assert throttle.take(None, 0.0) == 0
    assert throttle.take("a", 0.0, patience=0.1) is None
    # Who was refused has used nothing up.
    assert throttle.take("a", 0.0, patience=1.0) == pytest.approx(0.3)
    for _ in range(5):
        throttle.answered(0.05)
    assert throttle.factor == 1.0
    for _ in range(3):
        throttle.answered(0.05 * SLOWER * 10)
    assert throttle.factor < 0.5
    for _ in range(50):
        throttle.answered(0.05)
    assert throttle.factor == 1.0
    pool = Throttle(None, (1.0, 1))
    assert [pool.take("a", 0.0), pool.take("b", 0.0)] == pytest.approx([0, 1])
