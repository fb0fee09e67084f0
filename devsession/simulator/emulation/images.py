"""Finds the firmware that emulated boards run: the distribution's own where it has a package, else what was built from its sources."""

from __future__ import annotations

from pathlib import Path

from devsession.errors import EmulatorNotFoundError, InterpreterNotFoundError
from devsession.simulator.interpreter import Progress, cache_directory, fetched

# The package of the micro:bit's firmware has one file, here below the root.
MICROBIT_PACKAGE = "firmware-microbit-micropython"
MICROBIT_IMAGE = f"usr/share/{MICROBIT_PACKAGE}/firmware.hex"
# In the cache: where hil_tests/firmware/build_mps2.py leaves what it built, and the packages that it needs for that.
MPS2_PLACE = "mps2"
MPS2_TOOLS = ("gcc", "libc6-dev", "make", "patch", "xz-utils", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi")


async def microbit_image(progress: Progress) -> Path:
    """Return the micro:bit's firmware: installed by the system, else in the user's cache, else fetched into it without root.

    Raises EmulatorNotFoundError with how to install it. When cancelled nothing half-done stays.
    """
    words = _installed(MICROBIT_IMAGE) or fetched(cache_directory(), MICROBIT_PACKAGE)
    return Path(*words or await _fetch_microbit(progress))


async def mps2_image(progress: Progress) -> Path:
    """Return the firmware built for the MPS2; raises EmulatorNotFoundError with how to build it."""
    del progress
    words = fetched(cache_directory(), MPS2_PLACE)
    if words is None:
        raise EmulatorNotFoundError(
            "the firmware of sim:mps2 was not built yet",
            hint=f"sudo apt install {' '.join(MPS2_TOOLS)}, then `make firmware` in a checkout of devsession",
        )
    return Path(*words)


def _installed(name: str) -> tuple[str, ...] | None:
    path = Path("/", name)
    return (str(path),) if path.is_file() else None


async def _fetch_microbit(progress: Progress) -> tuple[str, ...]:
    # Only here, as fetching needs much that finding does not.
    from devsession.simulator import fetch

    package = fetch.Program(
        MICROBIT_PACKAGE,
        least=(),
        place=MICROBIT_PACKAGE,
        proof=(),
        hint=f"sudo apt install {MICROBIT_PACKAGE}",
        file=MICROBIT_IMAGE,
    )
    if not fetch.is_possible():
        raise EmulatorNotFoundError("the micro:bit's firmware was not found", hint=package.hint)
    try:
        return await fetch.fetch(cache_directory(), progress, package)
    except InterpreterNotFoundError as error:
        raise EmulatorNotFoundError(
            f"the micro:bit's firmware was not found: {error.message}", phase="fetch", hint=package.hint
        ) from error
