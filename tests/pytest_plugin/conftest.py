"""Runs of pytest in a folder of its own, which end with the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from user_runs import LIMIT, Outcome, Run, starting


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return tmp_path


@pytest.fixture(autouse=True)
def own_locks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Boards taken here are not in anybody's way."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:cov")
    with starting(folder) as begin:
        yield lambda *arguments, **variables: begin(
            [sys.executable, "-m", "pytest", *options, *arguments], variables
        )


@pytest.fixture
def run(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> Run:
    def runner(source: str, *arguments: str, **variables: str) -> Outcome:
        (folder / "test_user.py").write_text("import pytest\n" + source)
        process = start(*arguments, **variables)
        text, _ = process.communicate(timeout=LIMIT)
        return Outcome(process.returncode, text)

    return runner
