"""One command, from its submission to the prompt behind it.

What a command prints can look like anything, the raw REPL's own framing included; so a command with a key begins and ends where its own
records say, and the framing counts only where no record can be: before the start, and after the end.
"""

from __future__ import annotations

from collections.abc import Callable

from devsession.errors import RemoteProtocolError
from devsession.protocol import paste, records
from devsession.protocol.commands import Command
from devsession.protocol.conversation import Conversation
from devsession.protocol.entry import BANNER
from devsession.protocol.events import Accepted, Ending, Finished, Output, Started, Told
from devsession.protocol.pasting import SEPARATOR, Pasting
from devsession.protocol.records import Kind
from devsession.protocol.states import Move, State
from devsession.protocol.suspicion import Suspicion
from devsession.protocol.titles import TitleFilter

PROMPT = b">"
INTERRUPT = b"\x03"
# The end of a program that raised an exception, as firmware_helpers/execute.py tells it.
RAISED = b"T"
# How long a third separator may be followed by something else than the prompt before any `>` is taken for it: a thread may print
# in between, and a soft reset (SystemExit) prints its banner within this time or says nothing for longer.
CLOSING_GRACE = 0.3
# A Ctrl-C in the first milliseconds of a command can be eaten as data (5-10 % within 1 ms on the unix port, seen on boards too).
INTERRUPT_GAP = 0.05
INTERRUPT_GAP_LIMIT = 0.5
# How long a prompt has to answer whether it is one, before the next Ctrl-C: milliseconds, and tens of them over hubs and slow UARTs.
ANSWER_TIME = 0.1
# What a prompt may answer to Ctrl-A: the raw one the banner, the friendly one a new line first.
_ANSWERS = (BANNER, b"\r\n" + BANNER)


class Reply:
    """The states of one command under way; telling Finished is the last thing it does.

    ``interrupt`` sends Ctrl-C until the command has ended; ``wake`` is when ``tick`` wants to be called.
    """

    def __init__(self, conversation: Conversation, command: Command) -> None:
        conversation.move(Move.ASK if command.paste else Move.SUBMIT)
        self._conversation = conversation
        self._key = command.key
        self._pasting = Pasting(
            conversation, command.code, accepted=self._accept, finished=self._finish_framed
        )
        self._suspicion = Suspicion()
        self._interrupts: tuple[float, float] | None = None
        self._started = False
        self._line_end_seen = False
        self._note = b""
        self._reported = False
        # Whether it ended by an exception that the raw REPL is to print, or to start anew for.
        self._raised = False
        self._error = bytearray()
        self._closing_since: float | None = None
        self._scanners: dict[State, Callable[[float], bool]] = {
            **self._pasting.scanners,
            State.SENT: self._scan_sent,
            State.ACCEPTED: self._scan_accepted,
            State.RUNNING: self._scan_running,
            State.ENDED: self._scan_ended,
            State.REPORTING: self._scan_reporting,
            State.CLOSING: self._scan_closing,
        }
        conversation.write(paste.REQUEST if command.paste else command.code + SEPARATOR)

    @property
    def heard(self) -> bytes:
        """The last bytes from the board."""
        return self._suspicion.tail

    @property
    def wake(self) -> float | None:
        """When ``tick`` wants to be called."""
        times = [self._suspicion.wake, self._pasting.wake, self._interrupts[0] if self._interrupts else None]
        if self._closing_since is not None:
            times.append(self._closing_since + CLOSING_GRACE)
        return min((time for time in times if time is not None), default=None)

    def interrupt(self, now: float) -> None:
        """Send Ctrl-C, and again with growing gaps."""
        if self._interrupts is None:
            self._conversation.write(INTERRUPT)
            self._interrupts = (now + INTERRUPT_GAP, INTERRUPT_GAP)
            self._suspicion.interrupt(now)
            self._pasting.interrupt()

    def receive(self, data: bytes, now: float) -> bool:
        """Understand what is in the buffer, ``data`` its newest part; return whether the command is over."""
        self._suspicion.receive(data, now)
        if self._suspicion.asked and self._undecided(now):
            return self._conversation.state is State.READY
        while (scan := self._scanners.get(self._conversation.state)) and scan(now):
            pass
        return self._conversation.state is State.READY

    def tick(self, now: float) -> bool:
        """Do what is due; return whether the command is over."""
        self._pasting.tick(now)
        if self._closing_since is not None and now >= self._closing_since + CLOSING_GRACE:
            self._scan_closing(now)
            self._closing_since = now
        if self._conversation.state is not State.READY:
            self._ask_or_interrupt(now)
        return self._conversation.state is State.READY

    def _ask_or_interrupt(self, now: float) -> None:
        # Never both at once: what a prompt answers to Ctrl-C would hide its answer to the question.
        question = self._suspicion.tick(now)
        self._conversation.write(question)
        if self._interrupts is None:
            return
        due, gap = self._interrupts
        if question:
            self._interrupts = (max(due, now + ANSWER_TIME), gap)
        elif now >= due:
            gap = min(gap * 2, INTERRUPT_GAP_LIMIT)
            self._interrupts = (now + gap, gap)
            self._conversation.write(INTERRUPT)
            self._suspicion.interrupt(now)

    # Scanning: each takes what it understands from the buffer and says whether to go on

    def _scan_sent(self, _now: float) -> bool:
        buffer = self._conversation.buffer
        at = buffer.find(b"OK")
        if at < 0:
            half = bytes(buffer).endswith(b"O")
            self._conversation.stray(buffer.take(len(buffer) - half))
            return False
        self._conversation.stray(buffer.take(at))
        buffer.take(2)
        self._accept(Move.OK)
        return True

    def _accept(self, move: Move) -> None:
        self._conversation.move(move)
        self._conversation.tell(Accepted())
        if self._key is None:
            self._started = True
            self._conversation.move(Move.START)

    def _scan_accepted(self, _now: float) -> bool:
        # Nothing of the program has run: a separator here is the raw REPL's own.
        buffer = self._conversation.buffer
        at, mark = buffer.find(SEPARATOR), buffer.find(records.MARK)
        if at >= 0 and not 0 <= mark < at:
            self._conversation.stray(buffer.take(at))
            buffer.take(1)
            self._conversation.move(Move.SEPARATOR)
            return True
        assert self._key is not None
        if 0 <= mark < at:
            self._conversation.stray(buffer.take(mark))
            if not records.begins(buffer, self._key):
                # What only looks like a record must not take the separator behind it along.
                self._conversation.stray(buffer.take(1))
                return True
        plain, found = records.scan(buffer, self._key)
        self._conversation.stray(plain)
        if isinstance(found, records.Record) and found.kind is Kind.STARTED:
            self._started = True
            self._note = found.payload
            self._conversation.move(Move.START)
        elif isinstance(found, records.Record) and found.kind is Kind.BEGUN:
            self._started = self._line_end_seen = True
            self._conversation.move(Move.START)
            self._conversation.tell(Started(None, b""))
        elif isinstance(found, records.Damaged | records.Record):
            # It did start: what is framed without a start would be sent again.
            self._damaged(found)
        return found is not None

    def _scan_running(self, _now: float) -> bool:
        if self._key is None:
            return self._scan_unkeyed()
        if not self._line_end_seen:
            return self._scan_line_end()
        torn = self._interrupts is not None
        plain, found = records.scan(self._conversation.buffer, self._key, interrupted=torn)
        if plain:
            self._conversation.tell(Output(plain))
        if isinstance(found, records.Damaged):
            self._damaged(found)
        if isinstance(found, records.Record):
            self._conversation.tell(Told(found))
            if found.kind in {Kind.ENDED, Kind.RETURNED}:
                self._reported = True
                self._raised = found.payload == RAISED
                self._conversation.move(Move.END)
        return found is not None

    def _scan_line_end(self) -> bool:
        # The start record is followed by one line end: what it looks like is how this port sends all of them.
        head = self._conversation.buffer.peek(2)
        if head in {b"", b"\r"}:
            return False
        cooked = head == b"\r\n"
        self._conversation.buffer.take(2 if cooked else head[:1] == b"\n")
        self._line_end_seen = True
        self._conversation.tell(Started(cooked, self._note))
        return True

    def _damaged(self, found: records.Damaged | records.Record) -> None:
        self._conversation.move(Move.VIOLATION)
        raise RemoteProtocolError(
            "a record from the board is damaged: bytes were lost on the way",
            phase="exec",
            seen=found.data if isinstance(found, records.Damaged) else found.payload,
            hint="a slower baud rate, a shorter cable or a link with flow control",
        )

    def _scan_unkeyed(self) -> bool:
        data, over = self._conversation.before(SEPARATOR)
        if data:
            self._conversation.tell(Output(data))
        if over:
            self._conversation.move(Move.SEPARATOR)
        return over

    def _scan_ended(self, _now: float) -> bool:
        data, over = self._conversation.before(SEPARATOR)
        self._conversation.stray(data)
        if over:
            self._conversation.move(Move.SEPARATOR)
        return over

    def _scan_reporting(self, now: float) -> bool:
        data, over = self._conversation.before(SEPARATOR)
        self._error += data
        if over:
            self._conversation.move(Move.SEPARATOR)
            self._closing_since = now
        return over

    def _scan_closing(self, now: float) -> bool:
        buffer = self._conversation.buffer
        if self._closing_since is None:
            self._closing_since = now
        data = bytes(buffer)
        at = data.find(PROMPT)
        patient = now < self._closing_since + CLOSING_GRACE
        # No prompt at once: SystemExit resets the interpreter and says so with the banner, as CircuitPython's reload does. Or a thread has
        # printed something.
        reported = self._reported and not (self._raised and not self._error)
        banner = -1 if at == 0 or reported else data.find(BANNER)
        if banner >= 0:
            self._conversation.stray(buffer.take(banner))
            buffer.take(len(BANNER))
            self._finish(Ending.RESET, Move.BANNER)
        elif at == 0 or (at > 0 and (reported or not patient)):
            self._conversation.stray(buffer.take(at))
            buffer.take(1)
            self._finish(Ending.REPORTED if self._reported else Ending.FRAMED, Move.PROMPT)
        return False

    # The end

    def _undecided(self, now: float) -> bool:
        """Look for the banner that answers our asking whether the prompt is there; hold back what may become it."""
        data = TitleFilter().feed(bytes(self._conversation.buffer))
        if data in _ANSWERS:
            verdict = self._suspicion.verdict
            self._error += verdict.error
            self._conversation.buffer.clear()
            self._finish(Ending.RESET if verdict.reset else Ending.VERIFIED, Move.BANNER)
            return True
        undecided = any(answer.startswith(data) for answer in _ANSWERS)
        if not undecided:
            self._suspicion.refute(now)
        return undecided

    def _finish_framed(self, move: Move) -> None:
        self._finish(Ending.FRAMED, move)

    def _finish(self, ending: Ending, move: Move) -> None:
        self._conversation.move(move)
        self._conversation.tell(Finished(ending, self._started, bytes(self._error)))
