"""A board, a program under way on it, and what they print, without ``await``."""

from __future__ import annotations

from typing import Self

from devsession.board import board as asynchronous
from devsession.board import execution, output, running
from devsession.board.switches import PowerHook, Reopen, Rung
from devsession.errors import LinkError
from devsession.sync.twin import Block, Fact, Part, Twin, asks, gives, iterates, waits
from devsession.transport.base import Flow, Transport


class OutputLog(Twin[output.OutputLog]):
    """What a board printed: by programs and by itself, in order; see ``devsession.board.output.OutputLog``."""

    text = Fact[str]()
    pieces = Fact[list[output.Printed]]()
    limit = Fact[int]()
    dropped = Fact[int]()
    end = Fact[int]()
    since = asks(output.OutputLog.since)
    __bytes__ = asks(output.OutputLog.__bytes__)


class OutputTail(Twin[execution.OutputTail]):
    """The last bytes of a stream: ``limit`` of them are kept, ``dropped`` counts the others."""

    limit = Fact[int]()
    dropped = Fact[int]()
    end = Fact[int]()
    since = asks(execution.OutputTail.since)
    take = asks(execution.OutputTail.take)
    __bytes__ = asks(execution.OutputTail.__bytes__)
    __len__ = asks(execution.OutputTail.__len__)


class Running(Block[running.Running]):
    """A program that was started and may still run: iterate for its output, ``result()`` for what came of it.

    Use it in ``with``: leaving the block before the program has ended interrupts it and leaves the board usable.
    """

    dropped = Fact[int]()
    expect = waits(running.Running.expect)
    write = asks(running.Running.write)
    interrupt = asks(running.Running.interrupt)
    result = waits(running.Running.result)
    stop = waits(running.Running.stop)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the bytes printed since the last time, waiting for some; ends when the program has ended."""
        try:
            return self._loop.run(self._original.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None


class Board(Block[asynchronous.Board]):
    """The communicator: attaches to a board over a transport, and is the only owner of its wire.

    The same as ``devsession.Board`` without ``await``, for any number of threads. Use it in ``with``: entering opens the link and
    attaches (the board is interrupted, not reset), leaving detaches and closes. Where the async API speaks of being cancelled, here it is
    Ctrl-C: the program on the board is interrupted, and then KeyboardInterrupt is raised. An async ``power`` function and ``progress`` are
    called in the thread of the loop, a plain ``power`` in a thread of its own.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        listen: bool = False,
        recovery: Rung = Rung.PROMPT,
        power: PowerHook | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        made = asynchronous.Board(transport, listen=listen, recovery=recovery, power=power, reopen=reopen)
        super().__init__(made)

    url = Fact[str]()
    identity = Fact[str]()
    epoch = Fact[int]()
    free_heap = Fact[int | None]()
    flow = Fact[Flow]()
    is_listening = Fact[bool]()
    lost = Fact[LinkError | None]()
    events_dropped = Fact[int]()
    output = Part(OutputLog)
    background = Part(OutputTail)

    listen = waits(asynchronous.Board.listen)
    attach = waits(asynchronous.Board.attach)
    detach = waits(asynchronous.Board.detach)
    close = waits(asynchronous.Board.close)
    cut = asks(asynchronous.Board.cut)
    reopen = waits(asynchronous.Board.reopen)

    exec = waits(asynchronous.Board.exec)
    eval = waits(asynchronous.Board.eval)
    evaluate = waits(asynchronous.Board.evaluate)
    run = waits(asynchronous.Board.run)
    start = gives(Running, asynchronous.Board.start)
    stream = iterates(asynchronous.Board.stream)
    ask = waits(asynchronous.Board.ask)
    deploy = waits(asynchronous.Board.deploy)
    call = waits(asynchronous.Board.call)
    drop = waits(asynchronous.Board.drop)
    interrupt = asks(asynchronous.Board.interrupt)
    add_watcher = asks(asynchronous.Board.add_watcher)

    expect = waits(asynchronous.Board.expect)
    watch = iterates(asynchronous.Board.watch)
    type = asks(asynchronous.Board.type)

    can = asks(asynchronous.Board.can)
    soft_reset = waits(asynchronous.Board.soft_reset)
    reset = waits(asynchronous.Board.reset)
    boot = waits(asynchronous.Board.boot)
    catch = waits(asynchronous.Board.catch)
    bootloader = waits(asynchronous.Board.bootloader)
