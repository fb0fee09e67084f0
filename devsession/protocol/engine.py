"""The raw REPL as a pure machine: bytes in, events out; requests in, bytes out.

Feed it any split of a transcript and it tells the same story. What a command prints can look like anything, the raw REPL's own framing
included; so a command with a key begins and ends where its own records say, and the framing counts only where no record can be:
before the start, and after the end.
"""

from __future__ import annotations

from collections.abc import Callable

from devsession.errors import LocalProtocolError, RemoteProtocolError
from devsession.protocol import paste as raw_paste
from devsession.protocol import records
from devsession.protocol.buffer import ReceiveBuffer
from devsession.protocol.commands import Command
from devsession.protocol.entry import BANNER, BANNER_TAIL, Entry
from devsession.protocol.events import (
    Accepted,
    Attached,
    Detached,
    Ending,
    Event,
    Finished,
    Output,
    PasteRefused,
    Rebooted,
    Started,
    Stray,
    Told,
)
from devsession.protocol.paste import Paste
from devsession.protocol.records import Kind
from devsession.protocol.states import BUSY, TRANSITIONS, Move, State
from devsession.protocol.suspicion import Suspicion
from devsession.protocol.titles import TitleFilter

SEPARATOR = b"\x04"
PROMPT = b">"
FRIENDLY_PROMPT = b">>> "
INTERRUPT = b"\x03"
# How long a third separator may be followed by something else than the prompt before any `>` is taken for it: a thread may print
# in between, and a soft reset (SystemExit) prints its banner within this time or says nothing for longer.
CLOSING_GRACE = 0.3
# A Ctrl-C in the first milliseconds of a command can be eaten as data (5-10 % within 1 ms on the unix port, seen on boards too).
INTERRUPT_GAP = 0.05
INTERRUPT_GAP_LIMIT = 0.5
# After the banner instead of an answer to the request for raw-paste: the answer may be on its way behind a banner that came late.
ASK_AGAIN_GAP = 0.05


class Engine:
    """One conversation with one board.

    ``receive`` and ``tick`` return events; ``outgoing`` takes what is to be written; ``wake`` is when ``tick`` wants to be called
    next (``None``: not before something else happens). Requests that the state does not allow raise LocalProtocolError and change
    nothing; a board that breaks the protocol raises RemoteProtocolError once and leaves the engine FAILED.
    """

    def __init__(self) -> None:
        self.state = State.DETACHED
        self._buffer = ReceiveBuffer()
        self._outgoing = bytearray()
        self._titles = TitleFilter()
        self._suspicion = Suspicion()
        self._entry: Entry | None = None
        self._command = Command(b"pass")
        self._paste = Paste(b"", 0)
        self._asked_again = False
        self._ask_again_at: float | None = None
        self._started = False
        self._line_end_seen = False
        self._note = b""
        self._reported = False
        self._error = bytearray()
        self._closing_since = 0.0
        self._interrupts: tuple[float, float] | None = None
        self._scanners: dict[State, Callable[[list[Event], float], bool]] = {
            State.READY: self._scan_ready,
            State.ASKING: self._scan_asking,
            State.PASTING: self._scan_pasting,
            State.PASTED: self._scan_pasted,
            State.SENT: self._scan_sent,
            State.ACCEPTED: self._scan_accepted,
            State.RUNNING: self._scan_running,
            State.ENDED: self._scan_ended,
            State.REPORTING: self._scan_reporting,
            State.CLOSING: self._scan_closing,
            State.REBOOTING: self._scan_rebooting,
            State.LEAVING: self._scan_leaving,
        }

    # Requests

    def enter(self, now: float) -> None:
        """Ask for the raw REPL, from any state; Attached follows, after as many tries as it takes."""
        self._move(Move.ENTER)
        self._buffer.clear()
        self._interrupts = None
        self._suspicion.clear()
        self._entry = Entry(now)
        self._outgoing += self._entry.start()

    def submit(self, command: Command) -> None:
        """Send a command; Finished follows. Only at the raw prompt."""
        self._move(Move.ASK if command.paste else Move.SUBMIT)
        self._command = command
        self._asked_again = self._started = self._line_end_seen = self._reported = False
        self._error.clear()
        self._ask_again_at = None
        self._interrupts = None
        self._suspicion.clear()
        self._outgoing += raw_paste.REQUEST if command.paste else command.code + SEPARATOR

    def interrupt(self, now: float) -> None:
        """Send Ctrl-C to the running command, again and again with growing gaps until it has ended."""
        if self.state not in BUSY:
            raise LocalProtocolError(
                f"nothing runs that could be interrupted (state {self.state.value})", phase="interrupt"
            )
        if self._interrupts is None:
            self._outgoing += INTERRUPT
            self._interrupts = (now + INTERRUPT_GAP, INTERRUPT_GAP)
            self._suspicion.interrupt(now)
            if self.state is State.PASTING:
                # Our own abort: the board answers at once, and an acknowledgement would be a soft reset.
                self._move(Move.PASTE_END)

    def soft_reset(self) -> None:
        """Ask for a soft reset; Rebooted follows. Only at the raw prompt."""
        self._move(Move.REBOOT)
        self._outgoing += SEPARATOR

    def distrust(self) -> None:
        """Latch FAILED although nothing broke: what the board makes of bytes it was sent is not known, entering again settles it."""
        self._move(Move.VIOLATION)

    def leave(self) -> None:
        """Ask for the friendly REPL; Detached follows. Only at the raw prompt."""
        self._move(Move.LEAVE)
        self._outgoing += b"\x02"

    def outgoing(self) -> bytes:
        """Take the bytes that are to be written now."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    # What happens

    @property
    def wake(self) -> float | None:
        """When ``tick`` wants to be called."""
        if self._entry is not None:
            return self._entry.wake
        times = [self._interrupts[0]] if self._interrupts else []
        if self.state in BUSY and self._suspicion.wake is not None:
            times.append(self._suspicion.wake)
        if self.state is State.ASKING and self._ask_again_at is not None:
            times.append(self._ask_again_at)
        if self.state is State.CLOSING:
            times.append(self._closing_since + CLOSING_GRACE)
        return min(times, default=None)

    @property
    def heard(self) -> bytes:
        """The last bytes that came from the board, for messages."""
        return bytes(self._entry.seen) if self._entry is not None else self._suspicion.tail

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take received bytes; return what they mean."""
        if self.state is State.FAILED:
            return []
        events: list[Event] = []
        if self._entry is not None:
            data = self._entering(self._entry, data, now, events)
        if self.state is State.DETACHED:
            self._stray(events, data)
            return events
        if data:
            self._suspicion.receive(data, now)
            try:
                self._buffer.append(data)
            except RemoteProtocolError:
                self._move(Move.VIOLATION)
                raise
            if self._suspicion.asked and self._undecided(events):
                return events
            while self.state in self._scanners and self._scanners[self.state](events, now):
                pass
        return events

    def tick(self, now: float) -> list[Event]:
        """Do what is due at ``now``; return what that means."""
        events: list[Event] = []
        if self._entry is not None and now >= self._entry.wake:
            self._outgoing += self._entry.tick(now)
        if self._interrupts is not None and now >= self._interrupts[0]:
            gap = min(self._interrupts[1] * 2, INTERRUPT_GAP_LIMIT)
            self._interrupts = (now + gap, gap)
            self._outgoing += INTERRUPT
        if self.state is State.ASKING and self._ask_again_at is not None and now >= self._ask_again_at:
            self._ask_again(events)
        if self.state is State.CLOSING and now >= self._closing_since + CLOSING_GRACE:
            self._scan_closing(events, now)
            self._closing_since = now
        if self.state in BUSY:
            self._outgoing += self._suspicion.tick(now)
        return events

    # Scanning: each takes what it understands from the buffer and says whether to go on

    def _entering(self, entry: Entry, data: bytes, now: float, events: list[Event]) -> bytes:
        rest = entry.receive(data, now)
        if rest < 0:
            return b""
        self._entry = None
        self._move(Move.BANNER)
        noise = bytes(entry.seen).removesuffix(BANNER_TAIL).removesuffix(BANNER.removesuffix(BANNER_TAIL))
        events.append(Attached(self._titles.feed(noise) + self._titles.flush()))
        return data[len(data) - rest :]

    def _scan_ready(self, events: list[Event], _now: float) -> bool:
        self._stray(events, self._buffer.clear())
        return False

    def _scan_asking(self, events: list[Event], now: float) -> bool:
        data = bytes(self._buffer)
        at = {reply: data.find(reply) for reply in (raw_paste.ACCEPTED, raw_paste.REFUSED, BANNER_TAIL)}
        first = min((reply for reply in at if at[reply] >= 0), key=at.__getitem__, default=None)
        if first is None:
            return False
        before = self._buffer.take(at[first])
        if first is BANNER_TAIL:
            # `ra`: there is no raw-paste, or the line was not empty (asking once more tells which), or a banner came late.
            self._buffer.take(len(BANNER_TAIL))
            self._ask_again_at = now + ASK_AGAIN_GAP
            return True
        self._stray(events, before)
        if first is raw_paste.ACCEPTED:
            return self._granted()
        self._buffer.take(len(raw_paste.REFUSED))
        events.append(PasteRefused())
        self._move(Move.REFUSE)
        self._closing_since = now
        return True

    def _ask_again(self, events: list[Event]) -> None:
        self._ask_again_at = None
        if self._interrupts is not None:
            self._finish(events, Ending.FRAMED, Move.BANNER)
        elif self._asked_again:
            events.append(PasteRefused())
            self._finish(events, Ending.FRAMED, Move.BANNER)
        else:
            self._asked_again = True
            self._move(Move.ASK_AGAIN)
            self._outgoing += raw_paste.REQUEST

    def _granted(self) -> bool:
        if len(self._buffer) < raw_paste.HEADER_SIZE:
            return False
        window = raw_paste.window_of(self._buffer.take(raw_paste.HEADER_SIZE))
        if not window:
            self._move(Move.VIOLATION)
            raise RemoteProtocolError(
                "the board offers raw-paste with a window of 0", phase="exec", seen=self.heard
            )
        self._ask_again_at = None
        self._move(Move.GRANT)
        self._paste = Paste(self._command.code, window)
        if self._interrupts is not None:
            self._move(Move.PASTE_END)
        elif not self._buffer:
            self._send_piece()
        return True

    def _scan_pasting(self, events: list[Event], _now: float) -> bool:
        at = self._buffer.find(SEPARATOR)
        data = self._buffer.take(at) if at >= 0 else self._buffer.clear()
        grants = data.count(raw_paste.GRANT)
        self._paste.grant(grants)
        if len(data) > grants:
            self._stray(events, data.replace(raw_paste.GRANT, b""))
        if at < 0:
            self._send_piece()
            return False
        # The board aborts the paste (syntax error, no memory) and waits for one separator from us. One that aborts what was
        # never sent has a raw-paste that does not work, and waits for nothing: ours would be a soft reset.
        if not self._paste.untouched:
            self._outgoing += raw_paste.END
        self._move(Move.PASTE_END)
        return True

    def _send_piece(self) -> None:
        piece, complete = self._paste.next()
        self._outgoing += piece
        if complete:
            self._outgoing += raw_paste.END
            self._move(Move.PASTE_END)

    def _scan_pasted(self, events: list[Event], _now: float) -> bool:
        at = self._buffer.find(SEPARATOR)
        data = self._buffer.take(at) if at >= 0 else self._buffer.clear()
        self._stray(events, data.replace(raw_paste.GRANT, b""))
        if at < 0:
            return False
        self._buffer.take(1)
        self._accept(events, Move.ACKNOWLEDGE)
        return True

    def _scan_sent(self, events: list[Event], _now: float) -> bool:
        at = self._buffer.find(b"OK")
        if at < 0:
            keep = 1 if bytes(self._buffer).endswith(b"O") else 0
            self._stray(events, self._buffer.take(len(self._buffer) - keep))
            return False
        self._stray(events, self._buffer.take(at))
        self._buffer.take(2)
        self._accept(events, Move.OK)
        return True

    def _accept(self, events: list[Event], move: Move) -> None:
        self._move(move)
        events.append(Accepted())
        if self._command.key is None:
            self._started = True
            self._move(Move.START)

    def _scan_accepted(self, events: list[Event], _now: float) -> bool:
        # Nothing of the program has run: a separator here is the raw REPL's own.
        at = self._buffer.find(SEPARATOR)
        mark = self._buffer.find(records.MARK)
        if at >= 0 and not 0 <= mark < at:
            self._stray(events, self._buffer.take(at))
            self._buffer.take(1)
            self._move(Move.SEPARATOR)
            return True
        key = self._command.key
        assert key is not None
        plain, found = records.scan(self._buffer, key)
        self._stray(events, plain)
        if isinstance(found, records.Record) and found.kind is Kind.STARTED:
            self._started = True
            self._note = found.payload
            self._move(Move.START)
        return found is not None

    def _scan_running(self, events: list[Event], _now: float) -> bool:
        key = self._command.key
        if key is None:
            return self._scan_unkeyed(events)
        if not self._line_end_seen:
            return self._scan_line_end(events)
        plain, found = records.scan(self._buffer, key)
        if plain:
            events.append(Output(plain))
        if isinstance(found, records.Damaged):
            self._damaged(found)
        if isinstance(found, records.Record):
            events.append(Told(found))
            if found.kind is Kind.ENDED:
                self._reported = True
                self._move(Move.END)
        return found is not None

    def _scan_line_end(self, events: list[Event]) -> bool:
        # The start record is followed by one line end: what it looks like is how this port sends all of them.
        head = self._buffer.peek(2)
        if head in {b"", b"\r"}:
            return False
        cooked = head == b"\r\n"
        self._buffer.take(2 if cooked else head[:1] == b"\n")
        self._line_end_seen = True
        events.append(Started(cooked, self._note))
        return True

    def _damaged(self, found: records.Damaged) -> None:
        self._move(Move.VIOLATION)
        raise RemoteProtocolError(
            "a record from the board is damaged: bytes were lost on the way",
            phase="exec",
            seen=found.data,
            hint="a slower baud rate, a shorter cable or a link with flow control",
        )

    def _scan_unkeyed(self, events: list[Event]) -> bool:
        at = self._buffer.find(SEPARATOR)
        data = self._buffer.take(at) if at >= 0 else self._buffer.clear()
        if data:
            events.append(Output(data))
        if at < 0:
            return False
        self._buffer.take(1)
        self._move(Move.SEPARATOR)
        return True

    def _scan_ended(self, events: list[Event], _now: float) -> bool:
        at = self._buffer.find(SEPARATOR)
        self._stray(events, self._buffer.take(at) if at >= 0 else self._buffer.clear())
        if at < 0:
            return False
        self._buffer.take(1)
        self._move(Move.SEPARATOR)
        return True

    def _scan_reporting(self, _events: list[Event], now: float) -> bool:
        at = self._buffer.find(SEPARATOR)
        self._error += self._buffer.take(at) if at >= 0 else self._buffer.clear()
        if at < 0:
            return False
        self._buffer.take(1)
        self._move(Move.SEPARATOR)
        self._closing_since = now
        return True

    def _scan_closing(self, events: list[Event], now: float) -> bool:
        data = bytes(self._buffer)
        at = data.find(PROMPT)
        if at == 0 or (at > 0 and self._reported):
            self._stray(events, self._buffer.take(at))
            self._buffer.take(1)
            self._finish(events, Ending.REPORTED if self._reported else Ending.FRAMED, Move.PROMPT)
            return True
        # No prompt: SystemExit resets the interpreter and says so with the banner; a thread may have printed, too.
        banner = data.find(BANNER)
        if banner >= 0:
            self._stray(events, self._buffer.take(banner))
            self._buffer.take(len(BANNER))
            self._finish(events, Ending.RESET, Move.BANNER)
            return True
        if at > 0 and now >= self._closing_since + CLOSING_GRACE:
            self._stray(events, self._buffer.take(at))
            self._buffer.take(1)
            self._finish(events, Ending.FRAMED, Move.PROMPT)
            return True
        return False

    def _scan_rebooting(self, events: list[Event], _now: float) -> bool:
        at = self._buffer.find(BANNER_TAIL)
        if at < 0:
            return False
        said = self._buffer.take(at + len(BANNER_TAIL))
        self._stray(events, said)
        self._move(Move.BANNER)
        events.append(Rebooted())
        return True

    def _scan_leaving(self, events: list[Event], _now: float) -> bool:
        if self._buffer.find(FRIENDLY_PROMPT) < 0:
            return False
        self._move(Move.FRIENDLY)
        events.append(Detached(self._titles.feed(self._buffer.clear()) + self._titles.flush()))
        return False

    # The rest

    def _undecided(self, events: list[Event]) -> bool:
        """Look for the banner that answers our asking whether the prompt is there; hold back what may become it."""
        data = bytes(self._buffer)
        answers = (BANNER, b"\r\n" + BANNER)
        if data not in answers:
            undecided = any(answer.startswith(data) for answer in answers)
            if not undecided:
                self._suspicion.refute()
            return undecided
        verdict = self._suspicion.verdict
        self._error += verdict.error
        self._buffer.clear()
        self._finish(events, Ending.RESET if verdict.reset else Ending.VERIFIED, Move.BANNER)
        return True

    def _finish(self, events: list[Event], ending: Ending, move: Move) -> None:
        self._move(move)
        self._interrupts = None
        self._suspicion.clear()
        events.append(Finished(ending, self._started, bytes(self._error)))

    def _stray(self, events: list[Event], data: bytes) -> None:
        data = self._titles.feed(data) if data else b""
        if data:
            events.append(Stray(data))

    def _move(self, move: Move) -> None:
        try:
            self.state = TRANSITIONS[self.state][move]
        except KeyError:
            raise LocalProtocolError(
                f"cannot {move.value} while {self.state.value}", phase="protocol"
            ) from None
