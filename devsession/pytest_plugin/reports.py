"""What reports tell of the boards of a test: in pytest's output, and as properties in its junit file."""

from __future__ import annotations

import re

import pytest

from devsession.errors import DevsessionError, LinkError, PoolError, RecoveryError, SimulatorError
from devsession.pytest_plugin.leasing import Lease

# How much of a board's output a report has, the last of it: bytes.
OUTPUT_SHOWN = 16 * 1024
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Trouble that is not the program's: a test that meets it in its own body fails, with a property that tells.
TROUBLE = (LinkError, PoolError, RecoveryError, SimulatorError)


def add_facts(item: pytest.Item, call: pytest.CallInfo[None], lease: Lease | None) -> None:
    """Add the properties: what the boards are once, after setup, how often they were brought back in its call, trouble when it comes."""
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, TROUBLE):
        item.user_properties.append(("devsession_trouble", type(error).__name__))
    if lease is None:
        return
    if error is not None and not isinstance(error, pytest.skip.Exception):
        lease.is_suspect = True
    if call.when == "setup":
        item.user_properties += _facts(lease)
    if call.when == "call":
        item.user_properties.append(("devsession_recoveries", lease.take_recoveries()))


def add_output(
    item: pytest.Item, call: pytest.CallInfo[None], lease: Lease | None, begins: list[int]
) -> None:
    """Add what the boards printed during the call of the test, from ``begins`` on, to what was captured of it."""
    if lease is None or call.when != "call" or len(begins) != len(lease.boards):
        return
    for each, begin in zip(lease.boards, begins, strict=True):
        _, printed = each.manager.board.output.since(begin)
        if printed:
            text = printed[-OUTPUT_SHOWN:].decode("utf-8", "backslashreplace")
            # A report goes to a terminal: what a board prints does not get there unfiltered.
            text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\r\n", "\n"))
            item.add_report_section("call", f"stdout of board {each.known.name}", text)


def _facts(lease: Lease) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [("devsession_lease_wait", round(lease.wait, 3))]
    for each in lease.boards:
        board = each.manager.board
        found += [("devsession_board", board.url), ("devsession_identity", board.identity)]
        try:
            found.append(("devsession_firmware", str(each.manager.capabilities)))
        except DevsessionError:
            found.append(("devsession_firmware", "unknown"))
    return found
