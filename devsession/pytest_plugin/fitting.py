"""Whether a board has what a test asks for, as far as that is known."""

from __future__ import annotations

import pytest

from devsession.errors import UsageError
from devsession.pool import requirement
from devsession.pool.provider import BoardOffer
from devsession.session.capabilities import DeviceCapabilities

# What boards of this process were found to be, by URL.
facts: dict[str, DeviceCapabilities] = {}


def why_not(board: BoardOffer, requires: tuple[str, ...], firmware: str) -> str | None:
    """Return in words what a board lacks, ``None`` when it lacks nothing or nobody has asked it yet; raises pytest.UsageError."""
    known = facts.get(board.url)
    try:
        lacking = requirement.why_not(board.name, board.tags, known, requires)
        if lacking is not None or known is None or not firmware:
            return lacking
        return requirement.why_not_firmware(board.name, known, firmware)
    except UsageError as error:
        raise pytest.UsageError(error.message) from error
