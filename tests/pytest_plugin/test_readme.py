"""The test files of the README run as they stand there: on a simulated board, and on real firmware."""

import asyncio
import os
from pathlib import Path

import pytest
from user_runs import Run

from devsession.errors import EmulatorNotFoundError
from devsession.simulator.emulation.machines import MACHINES
from devsession.simulator.emulation.qemu import find_qemu

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def block(word: str) -> str:
    (code,) = (found for each in README.split("```python\n")[1:] if word in (found := each.split("```")[0]))
    return code


@pytest.fixture
def microbit() -> str:
    """Skip where its emulator is missing; with DEVSESSION_EMULATED=required that is a failure."""
    try:
        find_qemu()
        asyncio.run(MACHINES["microbit"].image(lambda _: None))
    except EmulatorNotFoundError as error:
        if os.environ.get("DEVSESSION_EMULATED") == "required":
            raise
        pytest.skip(str(error))
    return "--devsession-board=sim:microbit"


def test_a_users_tests(run: Run):
    outcome = run(block("def test_arithmetic"), "--devsession-board=sim:")
    assert (outcome.code, outcome.passed, outcome.skipped) == (0, 3, 0), outcome


def test_a_users_tests_on_real_firmware(run: Run, microbit: str):
    outcome = run(block("def test_arithmetic"), microbit, "-rs")
    assert (outcome.code, outcome.passed, outcome.skipped) == (0, 2, 1), outcome
    assert "sim:microbit" in outcome.text


def test_a_shared_namespace(run: Run):
    assert run(block("def bench"), "--devsession=sim").passed == 2


def test_a_shared_namespace_on_real_firmware(run: Run, microbit: str):
    assert run(block("def bench"), microbit).passed == 2
