"""What is asked of a board, in the words of ``acquire(requires=…)``, of the pytest marker, and of tags; and whether a board has it.

A word is a tag that its owner gave the board, a feature as ``DeviceCapabilities.supports`` knows them, or a condition on the firmware such
as ``micropython>=1.24`` or ``>=1.24,<2``. One such as ``port=rp2`` is a tag and nothing else: boards of a farm have such.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from devsession.errors import UsageError

if TYPE_CHECKING:
    # pydantic takes its time, and is not needed before a board was asked.
    from devsession.session.capabilities import DeviceCapabilities

_TAG = re.compile(r"[^<>=!~,]+=[^<>=!~,]+")
_CONDITION = re.compile(r"\s*([a-z]*)\s*(?:(~=|[<>!=]=|[<>])\s*(\d+(?:\.\d+)*)(\.\*)?)?\s*", re.IGNORECASE)
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
# Versions of firmware have three numbers; what is left out is 0.
_NUMBERS = 6


def words(given: Any) -> tuple[str, ...]:
    """Return what is required as words, each once and in order; a single one may be given as it is. Raises UsageError."""
    if not are_words(given):
        raise UsageError(
            f"features are words, or a list of them, not {given!r}", hint="such as requires=['network']"
        )
    wanted = tuple(dict.fromkeys((given,) if isinstance(given, str) else given))
    for word in filter(is_condition, wanted):
        _conditions(word)
    return wanted


def are_words(given: Any) -> bool:
    """Whether something is a word or a list of words."""
    if isinstance(given, str):
        return bool(given.strip())
    return isinstance(given, list | tuple | set | frozenset) and all(
        isinstance(each, str) and each.strip() for each in given
    )


def is_condition(word: str) -> bool:
    """Whether a word is about the version of the firmware."""
    return any(sign in word for sign in "<>=") and not is_tag(word)


def is_tag(word: str) -> bool:
    """Whether a word can only be a tag, so that the board need not be asked."""
    return _TAG.fullmatch(word) is not None


def why_not(
    name: str, tags: Collection[str], known: DeviceCapabilities | None, requires: Collection[str]
) -> str | None:
    """Return in words what a board lacks, ``None`` when it lacks nothing or nobody has asked it yet; raises UsageError."""
    wanted = [word for word in requires if word not in tags]
    if without := list(filter(is_tag, wanted)):
        return f"{name} has no {', '.join(without)}"
    if known is None:
        return None
    features = [word for word in wanted if not is_condition(word)]
    if lacking := [each for each in features if known.supports(each) is False]:
        return f"{name} has no {', '.join(lacking)}"
    if unknown := [each for each in features if known.supports(each) is None]:
        return f"{name} does not tell whether it has {', '.join(unknown)}"
    conditions = filter(is_condition, wanted)
    return next(
        (why for each in conditions if (why := why_not_firmware(name, known, each)) is not None), None
    )


def why_not_firmware(name: str, known: DeviceCapabilities, firmware: str) -> str | None:
    """Return in words that a board's firmware is none of ``firmware``, ``None`` where it is; raises UsageError."""
    if runs(known, firmware):
        return None
    return f"{name} runs {known.implementation} {known.version_text}, not {firmware}"


def is_sure(tags: Collection[str], known: DeviceCapabilities | None, requires: Collection[str]) -> bool:
    """Whether it is known, without asking the board, that it has what is required."""
    if known is None:
        return all(word in tags for word in requires)
    return why_not("", tags, known, requires) is None


def runs(known: DeviceCapabilities, firmware: str) -> bool:
    """Whether the firmware is of all the versions that a condition allows; raises UsageError for what is no condition."""
    return all(
        (not name or name == known.implementation) and _holds(known.version, sign, version, is_prefix=prefix)
        for name, sign, version, prefix in _conditions(firmware)
    )


def _conditions(firmware: str) -> list[tuple[str, str, tuple[int, ...], bool]]:
    found = []
    for condition in firmware.split(","):
        match = _CONDITION.fullmatch(condition)
        if match is None or not match[0].strip() or (match[4] and match[2] not in {"==", "!="}):
            raise UsageError(f"firmware={firmware!r}: {condition!r} is no condition; such as '>=1.24'")
        # A name alone is about every version of it.
        version = tuple(map(int, (match[3] or "0").split(".")))
        found.append((match[1].lower(), match[2] or ">=", version, bool(match[4])))
    return found


def _holds(version: tuple[int, ...], sign: str, wanted: tuple[int, ...], *, is_prefix: bool) -> bool:
    if sign == "~=":
        return _filled(version) >= _filled(wanted) and version[: len(wanted) - 1] == wanted[:-1]
    if is_prefix:
        return _COMPARED[sign](_filled(version)[: len(wanted)], wanted)
    return _COMPARED[sign](_filled(version), _filled(wanted))


def _filled(version: tuple[int, ...]) -> tuple[int, ...]:
    return version + (0,) * (_NUMBERS - len(version))
