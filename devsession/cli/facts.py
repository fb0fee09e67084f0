"""The capabilities of a board as lines to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities, FileSystem, Performance

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def amount(size: float) -> str:
    """Write a number of bytes in the unit that makes it short."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.4g} {_UNITS[unit]}" if size < 1000 else f"{size:.0f} {_UNITS[unit]}"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _place(each: FileSystem) -> str:
    kind = f" {each.kind}" if each.kind else ""
    return f"{each.mount}{kind}, {amount(each.size)}, {amount(each.free)} free"


# A line: what it is called, the field, and how its value is written.
_LINES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("board", "board", str),
    ("identity", "identity", str),
    ("implementation", "implementation", str),
    ("version", "version_text", str),
    ("platform", "platform", str),
    ("machine", "machine", str),
    ("build", "build", str),
    ("sys.version", "sys_version", str),
    ("unique id", "unique_id", str),
    ("frequency", "frequency", lambda hertz: f"{hertz / 1e6:g} MHz"),
    ("heap", "heap_total", amount),
    ("free heap", "heap_free", amount),
    ("file systems", "file_systems", lambda found: "; ".join(map(_place, found)) or "none"),
    ("read only", "read_only", lambda is_so: "yes" if is_so else "no"),
    ("floats", "float_bits", lambda bits: f"{bits} bits" if bits else "none"),
    ("integers", "int_bits", lambda bits: f"{bits} bits" if bits else "of any length"),
    ("clock since", "epoch_year", str),
    (".mpy files", "mpy_version", lambda version: "none" if version == (0, 0) else "{}.{}".format(*version)),
    ("machine code", "arch", lambda arch: arch or "none"),
    ("hashes", "hashes", _listed),
    ("encodings", "encodings", _listed),
    ("peripherals", "peripherals", _listed),
    ("modules", "modules", _listed),
)


def described(found: DeviceCapabilities) -> Iterator[tuple[str, str, bool]]:
    """Yield name, text and whether it is known, line by line."""
    for name, field, written in _LINES:
        value = getattr(found, field)
        if value is None:
            yield name, f"unknown: {found.unknown.get(field, 'not told')}", False
        else:
            yield name, written(value), True
    for name, answer in (("has", True), ("lacks", False), ("may have", None)):
        if names := [feature for feature, has in found.features.items() if has is answer]:
            yield name, _listed(names), True
    if found.performance is not None:
        yield from _speeds(found.performance)


def _speeds(performance: Performance) -> Iterator[tuple[str, str, bool]]:
    yield "round trip", f"{performance.round_trip * 1e3:.3g} ms", True
    yield "upload", f"{amount(performance.upload)} a second", True
    yield "download", f"{amount(performance.download)} a second", True
    yield "loop", f"{performance.loop:.3g} turns a second", True
    yield "Ctrl-C", "stops a program" if performance.interruptible else "does not stop a program", True
