"""From what a board told to its capabilities: the knowledge of ports and versions, in tables."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from devsession.session.capabilities import DeviceCapabilities, FileSystem
from devsession.session.report import Facts, Fingerprint, module_list, names, number, text

# By the bits of sys.implementation._mpy.
_ARCHES = (
    *("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc"),
)
# Since this version the firmware tells which .mpy files it loads, if it loads any.
_TELLS_MPY = {"micropython": (1, 12), "circuitpython": (7,)}
_RAW_PASTE_SINCE = {"micropython": (1, 14), "circuitpython": (7,)}
# Whether leaving the raw REPL leaves the interpreter as it is.
_KEEPS_VM = {"micropython": True, "circuitpython": False}
# Where the clock begins on firmware without gmtime.
_EPOCH_YEAR = {"circuitpython": 1970}
_PERIPHERALS = frozenset(
    {
        *("ADC", "ADCBlock", "CAN", "Counter", "DAC", "Encoder", "I2C", "I2CTarget", "I2S", "PWM", "Pin"),
        *("RTC", "SDCard", "SPI", "Signal", "SoftI2C", "SoftSPI", "Timer", "TouchPad", "UART", "USBDevice"),
        "WDT",
    }
)
_CIRCUITPYTHON_PERIPHERALS = {
    "analogio": ("ADC", "DAC"),
    "audiobusio": ("I2S",),
    "busio": ("I2C", "SPI", "UART"),
    "canio": ("CAN",),
    "digitalio": ("Pin",),
    "pwmio": ("PWM",),
    "rtc": ("RTC",),
    "sdcardio": ("SDCard",),
    "watchdog": ("WDT",),
}
_ENCODINGS = {"hexlify": "hex", "b2a_base64": "base64", "crc32": "crc32"}
_HASHES = ("md5", "sha1", "sha256")
_BLUETOOTH = frozenset({"bluetooth", "ubluetooth", "_bleio"})
_DECOMPRESSING = frozenset({"deflate", "zlib", "uzlib"})
_NO_NAMES: tuple[str, ...] = ()


def capabilities_from(
    fingerprint: Fingerprint, told: dict[str, Any], printed: str, *, board: str, identity: str
) -> DeviceCapabilities:
    """Return what a board told as its capabilities; what is not understood is unknown, with the reason, and never an error."""
    facts = Facts(told)
    modules = module_list(printed)
    if modules is None:
        facts.miss("modules", "module list")
    if fingerprint.heap_total is None:
        facts.unknown["heap_total"] = facts.unknown["heap_free"] = "its gc does not tell"
    if fingerprint.unique_id is None:
        facts.unknown["unique_id"] = fingerprint.why_no_id
    if fingerprint.float_bits is None:
        facts.unknown["float_bits"] = "it adds as no float does that is known here"
    known = {
        "modules": modules,
        **_about_board(fingerprint, facts),
        **_about_language(fingerprint, facts, modules),
    }
    features = _features(fingerprint, known, facts, modules)
    return DeviceCapabilities(
        board=board,
        identity=identity,
        implementation=fingerprint.implementation,
        version=fingerprint.version,
        prerelease=fingerprint.prerelease,
        sys_version=fingerprint.sys_version,
        platform=fingerprint.platform,
        unique_id=fingerprint.unique_id,
        heap_total=fingerprint.heap_total,
        heap_free=fingerprint.heap_free,
        features=features,
        unknown=facts.unknown,
        **known,
    )


def _about_board(fingerprint: Fingerprint, facts: Facts) -> dict[str, Any]:
    return {
        "machine": facts.get(
            "machine", ("machine", "uname"), lambda it: text(it if isinstance(it, str) else it[4])
        ),
        "build": facts.get("build", ("build", "board id"), text),
        "frequency": facts.get(
            "frequency", ("frequency",), lambda it: number(it[0] if isinstance(it, tuple) else it)
        ),
        "file_systems": facts.get("file_systems", ("file systems",), _file_systems),
        "read_only": _read_only(fingerprint, facts),
        "epoch_year": facts.get(
            "epoch_year", ("epoch year",), number, absent=_EPOCH_YEAR.get(fingerprint.implementation)
        ),
    }


def _about_language(
    fingerprint: Fingerprint, facts: Facts, modules: tuple[str, ...] | None
) -> dict[str, Any]:
    return {
        **_machine_code(fingerprint, facts),
        **_by_version(fingerprint, facts),
        "float_bits": fingerprint.float_bits,
        "int_bits": _int_bits(facts),
        "binary_stdio": facts.get("binary_stdio", ("binary stdio",), bool, absent=False),
        "hashes": facts.get("hashes", ("hashes",), lambda told: _hashes(told, facts), absent=_NO_NAMES),
        "encodings": facts.get("encodings", ("binascii",), _encodings, absent=_NO_NAMES),
        "compress": facts.get("compress", ("deflate",), bool, absent=False),
        "decompress": _decompress(facts, modules),
        "peripherals": _peripherals(fingerprint, facts, modules),
    }


def _machine_code(fingerprint: Fingerprint, facts: Facts) -> dict[str, Any]:
    since = _TELLS_MPY.get(fingerprint.implementation)
    if facts.lacks("mpy") and facts.lacks("mpy before 1.19") and since and fingerprint.version >= since:
        return {"mpy_version": (0, 0), "arch": ""}
    word = facts.get("mpy_version", ("mpy", "mpy before 1.19"), number)
    if word is None:
        facts.unknown["arch"] = facts.unknown["mpy_version"]
        return {}
    version = word & 0xFF
    arch = word >> 10 & 0xF
    if arch >= len(_ARCHES):
        facts.unknown["arch"] = f"number {arch} is not known here"
    # Before version 6 these bits meant something else.
    sub_version = word >> 8 & 3 if version >= 6 else 0
    return {"mpy_version": (version, sub_version), "arch": _ARCHES[arch] if arch < len(_ARCHES) else None}


def _file_systems(told: Any) -> tuple[FileSystem, ...]:
    found = []
    for mount, kind, block, fragment, blocks, free in told:
        unit = number(fragment) or number(block)
        sizes = {"size": unit * number(blocks), "free": unit * number(free), "block": number(block)}
        found.append(FileSystem(mount=text(mount), kind=text(kind) if kind else None, **sizes))
    return tuple(found)


def _read_only(fingerprint: Fingerprint, facts: Facts) -> bool | None:
    if fingerprint.implementation == "circuitpython":
        return facts.get("read_only", ("read only",), bool)
    facts.unknown["read_only"] = "only writing would tell"
    return None


def _int_bits(facts: Facts) -> int | None:
    if facts.get("int_bits", ("ints of 80 bits",), bool, absent=False):
        return 0
    if facts.get("int_bits", ("ints of 62 bits",), bool, absent=False):
        return 64
    return facts.get("int_bits", ("largest small int",), lambda it: number(it).bit_length() + 1)


def _by_version(fingerprint: Fingerprint, facts: Facts) -> dict[str, bool]:
    name = fingerprint.implementation
    if name not in _KEEPS_VM:
        facts.unknown["raw_paste"] = facts.unknown["keeps_vm"] = f"nothing is known here of {name}"
        return {}
    return {"raw_paste": fingerprint.version >= _RAW_PASTE_SINCE[name], "keeps_vm": _KEEPS_VM[name]}


def _hashes(told: Any, facts: Facts) -> tuple[str, ...]:
    found = names(told)
    # CircuitPython has no constructors: `new` takes the name, and refuses one that it does not have.
    return tuple(name for name in _HASHES if (facts.has(name) if "new" in found else name in found))


def _encodings(told: Any) -> tuple[str, ...]:
    return tuple(_ENCODINGS[name] for name in names(told) if name in _ENCODINGS)


def _decompress(facts: Facts, modules: tuple[str, ...] | None) -> bool | None:
    if facts.has("deflate"):
        return True
    if modules is None:
        facts.unknown["decompress"] = facts.unknown["modules"]
        return None
    return not _DECOMPRESSING.isdisjoint(modules)


def _machine_classes(told: Any) -> tuple[str, ...]:
    found = tuple(name for name in names(told) if name in _PERIPHERALS)
    if not found and "freq" not in told:
        # It is no `machine`, or not the whole of it.
        raise ValueError
    return found


def _peripherals(
    fingerprint: Fingerprint, facts: Facts, modules: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if fingerprint.implementation != "circuitpython":
        return facts.get("peripherals", ("peripherals",), _machine_classes, absent=_NO_NAMES)
    if modules is None:
        facts.unknown["peripherals"] = facts.unknown["modules"]
        return None
    return tuple(sorted(name for module in modules for name in _CIRCUITPYTHON_PERIPHERALS.get(module, ())))


def _features(
    fingerprint: Fingerprint, known: dict[str, Any], facts: Facts, modules: tuple[str, ...] | None
) -> dict[str, bool | None]:
    hashes, encodings = known["hashes"], known["encodings"]
    float_bits, int_bits, arch = known["float_bits"], known["int_bits"], known.get("arch")
    return {
        "float": None if float_bits is None else float_bits > 0,
        "double": None if float_bits is None else float_bits == 64,
        "long_ints": None if int_bits is None else int_bits == 0,
        "unicode": facts.get("unicode", ("unicode",), lambda length: bool(length == 1), absent=False),
        "async": facts.get("async", ("async",), lambda _: True, absent=False),
        "compile": facts.get("compile", ("compile",), bool, absent=False),
        "native": None if arch is None else arch != "",
        "threads": facts.has("threads") or _has_module(modules, {"_thread"}),
        "wifi": _wifi(fingerprint, facts, modules),
        "bluetooth": _has_module(modules, _BLUETOOTH),
        "file_system": None if known["file_systems"] is None else bool(known["file_systems"]),
        **{
            name: known.get(name)
            for name in ("raw_paste", "keeps_vm", "binary_stdio", "compress", "decompress")
        },
        **{name: None if hashes is None else name in hashes for name in _HASHES},
        **{name: None if encodings is None else name in encodings for name in _ENCODINGS.values()},
    }


def _wifi(fingerprint: Fingerprint, facts: Facts, modules: tuple[str, ...] | None) -> bool | None:
    if fingerprint.implementation == "circuitpython" or modules is None or "network" not in modules:
        return _has_module(modules, {"wifi", "network"})
    # It may have a socket for a cable only, and importing it starts the network of some boards.
    facts.unknown["wifi"] = "there is a network, but which is not asked: that may start it"
    return None


def _has_module(modules: tuple[str, ...] | None, anyone: AbstractSet[str]) -> bool | None:
    return None if modules is None else not anyone.isdisjoint(modules)
