"""The raw REPL as a pure machine: bytes in, events out; requests in, bytes out.

Feed it any split of a transcript and it tells the same story.
"""

from __future__ import annotations

import re

from devsession.errors import LocalProtocolError, RemoteProtocolError
from devsession.protocol.commands import Command
from devsession.protocol.conversation import Conversation
from devsession.protocol.entry import BANNER, BANNER_TAIL, GREETING, PATIENT, Approach, Entry
from devsession.protocol.events import Attached, Detached, Emitted, Event, Rebooted
from devsession.protocol.messages import Message, MessageFilter
from devsession.protocol.reply import Reply
from devsession.protocol.states import Move, State

_LEFT = GREETING + b"|>>> "


class Engine:
    """One conversation with one board.

    ``receive`` and ``tick`` return events; ``outgoing`` takes what is to be written; ``wake`` is when ``tick`` wants to be called
    next (``None``: not before something else happens). Requests that the state does not allow raise LocalProtocolError and change
    nothing; a board that breaks the protocol raises RemoteProtocolError once and leaves the engine FAILED.
    """

    def __init__(self) -> None:
        self._conversation = Conversation()
        self._entry: Entry | None = None
        self._reply: Reply | None = None
        self._filter = MessageFilter()
        # That of the last command: whose messages to believe.
        self._nonce: int | None = None

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._conversation.state

    @property
    def wake(self) -> float | None:
        """When ``tick`` wants to be called."""
        if self._entry is not None:
            return self._entry.wake
        return self._reply.wake if self._reply is not None else None

    @property
    def heard(self) -> bytes:
        """The last bytes that came from the board, for messages."""
        if self._entry is not None:
            return bytes(self._entry.seen)
        return self._reply.heard if self._reply is not None else b""

    # Requests

    def enter(self, now: float, approach: Approach = PATIENT) -> None:
        """Ask for the raw REPL, from any state; Attached follows, after as many tries as it takes."""
        self._conversation.move(Move.ENTER)
        self._conversation.buffer.clear()
        self._reply = None
        self._entry = Entry(now, approach)
        self._conversation.write(self._entry.start())

    def submit(self, command: Command) -> None:
        """Send a command; Finished follows. Only at the raw prompt."""
        self._reply = Reply(self._conversation, command)
        self._nonce = command.key.nonce if command.key is not None else None

    def interrupt(self, now: float) -> None:
        """Send Ctrl-C to the running command, again and again with growing gaps until it has ended."""
        if self._reply is None:
            raise LocalProtocolError(
                f"nothing runs that could be interrupted ({self.state.value})", phase="interrupt"
            )
        self._reply.interrupt(now)

    def soft_reset(self) -> None:
        """Ask for a soft reset; Rebooted follows. Only at the raw prompt."""
        self._conversation.move(Move.REBOOT)
        self._conversation.write(b"\x04")

    def restart(self) -> None:
        """Ask for a soft reset that runs main.py too; what it prints is stray. Only after the raw REPL was left."""
        self._conversation.move(Move.RESTART)
        self._conversation.write(b"\x04")

    def let_go(self) -> None:
        """Leave the board alone, whatever it does: what it prints is stray until the raw REPL is entered."""
        self._conversation.move(Move.LET_GO)
        self._entry = self._reply = None

    def type(self, data: bytes) -> None:
        """Send bytes as somebody at a terminal would. Only while the board is left alone."""
        self._conversation.move(Move.TYPE)
        self._conversation.write(data)

    def feed(self, data: bytes) -> None:
        """Send bytes to the standard input of the running command. Only while it runs: at the prompt they would be commands."""
        self._conversation.move(Move.FEED)
        self._conversation.write(data)

    def leave(self) -> None:
        """Ask for the friendly REPL; Detached follows. Only at the raw prompt."""
        self._conversation.move(Move.LEAVE)
        self._conversation.write(b"\x02")

    def distrust(self) -> None:
        """Latch FAILED although nothing broke: what the board makes of the bytes it was sent is not known, entering again settles it."""
        self._conversation.move(Move.VIOLATION)
        self._reply = None

    def outgoing(self) -> bytes:
        """Take the bytes that are to be written now."""
        return self._conversation.take_outgoing()

    # What happens

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take received bytes; return what they mean."""
        broken: RemoteProtocolError | None = None
        for found in self._filter.feed(data):
            try:
                self._take(found, now)
            except RemoteProtocolError as error:
                broken = error
        if broken is not None:
            raise broken
        return self._conversation.take_events()

    def pending(self) -> list[Event]:
        """Take what was told before the board broke the protocol."""
        return self._conversation.take_events()

    def _take(self, found: bytes | Message, now: float) -> None:
        if isinstance(found, Message):
            if not self._is_printed(found):
                self._conversation.tell(Emitted(found.nonce, found.payload))
                return
            found = found.raw
        self._receive(found, now)

    def _is_printed(self, message: Message) -> bool:
        """Whether a message is what a program printed: it may print anything, and only our own nonce it cannot know."""
        if message.nonce == self._nonce:
            return False
        return message.payload is None or (self.state is State.RUNNING and self._nonce is not None)

    def _receive(self, data: bytes, now: float) -> None:
        if self._entry is not None:
            data = self._entering(self._entry, data, now)
        if data and self.state is not State.FAILED:
            try:
                self._conversation.buffer.append(data)
                self._understand(data, now)
            except RemoteProtocolError:
                self._conversation.move(Move.VIOLATION)
                self._reply = None
                raise

    def tick(self, now: float) -> list[Event]:
        """Do what is due at ``now``; return what that means."""
        if self._entry is not None and now >= self._entry.wake:
            self._conversation.write(self._entry.tick(now))
        if self._reply is not None and self._reply.tick(now):
            self._replied()
        return self._conversation.take_events()

    def _entering(self, entry: Entry, data: bytes, now: float) -> bytes:
        rest = entry.receive(data, now)
        if rest < 0:
            return b""
        self._entry = None
        self._conversation.move(Move.BANNER)
        noise = bytes(entry.seen).removesuffix(BANNER_TAIL).removesuffix(BANNER.removesuffix(BANNER_TAIL))
        titles = self._conversation.titles
        self._conversation.tell(Attached(titles.feed(noise) + titles.flush()))
        return data[len(data) - rest :]

    def _understand(self, data: bytes, now: float) -> None:
        if self._reply is not None:
            if self._reply.receive(data, now):
                self._replied()
        elif self.state is State.REBOOTING:
            self._rebooting()
        elif self.state is State.LEAVING:
            self._leaving()
        else:
            self._conversation.stray(self._conversation.buffer.clear())

    def _replied(self) -> None:
        self._reply = None
        self._conversation.stray(self._conversation.buffer.clear())

    def _rebooting(self) -> None:
        buffer = self._conversation.buffer
        at = buffer.find(BANNER_TAIL)
        if at >= 0:
            self._conversation.stray(buffer.take(at + len(BANNER_TAIL)))
            self._conversation.move(Move.BANNER)
            self._conversation.tell(Rebooted())
            self._conversation.stray(buffer.clear())

    def _leaving(self) -> None:
        # The greeting says it; the prompt behind it may look like anything (sys.ps1).
        buffer, titles = self._conversation.buffer, self._conversation.titles
        if left := re.search(_LEFT, bytes(buffer)):
            self._conversation.move(Move.FRIENDLY)
            self._conversation.tell(Detached(titles.feed(buffer.take(left.end())) + titles.flush()))
            self._conversation.stray(buffer.clear())
