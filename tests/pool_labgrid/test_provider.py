"""Boards of a real labgrid farm: its coordinator, its exporter and its clients are processes, some of which die."""

import itertools
import os
import subprocess
from collections.abc import Callable

import pytest
from farm import BOARDS, PYTHON, ROOT, Client, Farm, RefusedError

Start = Callable[..., Client]
# Nothing happens for so long, in seconds, where nothing is to happen.
QUIET = 0.5
HELD = "rp2-b"


def test_a_place_is_reserved_acquired_used_and_released(client: Start):
    one = client()
    assert one.wait_for("rp2-a") == ["cap_wifi=1", "pool=ci", "port=rp2", "wifi"]
    for name in BOARDS:
        one.wait_for(name)
        assert one.do("open", name).startswith("socket://" if name == "rp2-b" else "rfc2217://")
        assert one.do("exec", name, "print(6 * 7)") == "42\n"
    for name in BOARDS:
        one.do("close", name)
        one.do("close", name)


def test_only_places_with_the_tags_are_offered_and_only_those_that_have_a_board(client: Start):
    one = client("labgrid:pool=ci")
    one.wait_for("esp-c")
    assert sorted(one.do("discover")) == sorted(BOARDS)
    # Several farms of one process are several clients.
    assert one.do("discover_at", "labgrid:port=rp2") == ["rp2-a", "rp2-b"]
    assert one.do("discover_at", "labgrid:port=rp2,cap_wifi=1") == ["rp2-a"]
    assert one.do("discover_at", "labgrid:name=esp-c") == ["esp-c"]
    assert one.do("discover_at", "labgrid:port=samd") == []


def test_two_clients_on_three_places_never_share_one(client: Start):
    one, two = client(), client()
    for name in BOARDS:
        one.wait_for(name)
    two.wait_for("esp-c")
    assert one.do("who") != two.do("who")
    for mark, each in enumerate((one, two)):
        each.begin("work", 3, mark)
    done = [one.answer(), two.answer()]
    uses = sorted(use for each in done for use in each["used"])
    assert len(uses) == 6
    # Both try the places in one order: they did meet.
    assert sum(each["taken"] for each in done) > 0
    for (place, _, end), (next_place, begin, _) in itertools.pairwise(uses):
        assert place != next_place or end <= begin


@pytest.mark.parametrize("build", ["pyserial", "pyserial-labgrid"])
def test_both_builds_of_pyserial_do(client: Start, build: str):
    one = client(serial=build)
    # Nothing of labgrid's is imported before a farm is asked.
    assert one.do("loaded") == []
    one.wait_for("rp2-a")
    assert one.do("serial_is_labgrids") == (build == "pyserial-labgrid")
    for name in ("rp2-a", "rp2-b"):
        one.do("open", name)
        assert one.do("exec", name, "print('x' * 3000)") == "x" * 3000 + "\n"
        one.do("close", name)


def test_whoever_has_a_place_is_named(client: Start):
    one, two = client(), client()
    one.wait_for(HELD)
    one.do("open", HELD)
    with pytest.raises(RefusedError, match=f"BoardTakenError: {HELD} is held by {one.do('who')}"):
        two.do("open", HELD)
    one.do("close", HELD)
    two.do("open", HELD)


def test_one_who_gives_up_holds_nothing(client: Start):
    one, two = client(), client()
    one.wait_for(HELD)
    assert one.do("open_and_leave", HELD) == "cancelled"
    one.do("settle")
    two.do("open", HELD)
    assert two.do("exec", HELD, "print(1)") == "1\n"


def test_a_client_killed_while_holding_a_place_keeps_nobody_from_it(client: Start):
    one, two = client(), client()
    one.wait_for(HELD)
    one.do("open", HELD)
    with pytest.raises(RefusedError, match="BoardTakenError"):
        two.do("open", HELD)
    one.kill()
    two.do("open", HELD)
    assert two.do("exec", HELD, "print(1)") == "1\n"


def test_what_a_dead_client_left_is_released_by_the_next_of_its_name(client: Start, farm: Farm):
    one = client()
    one.wait_for(HELD)
    one.do("open", HELD)
    name = one.do("who")
    one.kill()
    two = client()
    two.do("discover")
    assert two.do("who") == name
    elsewhere = client(locks="elsewhere")
    elsewhere.do("open", HELD)


def test_whether_a_client_of_another_computer_is_dead_is_not_guessed(client: Start):
    one, elsewhere = client(), client(locks="elsewhere")
    one.wait_for(HELD)
    one.do("open", HELD)
    one.kill()
    with pytest.raises(RefusedError, match="BoardTakenError"):
        elsewhere.do("open", HELD)
    client().do("discover")


def test_a_coordinator_that_is_killed_and_started_again_leaves_the_place_to_its_holder(
    client: Start, farm: Farm
):
    one, two = client(), client()
    one.wait_for(HELD)
    one.do("open", HELD)
    farm.kill("coordinator")
    with pytest.raises(RefusedError, match="ProviderError: labgrid's coordinator"):
        two.do("discover")
    # The link is another affair.
    assert one.do("exec", HELD, "print(1)") == "1\n"
    farm.restart("coordinator")
    farm.restart("exporter")
    two.wait_for(HELD)
    two.do("wait_taken", HELD)
    with pytest.raises(RefusedError, match=one.do("who")):
        two.do("open", HELD)
    assert one.do("lost", QUIET) is None
    assert one.do("exec", HELD, "print(2)") == "2\n"


def test_one_who_comes_too_late_after_a_restart_has_lost_the_place(client: Start, farm: Farm):
    one, two = client(), client()
    one.wait_for(HELD)
    one.do("open", HELD)
    one.do("who")
    with one.stopped():
        farm.restart("coordinator")
        farm.restart("exporter")
        two.wait_for(HELD)
        two.do("open", HELD)
    lost = one.do("lost", 10)
    assert lost == {"board": HELD, "reason": f"{two.do('who')} has it now"}
    assert HELD not in one.do("discover")
    # Closing gives back nothing that is another's.
    one.do("close", HELD)
    assert HELD in one.do("discover")
    assert two.do("exec", HELD, "print(1)") == "1\n"
    with pytest.raises(RefusedError, match="BoardTakenError"):
        one.do("open", HELD)
    two.do("close", HELD)
    one.do("open", HELD)


def test_a_place_that_another_had_meanwhile_is_lost_though_it_is_free_again(client: Start, farm: Farm):
    one, two = client(), client()
    one.wait_for(HELD)
    one.do("open", HELD)
    with one.stopped():
        farm.restart("coordinator")
        farm.restart("exporter")
        two.wait_for(HELD)
        two.do("open", HELD)
        two.do("close", HELD)
    assert "somebody else may have had it" in one.do("lost", 10)["reason"]


def test_a_place_whose_exporter_is_killed_is_lost_and_comes_back(client: Start, farm: Farm):
    one = client(patience=0.2)
    for name in BOARDS:
        one.wait_for(name)
        one.do("open", name)
    farm.kill("exporter")
    lost = [one.do("lost", 10) for _ in BOARDS]
    assert sorted((each["board"], each["reason"]) for each in lost) == sorted(
        (name, "its exporter is away") for name in BOARDS
    )
    assert one.do("discover") == {}
    for name in BOARDS:
        one.do("close", name)
    with pytest.raises(
        RefusedError, match="ProviderError: the board of rp2-a is not there: nothing is exported"
    ):
        one.do("open", "rp2-a")
    farm.restart("exporter")
    for name in BOARDS:
        one.wait_for(name)
        one.do("open", name)
        assert one.do("exec", name, "print(1)") == "1\n"


def test_an_exporter_that_comes_back_in_time_costs_nobody_his_place(client: Start, farm: Farm):
    one, two = client(), client()
    one.wait_for(HELD)
    one.do("open", HELD)
    farm.restart("exporter")
    assert one.do("lost", QUIET) is None
    assert one.do("exec", HELD, "print(1)") == "1\n"
    two.wait_for(HELD)
    with pytest.raises(RefusedError, match="BoardTakenError"):
        two.do("open", HELD)
    one.do("close", HELD)
    two.do("open", HELD)


def test_the_power_of_a_place_is_cycled_where_it_has_a_relay(client: Start, relay: list[str]):
    one = client()
    one.wait_for(HELD)
    assert one.do("power", HELD) is False
    one.do("open", HELD)
    assert one.do("power", HELD) is True
    assert relay == ["/3/0", "/3/1"]


def test_a_manager_opens_what_labgrid_gives(client: Start):
    one = client()
    for name, kind in (("rp2-a", "port"), ("rp2-b", "target")):
        one.wait_for(name)
        one.do("open", name)
        assert one.do("exec_on", kind, name, "print(1)") == "1\n"


def test_without_a_coordinator_it_is_said_where_one_was_sought(client: Start):
    one = client("labgrid://127.0.0.1:9/pool=ci")
    with pytest.raises(
        RefusedError, match=r"ProviderError: labgrid's coordinator at 127\.0\.0\.1:9 cannot be reached"
    ):
        one.do("discover")


def test_a_pool_gives_out_the_farms_boards_by_their_tags(client: Start):
    one = client()
    for name in BOARDS:
        one.wait_for(name)
    one.do("pool", {"min_size": 0, "idle_timeout": 0.2, "autoscale": False})
    with pytest.raises(RefusedError, match="RequirementError"):
        one.do("acquire", "anna", ["port=samd"], 5)
    first = one.do("acquire", "anna", ["wifi"], 10)
    assert first.startswith("rfc2217://")
    assert one.do("acquire", "bert", ["port=rp2"], 10).startswith("socket://")
    with pytest.raises(RefusedError, match="LeaseTimeoutError"):
        one.do("acquire", "carl", ["port=rp2"], QUIET)
    one.do("use", "anna", "x = 40")
    one.do("release", "anna")
    assert one.do("acquire", "anna", ["wifi"], 10) == first
    assert one.do("use", "anna", "print(x + 2)") == "42\n"
    for agent in ("anna", "bert"):
        one.do("release", agent)
    # What nobody uses goes back to the farm.
    client().open_when_free("rp2-b")


def test_the_holder_of_a_lease_is_told_of_its_loss_and_the_board_comes_back_to_the_pool(
    client: Start, farm: Farm
):
    one = client("labgrid:name=rp2-b", patience=0.2)
    one.wait_for(HELD)
    one.do("pool", {"quarantine": 0.5, "strikes": 1})
    one.do("acquire", "anna", [], 10)
    one.begin("use_until_lost", "anna")
    farm.kill("exporter")
    with pytest.raises(RefusedError) as lost:
        one.answer()
    # The last: between two of its programs, before the board said that the next has begun.
    assert lost.value.kind in {"LeaseLost", "LinkLostError", "UncertainExecutionError"}
    with pytest.raises(RefusedError, match="LeaseLost"):
        one.do("use", "anna", "print(1)")
    farm.restart("exporter")
    one.do("acquire", "bert", [], 30)
    assert one.do("use", "bert", "print(2)") == "2\n"


def test_the_example_runs(client: Start, farm: Farm):
    client().wait_for("rp2-a")
    done = subprocess.run(
        [PYTHON, ROOT / "examples" / "labgrid" / "farm.py", "pool=ci"],
        env={**os.environ, "LG_COORDINATOR": farm.address, "XDG_RUNTIME_DIR": str(farm.directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sum("visit 1" in line for line in lines) == sum("visit 2" in line for line in lines) == 6
