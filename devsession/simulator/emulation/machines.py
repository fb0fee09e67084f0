"""The boards that are emulated: what QEMU is told of each, and where its firmware comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devsession.simulator.emulation.images import microbit_image, mps2_image
from devsession.simulator.interpreter import Progress


@dataclass(frozen=True, slots=True)
class Machine:
    """An emulated board: QEMU's arguments, with ``{firmware}`` for the path of the image, and what finds that.

    ``baud`` is the speed of its serial line: the micro:bit's own, as its firmware loses what comes faster; the MPS2's polls its UART, loses
    nothing at any speed, and is slower than that.
    """

    arguments: tuple[str, ...]
    image: Callable[[Progress], Awaitable[Path]]
    baud: int


# By kind, as in the URL. The MPS2's firmware ends the emulator through semihosting when it resets itself.
MACHINES: Mapping[str, Machine] = {
    "microbit": Machine(("-M", "microbit", "-device", "loader,file={firmware}"), microbit_image, baud=115200),
    "mps2": Machine(
        ("-M", "mps2-an385", "-kernel", "{firmware}", "-semihosting"), mps2_image, baud=1_843_200
    ),
}
