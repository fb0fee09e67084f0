"""Shells in terminals of their own, with what they keep in a directory of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from screens import DEVSESSION, Screen


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    """Return what starts a shell and waits for its prompt; they share what they keep."""
    with ExitStack() as stack:

        def start(*arguments: str, prompt: str = "main@sim >>>") -> Screen:
            environment = {
                "XDG_STATE_HOME": str(tmp_path / "state"),
                "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            }
            argv = [*DEVSESSION, "shell", *(arguments or ("-b", "sim:"))]
            screen = stack.enter_context(Screen(argv, environment=environment))
            screen.until(prompt)
            return screen

        yield start


@pytest.fixture
def shell(shells: Callable[..., Screen]) -> Screen:
    return shells()
