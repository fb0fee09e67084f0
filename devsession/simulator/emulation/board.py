"""An emulated board: QEMU on the board's terminal, started anew whenever it ends."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable

from devsession.errors import LinkLostError, SimulatorError, shown
from devsession.simulator.emulation.machines import MACHINES
from devsession.simulator.emulation.qemu import command, find_qemu
from devsession.simulator.emulation.serial_line import PROMPT, SerialLine
from devsession.simulator.instance import Instance
from devsession.simulator.interpreter import Progress
from devsession.simulator.supervisor import CRASHES, Start
from devsession.simulator.url import SimUrl

# From the start of QEMU to the prompt: half a second on an idle machine, and less than the ten seconds that an attach may take.
START_TIMEOUT = 8.0
READ_SIZE = 4096


class EmulatedBoard(Instance):
    """The board of the kind that ``wanted`` names, as ``Instance`` says; every one has a machine of its own, and files until its end."""

    def __init__(self, wanted: SimUrl, gone: Callable[[LinkLostError], None]) -> None:
        name = wanted.name or f"{wanted.kind}-{secrets.token_hex(8)}"
        super().__init__(f"sim:{name}", gone, resets={}, crashes=CRASHES)
        self._machine = MACHINES[wanted.kind]
        self._line: SerialLine | None = None
        self._argv: tuple[str, ...] = ()
        self._up = False
        self._failed: LinkLostError | None = None

    async def prepare(self, progress: Progress) -> None:
        """Find QEMU and the firmware, or fetch that; raises EmulatorNotFoundError."""
        self._argv = command(find_qemu(), self._machine.arguments, await self._machine.image(progress))

    async def start(self, progress: Progress) -> int:
        """Start the board as ``Instance`` does, and wait until its firmware is up; raises SimulatorError when it is not in time."""
        ours = await super().start(progress)
        self._line = SerialLine(ours, self._terminal, self._machine.baud, self._prompted)
        return self._line.far

    def reset(self) -> None:
        """Press the board's reset button: QEMU is ended, and a new one started."""
        if self._line is not None:
            self._line.flush()
        super().reset()

    def end(self) -> None:
        """End QEMU; twice does nothing."""
        super().end()
        if self._line is not None:
            self._line.close()

    def _command(self, start: Start) -> tuple[str, ...]:
        if start is not Start.POWER and not self._up:
            raise SimulatorError("QEMU ended before the firmware had started")
        return self._argv

    async def _come_up(self, ours: int) -> None:
        """Wait for the firmware's prompt, which stays to be read; raises SimulatorError with what was printed instead."""
        printed = bytearray()
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await _read_until(ours, PROMPT, printed)
        except TimeoutError:
            raise self._silent(f"the firmware did not start within {START_TIMEOUT:g} s", printed) from None
        except OSError as error:
            why = self._failed.message if self._failed else str(error)
            raise self._silent(why, printed) from error
        self._up = True
        self._say(bytes(printed))

    def _prompted(self) -> None:
        # Firmware that resets itself ends QEMU as a QEMU that cannot start does: what had come up was no crash.
        if self._supervisor is not None:
            self._supervisor.came_up()

    def _silent(self, message: str, printed: bytearray) -> SimulatorError:
        return SimulatorError(f"{message}; seen: {shown(bytes(printed))}", board=self.identity, phase="open")

    def _gone(self, reason: LinkLostError) -> None:
        if self._line is not None:
            self._line.hang_up()
        if self._up:
            super()._gone(reason)
        else:
            # Told by the error of the start.
            self._failed = reason
            self._close_terminal()


async def _read_until(descriptor: int, ending: bytes, printed: bytearray) -> None:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        try:
            printed.extend(os.read(descriptor, READ_SIZE))
        except BlockingIOError:
            return
        except OSError as error:
            loop.remove_reader(descriptor)
            done.set_exception(error)
            return
        if printed.endswith(ending):
            loop.remove_reader(descriptor)
            done.set_result(None)

    loop.add_reader(descriptor, read)
    try:
        await done
    finally:
        loop.remove_reader(descriptor)
