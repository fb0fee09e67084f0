"""What is known of the interpreter on the other side of a wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devsession.board.happenings import Happening
from devsession.protocol.records import Key


def _nobody(_: Happening) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Interpreter:
    r"""One board's interpreter, in its present life.

    ``epoch`` counts the lives seen on this connection; ``deployed`` whether the helper is there; ``user_ran`` whether anything of the
    caller's ran in this life; ``free_heap`` in bytes, as last told; ``raw_paste`` whether it can be had, until the board shows otherwise;
    ``cramped`` whether its heap showed to be too small for the helper in one piece; ``cooked`` whether it sends ``\r\n`` for every line
    end. ``told`` is called when a life ends.
    """

    epoch: int = 0
    deployed: bool = False
    user_ran: bool = False
    free_heap: int | None = None
    raw_paste: bool = True
    cramped: bool = False
    cooked: bool = False
    nonce: int | None = None
    told: Callable[[Happening], None] = _nobody
    _number: int = 0

    def attached(self, nonce: int) -> None:
        """Know that the raw REPL was entered for the first time: records carry ``nonce`` from now on."""
        self.nonce = nonce

    def begin_epoch(self) -> None:
        """Forget what depended on the interpreter's life."""
        self.epoch += 1
        self.told(Happening.EPOCH_ENDED)
        self.deployed = self.user_ran = False
        self.free_heap = None

    def next_key(self) -> Key:
        """Return the key of the next exec."""
        assert self.nonce is not None
        self._number += 1
        return Key(self.nonce, self._number)
