"""The line of pytest's header that tells which boards are meant."""

from __future__ import annotations

import pytest

from devsession.pytest_plugin.options import BOARD, INVENTORY, MODE, SCOPE, given, given_several


def header(config: pytest.Config) -> str | None:
    """Return the line, ``None`` where the options say nothing of boards: then nobody looks for any before a test asks for one."""
    urls, inventory, mode = given_several(config, BOARD), given(config, INVENTORY), given(config, MODE)
    if not urls and not inventory and mode == MODE.default:
        return None
    boards = ", ".join([*urls, *([f"those in {inventory}"] if inventory else [])])
    return f"devsession: {mode}, boards: {boards or 'as attached'}, kept per {given(config, SCOPE)}"
