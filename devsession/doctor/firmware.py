"""Versions of firmware that are known to give trouble to whoever works over their REPL."""

from __future__ import annotations

from dataclasses import dataclass

from devsession.doctor.finding import Finding, Level


@dataclass(frozen=True, slots=True)
class Trouble:
    """What versions from ``first`` up to, but not including, ``fixed`` do; on these ``platforms``, all when there are none."""

    implementation: str
    platforms: frozenset[str]
    first: tuple[int, ...]
    fixed: tuple[int, ...]
    level: Level
    what: str


KNOWN = (
    Trouble(
        *("micropython", frozenset({"rp2"}), (1, 17), (1, 19), Level.WARNING),
        "what follows a Ctrl-C at once may be lost, and ModemManager can hang it (micropython#7867)",
    ),
    Trouble(
        *("micropython", frozenset({"rp2", "samd", "mimxrt"}), (1,), (1, 20), Level.WARNING),
        "a program that prints hangs when the host stops reading (micropython#9634)",
    ),
    Trouble(
        *("micropython", frozenset(), (1,), (1, 14), Level.NOTE),
        "it has no raw-paste: large programs do not fit",
    ),
    Trouble(
        *("circuitpython", frozenset(), (1,), (7,), Level.NOTE),
        "it has no raw-paste: large programs do not fit",
    ),
)
_NAMES = {"micropython": "MicroPython", "circuitpython": "CircuitPython"}


def judge(implementation: str, version: tuple[int, ...], platform: str, machine: str) -> Finding:
    """Return the finding on a firmware."""
    number = ".".join(map(str, version))
    seen = f"{_NAMES.get(implementation, implementation)} {number}, {machine or platform}"
    found = [
        trouble
        for trouble in KNOWN
        if trouble.implementation == implementation
        and (not trouble.platforms or platform in trouble.platforms)
        and trouble.first <= version < trouble.fixed
    ]
    if not found:
        return Finding("firmware", Level.OK, seen)
    level = Level.WARNING if any(trouble.level is Level.WARNING for trouble in found) else Level.NOTE
    fixed = ".".join(map(str, max(trouble.fixed for trouble in found)))
    what = "; ".join(trouble.what for trouble in found)
    return Finding("firmware", level, f"{seen}: {what}", f"install version {fixed} or later")
