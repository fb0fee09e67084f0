"""The plugin in the company of others: it costs nothing until it is used, and takes no name that others could want."""

import re

from user_runs import Run

import devsession.pytest_plugin as plugin
from devsession.pytest_plugin.options import OPTIONS

# Fixtures of pytest-embedded, labgrid, twister and their like.
TAKEN = {"app", "baud", "count", "device", "dut", "env", "port", "serial", "strategy", "target"}


def test_nothing_is_imported_before_a_board_is_asked_for(run: Run):
    outcome = run(
        """
import sys

def test_it():
    heavy = {"serial", "pydantic", "structlog", "asyncio", "devsession.board.board", "devsession.sync", "devsession.errors"}
    assert not heavy & sys.modules.keys()
""",
        "-p",
        "no:asyncio",
        "-p",
        "no:anyio",
        "-p",
        "no:xdist",
        "-p",
        "no:timeout",
        "-p",
        "no:hypothesispytest",
    )
    assert outcome.passed == 1, outcome


def test_a_strict_run_has_no_warning(run: Run):
    outcome = run(
        """
@pytest.mark.devsession(requires="micropython")
@pytest.mark.devsession_sim
def test_it(board, board_session):
    assert board_session.eval("1") == 1
""",
        "-W",
        "error",
        "--strict-markers",
        "--strict-config",
    )
    assert outcome.passed == 1, outcome
    assert "warning" not in outcome.text


def test_every_option_is_ours_by_name():
    assert all(re.fullmatch(r"--devsession(-[a-z-]+)?", option.flagged) for option in OPTIONS)
    assert all(option.ini.startswith("devsession") for option in OPTIONS)


def test_no_fixture_has_a_name_that_others_use(run: Run):
    text = run("def test_it():\n    pass\n", "--fixtures", "-v").text
    ours = set(re.findall(r"^(\w+)(?: \[\w+ scope\])? -- \S*pytest_plugin/__init__.py", text, re.MULTILINE))
    assert ours >= {"board", "boards", "board_manager", "board_session", "devsession_config"}
    assert not ours & TAKEN
    assert plugin.LEASE.startswith("_devsession")


def test_it_can_be_left_out(run: Run):
    assert run("def test_it():\n    pass\n", "-p", "no:devsession").passed == 1


def test_the_settings_can_be_overridden(run: Run, folder):
    (folder / "conftest.py").write_text("""
import dataclasses, pytest
from devsession.pool.known import known_board

@pytest.fixture(scope="session")
def devsession_config(devsession_config):
    return dataclasses.replace(devsession_config, boards=(known_board("sim:?heap=1m"),))
""")
    outcome = run('def test_it(board):\n    assert board.url == "sim:?heap=1m"\n')
    assert outcome.passed == 1, outcome
