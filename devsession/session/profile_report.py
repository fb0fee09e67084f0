"""What became of a profile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file of a profile on the board; ``written`` is false where it was there already."""

    path: str
    size: int
    written: bool


@dataclass(frozen=True, slots=True)
class ProfileFailure:
    """A part of a profile that could not be applied, such as ``setup`` or ``module x``, and why."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """What was applied of a profile, and what failed; ``duration`` in seconds. What is neither was not tried."""

    modules: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    files: tuple[PlacedFile, ...] = ()
    setup: bool = False
    failures: tuple[ProfileFailure, ...] = ()
    duration: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether nothing failed."""
        return not self.failures
