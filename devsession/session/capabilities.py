"""What a board is and what it can do, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from devsession.errors import CapabilityError

# What is no property of the board: its port's name, what changes by itself, the words for what is not known;
# features are compared one by one.
_PASSING = frozenset({"board", "features", "heap_free", "performance", "unknown"})
# Why a fact that may change is not known of a board whose facts were kept from an earlier time.
NOT_ASKED = "not asked for this time, and it may have changed"
# The fields that features go by, where these are not the modules.
_TOLD_BY = {
    **dict.fromkeys(("float", "double"), "float_bits"),
    **dict.fromkeys(("md5", "sha1", "sha256"), "hashes"),
    **dict.fromkeys(("hex", "base64", "crc32"), "encodings"),
    "long_ints": "int_bits",
    "native": "arch",
    "file_system": "file_systems",
}


class FileSystem(BaseModel):
    """A file system of a board: where it is mounted, its kind as the firmware names it, its sizes in bytes."""

    model_config = ConfigDict(frozen=True)

    mount: str
    kind: str | None = None
    size: int
    free: int
    block: int


class Performance(BaseModel):
    """How fast a board and the link to it are: seconds of an exec's round trip, bytes a second each way, turns of a loop a second.

    ``interruptible`` tells whether Ctrl-C stops a program; where it does not, only a reset does.
    """

    model_config = ConfigDict(frozen=True)

    round_trip: float
    upload: float
    download: float
    loop: float
    interruptible: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A field of DeviceCapabilities that is not what it was."""

    field: str
    before: Any
    after: Any


class DeviceCapabilities(BaseModel):
    """What a board is and what it can do. A field that is ``None`` is unknown, and ``unknown`` says why.

    ``version`` holds the numbers, ``prerelease`` what follows them, ``sys_version`` the firmware's own text. ``unique_id`` is hexadecimal.
    ``mpy_version`` is version and sub-version of the .mpy files it loads, ``(0, 0)`` when it loads none; ``arch`` the machine code in them,
    ``""`` for none. ``heap_total`` and ``heap_free`` are in bytes, ``frequency`` in hertz. ``float_bits`` is 0 on a board without floats;
    ``int_bits`` counts the sign, and is 0 where integers may be of any length. ``epoch_year`` is the year its clock counts seconds from.
    ``keeps_vm`` tells whether variables live on when the raw REPL is left; ``raw_paste`` goes by the firmware's version. ``peripherals``
    are classes of ``machine``, or what stands for them on CircuitPython; ``modules`` those built in, as the firmware lists them.
    """

    model_config = ConfigDict(frozen=True)

    board: str
    identity: str
    implementation: str
    version: tuple[int, ...]
    prerelease: str = ""
    sys_version: str
    platform: str
    machine: str | None = None
    build: str | None = None
    unique_id: str | None = None
    arch: str | None = None
    mpy_version: tuple[int, int] | None = None
    heap_total: int | None = None
    heap_free: int | None = None
    frequency: int | None = None
    file_systems: tuple[FileSystem, ...] | None = None
    read_only: bool | None = None
    float_bits: int | None = None
    int_bits: int | None = None
    epoch_year: int | None = None
    keeps_vm: bool | None = None
    raw_paste: bool | None = None
    binary_stdio: bool | None = None
    hashes: tuple[str, ...] | None = None
    compress: bool | None = None
    decompress: bool | None = None
    encodings: tuple[str, ...] | None = None
    peripherals: tuple[str, ...] | None = None
    modules: tuple[str, ...] | None = None
    features: dict[str, bool | None] = Field(default_factory=dict)
    unknown: dict[str, str] = Field(default_factory=dict)
    performance: Performance | None = None

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join([*map(str, self.version), self.prerelease]).rstrip(".")

    def supports(self, feature: str) -> bool | None:
        """Whether the board has a feature; ``None`` where that is unknown.

        A feature is a key of ``features``, a peripheral such as ``I2C``, an implementation, or a built-in module, with or without its u;
        ``interruptible`` is known once ``performance`` was measured.
        """
        if feature == "interruptible":
            return None if self.performance is None else self.performance.interruptible
        if feature in self.features:
            return self.features[feature]
        if feature in {"micropython", "circuitpython"}:
            return feature == self.implementation
        if feature[:1].isupper():
            return None if self.peripherals is None else feature in self.peripherals
        return None if self.modules is None else bool({feature, f"u{feature}"}.intersection(self.modules))

    def require(self, *features: str) -> None:
        """See to it that the board has all of these features; raises CapabilityError, which names those it lacks and those unknown."""
        missing = tuple(feature for feature in features if self.supports(feature) is False)
        unknown = {feature: self._why(feature) for feature in features if self.supports(feature) is None}
        if missing or unknown:
            raise CapabilityError(str(self), missing=missing, unknown=unknown, board=self.board)

    def changes(self, later: DeviceCapabilities) -> tuple[Change, ...]:
        """Return what is different in ``later``, a feature as ``features.NAME``.

        Free memory and performance, which are never the same, do not count, nor do reasons, nor what was not asked for here.
        """
        before, after = self._settled(), later._settled()
        return tuple(
            Change(name, before.get(name), after.get(name))
            for name in dict.fromkeys([*before, *after])
            if before.get(name) != after.get(name) and self.unknown.get(name) != NOT_ASKED
        )

    def _settled(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in type(self).model_fields if name not in _PASSING}
        if self.file_systems is not None:
            kept["file_systems"] = tuple(each.model_copy(update={"free": 0}) for each in self.file_systems)
        return kept | {f"features.{name}": has for name, has in self.features.items()}

    def _why(self, feature: str) -> str:
        if feature == "interruptible":
            return "not measured"
        field = "peripherals" if feature[:1].isupper() else _TOLD_BY.get(feature, "modules")
        return self.unknown.get(feature) or self.unknown.get(field) or "the firmware does not tell"

    def __str__(self) -> str:
        names = {"micropython": "MicroPython", "circuitpython": "CircuitPython"}
        name = names.get(self.implementation, self.implementation)
        return f"{name} {self.version_text} on {self.machine or self.platform}"
