"""What a board told of itself, by name: nothing it says is believed beyond its type."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from devsession.errors import RemoteProtocolError

_T = TypeVar("_T")

# The exceptions with which a board shows that it has no such thing; any other may have any reason.
_ABSENCE = {
    "ints of 62 bits": {"OverflowError"},
    "ints of 80 bits": {"OverflowError"},
    "unicode": {"ValueError"},
    "async": {"SyntaxError"},
    "compile": {"NameError"},
    "binary stdio": {"AttributeError"},
    "peripherals": {"ImportError"},
    "hashes": {"ImportError"},
    "binascii": {"ImportError"},
    "deflate": {"ImportError", "AttributeError"},
    "epoch year": {"AttributeError"},
}
# Stands for a fact that was not asked for, as this firmware has no such thing.
NOT_IN_IT = "this firmware tells none"
# By how many of 1 + 2**-22.4 and 1 + 2**-31.4 are more than 1; -1 where there are no floats.
_FLOAT_BITS = {-1: 0, 0: 30, 1: 32, 2: 64}
# A reason is for one line of a table.
_REASON_SHOWN = 120
_MODULE_LINE = re.compile(r"[A-Za-z_][\w/]*(?: +[A-Za-z_][\w/]*)*")
# The last line of the list of modules; CircuitPython translates it.
_MORE_MODULES = "Plus any modules on the filesystem"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which firmware a board runs on which chip, its heap in bytes, the width of its floats: what a small exec can tell."""

    implementation: str
    version: tuple[int, ...]
    prerelease: str
    platform: str
    sys_version: str
    heap_free: int | None
    heap_total: int | None
    unique_id: str | None
    why_no_id: str
    float_bits: int | None


def fingerprint_from(told: Any) -> Fingerprint:
    """Return what the first program told; raises RemoteProtocolError when it is no such thing."""
    match told:
        case [str(name), tuple(version), str(platform), str(text), int(free), int(used), chip, int(floats)]:
            counted = free >= 0
            return Fingerprint(
                implementation=_whole(name),
                version=tuple(part for part in version[:3] if isinstance(part, int)),
                prerelease=_whole("".join(str(part) for part in version[3:])),
                platform=_whole(platform),
                sys_version=_whole(text),
                heap_free=free if counted else None,
                heap_total=free + used if counted else None,
                unique_id=_hex(chip) or None,
                why_no_id="it is empty" if isinstance(chip, list) else _whole(str(chip)[:_REASON_SHOWN]),
                float_bits=_FLOAT_BITS.get(floats),
            )
    raise not_told(told)


def not_told(told: Any) -> RemoteProtocolError:
    """Return the error of a board that answers something else than its firmware."""
    return RemoteProtocolError(f"the board does not tell its firmware, but {told!r:.100}", phase="probe")


def _whole(told: str) -> str:
    """Return a text of the board with half characters as escapes."""
    return told.encode("utf-8", "backslashreplace").decode()


def _hex(chip: Any) -> str:
    return chip[0].hex() if isinstance(chip, list) and chip and isinstance(chip[0], bytes) else ""


class Facts:
    """What the board told, by name, or why it told nothing; ``unknown`` gathers, by field, why what was asked for is not known."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self.unknown: dict[str, str] = {}

    def get(
        self, field: str, names: tuple[str, ...], reader: Callable[[Any], _T], *, absent: _T | None = None
    ) -> _T | None:
        """Return the first of the facts ``names`` that ``reader`` can read, for ``field``.

        Without one: ``absent`` where the board showed that it has no such thing, else ``None``, with the reason in ``unknown``.
        """
        for name in names:
            told = self._told.get(name)
            if isinstance(told, list):
                try:
                    return reader(told[0])
                except (TypeError, ValueError, LookupError):
                    continue
            if absent is not None and isinstance(told, str) and told in {NOT_IN_IT, *_ABSENCE[name]}:
                return absent
        self.miss(field, names[0])
        return None

    def miss(self, field: str, name: str) -> None:
        """Note that ``field`` is unknown, as the fact ``name`` does not tell it."""
        told = self._told.get(name, "nothing told")
        reason = f"{told} when asked" if isinstance(told, str) else f"not understood: {told!r}"
        self.unknown[field] = _whole(f"{reason} for its {name}"[:_REASON_SHOWN])

    def lacks(self, name: str) -> bool:
        """Whether the firmware has no attribute where this fact would stand."""
        return self._told.get(name) in ("AttributeError", NOT_IN_IT)

    def has(self, name: str) -> bool:
        """Whether the board told this fact."""
        return isinstance(self._told.get(name), list)


def text(told: Any) -> str:
    """Read a text that is not empty, and whole characters."""
    if not isinstance(told, str):
        raise TypeError
    if not told:
        raise ValueError
    told.encode()
    return told


def number(told: Any) -> int:
    """Read an integer."""
    if not isinstance(told, int):
        raise TypeError
    return told


def names(told: Any) -> tuple[str, ...]:
    """Read a list of names, sorted."""
    return tuple(sorted({text(name) for name in told}))


def module_list(printed: str) -> tuple[str, ...] | None:
    """Return the modules that ``help('modules')`` printed, ``None`` when it did not."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    found = {
        name.removesuffix("/__init__").replace("/", ".")
        for line in lines[:-1]
        if line != _MORE_MODULES and _MODULE_LINE.fullmatch(line)
        for name in line.split()
    }
    # Whatever else is printed meanwhile: these are on every board.
    return tuple(sorted(found)) if {"sys", "usys"} & found and "gc" in found else None
