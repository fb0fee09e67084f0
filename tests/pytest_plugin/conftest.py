"""Runs of pytest in a folder of its own, which end with the test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from user_runs import LIMIT, Outcome, Run, environment


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
    begun: list[subprocess.Popen[str]] = []

    def starter(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", *arguments]
        begun.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env=environment() | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield starter
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def run(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> Run:
    def runner(source: str, *arguments: str, **variables: str) -> Outcome:
        (folder / "test_user.py").write_text("import pytest\n" + source)
        process = start(*arguments, **variables)
        text, _ = process.communicate(timeout=LIMIT)
        return Outcome(process.returncode, text)

    return runner
