"""The helper on the board's side (firmware_helpers/execute.py), those that send events and ask (emit.py, ask.py): how they get there."""

from __future__ import annotations

import importlib.util
from typing import Any

from devsession.board.deadline import Deadline
from devsession.board.prompt import Prompt
from devsession.protocol import source as sources
from devsession.protocol.commands import Command
from devsession.protocol.events import Finished


class Helper:
    """Puts the helper on a board: with the first command of an attach, or beforehand and in parts where the heap is too small for that."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._source = compact("execute.py")

    @property
    def prefix(self) -> str:
        """What is to be sent in front of a command."""
        return "" if self._prompt.interpreter.deployed else sources.installation(self._source)

    async def prepare(self, deadline: Deadline) -> Finished | None:
        """Send the parts to a board that needs them, and return how one failed; raises TimeoutError, and what ends the wire."""
        interpreter = self._prompt.interpreter
        if interpreter.deployed or not interpreter.cramped:
            return None
        # The raw REPL keeps the memory of its longest command until it is left: here that of the attempt at one.
        await self._prompt.leave(deadline)
        await self._prompt.ensure(deadline)
        for part in sources.installations(self._source):
            self._prompt.wire.submit(Command(part.encode()))
            finished = await self._prompt.wait(Finished, deadline)
            if finished.error:
                return finished
        interpreter.deployed = True
        return None


def emitter(namespace: int, *, asks: bool) -> list[str]:
    """Return the programs that put ``devsession_helper`` into a namespace, and an ``input`` that ``asks`` the host."""
    # Together they would be too much for the compiler of a small board.
    emission = sources.emission(compact("emit.py"), namespace)
    return [emission, sources.asking(compact("ask.py"), namespace)] if asks else [emission]


def compact(name: str) -> str:
    """Return a helper's source as it is sent, of the file as packaged.

    What importlib.resources would give, without the 9 ms a command takes to import that.
    """
    spec = importlib.util.find_spec("firmware_helpers")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    loader: Any = spec.loader
    data: bytes = loader.get_data(f"{spec.submodule_search_locations[0]}/{name}")
    return sources.compact(data.decode())
