"""Boards that die, that are not there, that lack what is asked for: whose fault it is, and what the next test gets."""

from pathlib import Path
from xml.etree import ElementTree as ET

from user_runs import Run, serving


def test_a_board_that_dies_fails_its_test_only(run: Run, folder: Path):
    outcome = run(
        """
@pytest.fixture(scope="module")
def prepared(board):
    board.exec("prepared = True")
    return board

def test_before(prepared):
    assert prepared.eval("prepared")

def test_dies(prepared):
    prepared.exec("import ffi; ffi.open(None).func('v', '_exit', 'i')(1)")

def test_after(prepared):
    assert prepared.eval("prepared")

def test_and_the_next(prepared, board_session):
    assert board_session.eval("1") == 1
""",
        "--junitxml=report.xml",
    )
    assert (outcome.passed, outcome.failed, outcome.errors) == (3, 1, 0), outcome


def test_a_board_that_is_gone_is_replaced_by_another(run: Run):
    with serving(["first", "second"]) as servers:
        outcome = run(
            f"""
import os, signal

def test_before(board):
    assert board.eval("1") == 1

def test_dies(board):
    os.kill({{"sim:first": {servers[0].pid}, "sim:second": {servers[1].pid}}}[board.url], signal.SIGINT)
    open("died", "w").write(board.url)
    with pytest.raises(Exception):
        board.exec("while True: pass", timeout=5)
    pytest.fail("the board is gone")

def test_after(board):
    assert board.eval("1") == 1
    assert board.url != open("died").read()
""",
            "--devsession-board=sim:first",
            "--devsession-board=sim:second",
        )
    assert (outcome.passed, outcome.failed, outcome.errors) == (2, 1, 0), outcome


def test_what_fails_when_a_dead_board_is_given_back_is_the_dying_tests(run: Run):
    with serving(["first", "second"]) as servers:
        outcome = run(
            f"""
import os, signal

@pytest.fixture(scope="module")
def prepared(board):
    board.exec("prepared = True")
    yield board
    board.exec("prepared = False")

def test_dies(prepared):
    os.kill({{"sim:first": {servers[0].pid}, "sim:second": {servers[1].pid}}}[prepared.url], signal.SIGINT)
    with pytest.raises(Exception):
        prepared.exec("while True: pass", timeout=5)

def test_after(prepared):
    assert prepared.eval("prepared")

def test_and_after_that(prepared):
    assert prepared.eval("prepared")
""",
            "--devsession-board=sim:first",
            "--devsession-board=sim:second",
            "-rA",
        )
    assert (outcome.passed, outcome.failed, outcome.errors) == (3, 0, 1), outcome
    assert "ERROR test_user.py::test_dies" in outcome.text


def test_a_board_that_is_not_there_is_an_error_and_no_failure(run: Run, folder: Path):
    outcome = run(
        """
def test_it(board_session):
    pass
""",
        "--devsession-board=/dev/ttyACM99",
        "--junitxml=report.xml",
    )
    assert (outcome.failed, outcome.errors) == (0, 1), outcome
    assert "/dev/ttyACM99" in outcome.text
    (case,) = ET.parse(folder / "report.xml").iter("testcase")
    assert {each.get("name"): each.get("value") for each in case.iter("property")} == {
        "devsession_trouble": "PortNotFoundError"
    }


def test_a_board_that_is_not_attached_is_left_for_another(run: Run):
    source = """
def test_it(board):
    assert board.url == "sim:"
"""
    both = ["--devsession-board=id:not-attached", "--devsession-board=sim:"]
    outcome = run(source, *both)
    assert (outcome.passed, outcome.errors) == (1, 0), outcome
    outcome = run(source, both[0])
    assert outcome.errors == 1
    assert "no board known as not-attached is attached" in outcome.text


def test_a_real_board_in_trouble_is_not_replaced_by_a_simulated_one(run: Run):
    # A port that somebody else holds.
    outcome = run(
        """
import fcntl, os

OTHER_END, TERMINAL = os.openpty()
fcntl.flock(TERMINAL, fcntl.LOCK_EX)

@pytest.fixture(scope="session")
def devsession_config(devsession_config):
    import dataclasses
    from devsession.pool.known import known_board
    boards = (known_board(os.ttyname(TERMINAL)), known_board("sim:"))
    return dataclasses.replace(devsession_config, boards=boards)

def test_it(board):
    pass
"""
    )
    assert (outcome.passed, outcome.errors) == (0, 1), outcome
    assert "PortBusyError" in outcome.text


def test_a_url_of_no_kind_ends_the_run(run: Run):
    outcome = run("def test_it(board):\n    pass\n", "--devsession-board=telnet:board")
    assert outcome.code == 4, outcome
    assert "names no kind of board" in outcome.text


def test_bringing_back_a_board_is_counted(run: Run, folder: Path):
    outcome = run(
        """
def test_hangs(board):
    board.exec("while True: pass", timeout=0.3)

def test_after(board):
    assert board.eval("1") == 1
""",
        "--junitxml=report.xml",
    )
    assert (outcome.failed, outcome.passed) == (1, 1), outcome
    cases = {case.get("name"): case for case in ET.parse(folder / "report.xml").iter("testcase")}
    told = {
        name: {each.get("name"): each.get("value") for each in case.iter("property")}
        for name, case in cases.items()
    }
    assert told["test_hangs"]["devsession_recoveries"] == "1"
    assert told["test_after"]["devsession_recoveries"] == "0"


def test_reports_tell_of_the_board(run: Run, folder: Path):
    outcome = run(
        """
def test_it(board_session):
    board_session.exec("print('measuring')")
    assert False

def test_without():
    pass
""",
        "--junitxml=report.xml",
        "-o",
        "junit_logging=all",
        "--devsession=sim",
    )
    assert "Captured stdout of board sim: call" in outcome.text
    assert "measuring" in outcome.text
    case, other = ET.parse(folder / "report.xml").iter("testcase")
    told = {each.get("name"): each.get("value") or "" for each in case.iter("property")}
    assert told["devsession_board"] == "sim:"
    assert told["devsession_identity"].startswith("sim:")
    assert told["devsession_firmware"].startswith("MicroPython 1.")
    assert float(told["devsession_lease_wait"]) >= 0
    assert not list(other.iter("property"))
    assert "measuring" in (case.findtext("system-out") or "")


def test_an_inventory_names_boards_and_what_they_have(run: Run, folder: Path):
    (folder / "bench.toml").write_text("""
[boards.bench-a]
url = "sim:?heap=1m"
tags = ["relay"]

[boards.bench-b]
url = "sim:"
""")
    source = """
@pytest.mark.devsession(requires="relay")
def test_relay(board):
    assert board.url == "sim:?heap=1m"

@pytest.mark.devsession(requires="camera")
def test_camera(board):
    pass
"""
    outcome = run(source, "--devsession-inventory=bench.toml", "-rs")
    assert (outcome.passed, outcome.skipped) == (1, 1), outcome
    assert "bench-a has no camera; bench-b has no camera" in outcome.text
    (folder / "bench.toml").write_text("[boards.a]\nport = 3\n")
    outcome = run(source, "--devsession-inventory=bench.toml")
    assert outcome.code != 0
    assert "board a has a url" in outcome.text


def test_the_header_tells_what_was_asked_for(run: Run, folder: Path):
    source = "def test_it():\n    pass\n"
    assert "devsession: sim, boards: as attached" in run(source, "-v", "-v", "--devsession=sim").text
    assert "devsession: auto" not in run(source, "-v", "-v").text
    outcome = run(source, DEVSESSION="never")
    assert outcome.code == 4
    assert "'never' is none of auto, real, sim, off" in outcome.text
