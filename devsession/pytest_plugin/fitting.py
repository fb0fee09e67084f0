"""Whether a board has what a test asks for, as far as that is known."""

from __future__ import annotations

import re

import pytest

from devsession.pool.known import KnownBoard
from devsession.session.capabilities import DeviceCapabilities

_FIRMWARE = re.compile(r"\s*([a-z]*)\s*(.*)", re.IGNORECASE)

# What boards of this process were found to be, by URL.
facts: dict[str, DeviceCapabilities] = {}


def why_not(board: KnownBoard, requires: tuple[str, ...], firmware: str) -> str | None:
    """Return in words what a board lacks, ``None`` when it lacks nothing or nobody has asked it yet; raises pytest.UsageError."""
    known = facts.get(board.url)
    wanted = [each for each in requires if each not in board.tags]
    if known is None:
        return None
    lacking = [each for each in wanted if known.supports(each) is False]
    unknown = [each for each in wanted if known.supports(each) is None]
    if lacking:
        return f"{board.name} has no {', '.join(lacking)}"
    if unknown:
        return f"{board.name} does not tell whether it has {', '.join(unknown)}"
    if firmware and not _runs(known, firmware):
        return f"{board.name} runs {known.implementation} {known.version_text}, not {firmware}"
    return None


def _runs(known: DeviceCapabilities, firmware: str) -> bool:
    """Whether the firmware is of all the versions that ``firmware`` allows: ``>=1.24``, ``micropython>=1.24,<2``."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    version = ".".join(map(str, known.version))
    for condition in firmware.split(","):
        match = _FIRMWARE.fullmatch(condition)
        assert match is not None
        if match[1] and match[1].lower() != known.implementation:
            return False
        try:
            if version not in SpecifierSet(match[2]):
                return False
        except InvalidSpecifier as error:
            raise pytest.UsageError(f"firmware={firmware!r}: {error}; such as '>=1.24'") from error
    return True
