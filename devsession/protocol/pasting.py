"""Sending one command by raw-paste: asking for it, sending what is granted, aborts from either side."""

from __future__ import annotations

from collections.abc import Callable

from devsession.errors import RemoteProtocolError
from devsession.protocol import paste
from devsession.protocol.conversation import Conversation
from devsession.protocol.entry import BANNER_TAIL
from devsession.protocol.events import PasteRefused
from devsession.protocol.paste import Paste
from devsession.protocol.states import Move, State

SEPARATOR = b"\x04"
# After the banner instead of an answer to the request for raw-paste: the answer may be on its way behind a banner that came late.
ASK_AGAIN_GAP = 0.05


class Pasting:
    """The states ASKING, PASTING and PASTED of one command with the code ``code``.

    ``accepted`` is called when the board has the whole command, ``finished`` when it took none of it and stands at its prompt.
    ``wake`` is when ``tick`` wants to be called.
    """

    def __init__(
        self,
        conversation: Conversation,
        code: bytes,
        *,
        accepted: Callable[[Move], None],
        finished: Callable[[Move], None],
    ) -> None:
        self.wake: float | None = None
        self._conversation = conversation
        self._code = code
        self._accepted = accepted
        self._finished = finished
        self._paste = Paste(b"", 0)
        self._asked_again = False
        self._aborted = False
        self.scanners = {
            State.ASKING: self._scan_asking,
            State.PASTING: self._scan_pasting,
            State.PASTED: self._scan_pasted,
        }

    def interrupt(self) -> None:
        """Know that Ctrl-C was sent: the board answers at once, and an acknowledgement would be a soft reset."""
        self._aborted = True
        if self._conversation.state is State.PASTING:
            self._conversation.move(Move.PASTE_END)

    def tick(self, now: float) -> None:
        """Ask again, or take it that there is no raw-paste."""
        if self._conversation.state is not State.ASKING or self.wake is None or now < self.wake:
            return
        self.wake = None
        if self._aborted:
            self._finished(Move.BANNER)
        elif self._asked_again:
            self._conversation.tell(PasteRefused())
            self._finished(Move.BANNER)
        else:
            self._asked_again = True
            self._conversation.move(Move.ASK_AGAIN)
            self._conversation.write(paste.REQUEST)

    def _scan_asking(self, now: float) -> bool:
        buffer = self._conversation.buffer
        data = bytes(buffer)
        places = {reply: data.find(reply) for reply in (paste.ACCEPTED, paste.REFUSED, BANNER_TAIL)}
        first = min((reply for reply in places if places[reply] >= 0), key=places.__getitem__, default=None)
        if first is None:
            return False
        before = buffer.take(places[first])
        if first is BANNER_TAIL:
            # `ra`: there is no raw-paste, or the line was not empty (asking once more tells which), or a banner came late.
            buffer.take(len(BANNER_TAIL))
            self.wake = now + ASK_AGAIN_GAP
            return True
        self._conversation.stray(before)
        if first is paste.ACCEPTED:
            return self._granted()
        buffer.take(len(paste.REFUSED))
        self._conversation.tell(PasteRefused())
        self._conversation.move(Move.REFUSE)
        return True

    def _granted(self) -> bool:
        buffer = self._conversation.buffer
        if len(buffer) < paste.HEADER_SIZE:
            return False
        header = buffer.take(paste.HEADER_SIZE)
        window = paste.window_of(header)
        if not window:
            self._conversation.move(Move.VIOLATION)
            raise RemoteProtocolError(
                "the board offers raw-paste with a window of 0", phase="exec", seen=header
            )
        self.wake = None
        self._conversation.move(Move.GRANT)
        self._paste = Paste(self._code, window)
        if self._aborted:
            self._conversation.move(Move.PASTE_END)
        elif not buffer:
            self._send()
        return True

    def _scan_pasting(self, _now: float) -> bool:
        data, aborted = self._conversation.before(SEPARATOR)
        grants = data.count(paste.GRANT)
        self._paste.grant(grants)
        self._conversation.stray(data.replace(paste.GRANT, b""))
        if not aborted:
            self._send()
            return False
        # The board aborts the paste (syntax error, no memory) and waits for one separator from us. One that aborts what was
        # never sent has a raw-paste that does not work, and waits for nothing: ours would be a soft reset.
        if not self._paste.untouched:
            self._conversation.write(paste.END)
        self._conversation.move(Move.PASTE_END)
        self._accepted(Move.ACKNOWLEDGE)
        return True

    def _send(self) -> None:
        piece, complete = self._paste.next()
        self._conversation.write(piece)
        if complete:
            self._conversation.write(paste.END)
            self._conversation.move(Move.PASTE_END)

    def _scan_pasted(self, _now: float) -> bool:
        data, acknowledged = self._conversation.before(SEPARATOR)
        self._conversation.stray(data.replace(paste.GRANT, b""))
        if acknowledged:
            self._accepted(Move.ACKNOWLEDGE)
        return acknowledged
