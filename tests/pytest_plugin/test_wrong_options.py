"""What is wrong is told before anything runs; what was not asked for is not touched."""

import pytest
from user_runs import Run


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--devsession-inventory=missing.toml", "cannot be read"),
        ("--devsession-acquire-timeout=nan", "is no time in seconds"),
        ("--devsession-acquire-timeout=-5", "is no time in seconds"),
    ],
)
def test_wrong_options_end_the_run_in_words(run: Run, workers: tuple[str, ...], option: str, said: str):
    outcome = run("def test_one(board): pass", option, *workers)
    assert outcome.code == 4, outcome
    assert said in outcome.text
    assert "INTERNALERROR" not in outcome.text


def test_a_wrong_scope_of_the_environment_is_told(run: Run):
    outcome = run("def test_one(board): pass", DEVSESSION_SCOPE="modul")
    assert outcome.code == 4
    assert "'modul' is none of" in outcome.text
    assert "INTERNALERROR" not in outcome.text


@pytest.mark.parametrize(
    "marker", ["requires=5", "requires=['hashlib', None]", "requires=''", "firmware=1.2", "count=10**6"]
)
def test_wrong_markers_name_the_test(run: Run, marker: str):
    outcome = run(f"@pytest.mark.devsession({marker})\ndef test_one(board): pass")
    assert outcome.code in {2, 4}
    assert "test_one" in outcome.text
    assert "TypeError" not in outcome.text


def test_what_was_deselected_attaches_to_no_board(run: Run):
    source = """
def test_plain(): pass

@pytest.mark.devsession(requires="hashlib")
def test_board(board): pass
"""
    outcome = run(source, "-k", "plain", "--devsession-board", "/dev/does-not-exist")
    assert (outcome.code, outcome.passed) == (0, 1), outcome


def test_a_reset_in_a_test_that_passes_does_not_leave_fixtures_dead_for_ever(run: Run):
    outcome = run("""
@pytest.fixture(scope="module")
def bench(board):
    board.exec("table = 1")
    return board

def test_one(bench): assert bench.eval("table") == 1
def test_two(board): board.soft_reset()
def test_three(bench): assert bench.eval("table") == 1
def test_four(bench): assert bench.eval("table") == 1
""")
    assert (outcome.passed, outcome.failed) == (3, 1), outcome


def test_what_a_board_prints_reaches_no_terminal_unfiltered(run: Run):
    outcome = run(r"""
def test_one(board):
    board.exec("print('\\x1b[31mred\\x1b]0;title\\x07')")
    assert False
""")
    assert outcome.failed == 1
    assert "\\x1b[31mred" in outcome.text
    assert "\x1b]0;" not in outcome.text
