"""Comparing what a host writes with what was recorded, byte by byte, and finding what is to happen next."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path

from devsession.cassette import complaints, difference
from devsession.cassette.nudges import QUESTION, Nudges
from devsession.cassette.steps import Kind, Step
from devsession.errors import CassetteFormatError, CassetteMismatchError
from devsession.protocol.source import NAMED

# The host's last word, when it leaves the raw REPL.
_DETACH = b"\x02"
_PROMPT = b"\r\n>>> "
_END_OF_COMMAND = b"\x04"
_HELPER_ENDS = f"\n{NAMED}".encode()
_WINDOW = re.compile(rb"R\x01(..)", re.DOTALL)
_GRANT = b"\x01"
# What a board answers, at the end of what a host writes: a command, and the request for the raw REPL or raw-paste.
_ANSWERED = (_END_OF_COMMAND, b"\x01")
# How a host goes on that was not answered: how long it waited before was a matter of its deadline.
_UNANSWERED = (b"\x03", b"\r\x03", b"\r\x01")
# So many seconds longer than the host that was recorded may one wait for an answer, before the recording counts as stuck: a busy machine.
STUCK = 1.0


class Script:
    """The steps of one link, and how far they are played.

    ``write`` and ``reset`` take what the host does; ``next`` gives what the board does; ``heard`` is the recorded time of what the host
    did last, ``happened`` counts the steps that are played. Raises CassetteMismatchError or CassetteEndedError where the host does
    something else than was recorded.
    """

    def __init__(self, steps: list[Step], path: Path, *, cut: bool) -> None:
        self._steps = deque(steps)
        self._path = path
        self._cut = cut
        self._nudges = Nudges()
        self._pending = bytearray()
        self._matched = 0
        self._resets = 0
        self._said = bytearray()
        self._window = 0
        self._credit = 0
        self._extra = bytearray()
        self._is_waiting = False
        self._time = steps[0].time if steps else 0.0
        self.happened = 0
        self._in_helper = False
        self.heard = 0.0
        self._last_line = steps[-1].line if steps else 1

    @property
    def pending(self) -> int:
        """How many bytes of the host were not compared yet."""
        return len(self._pending)

    def write(self, data: bytes) -> None:
        """Take what the host writes."""
        for _, part in self._nudges.once(data):
            self._pending += part

    def reset(self) -> None:
        """Take it that the host resets the board by means of the link."""
        self._nudges.clear()
        self._resets += 1

    def next(self) -> Step | None:
        """Return what happens next on the board's side, without taking it; ``None`` where it is the host's turn."""
        while self._steps:
            if self._extra:
                return Step(Kind.BOARD, self._steps[0].line, self.heard, bytes(self._extra))
            step = self._steps[0]
            if step.kind in {Kind.BOARD, Kind.LOST}:
                return step
            if step.kind is Kind.CLOSED or not self._goes_on(step):
                break
        self._check_end()
        return None

    def take(self) -> None:
        """Know that the step which ``next`` returned has happened."""
        if self._extra:
            self._extra.clear()
            return
        step = self._happen()
        if step.kind is Kind.BOARD:
            self._count_grants(step.data)

    def close(self) -> None:
        """Take it that the host closes the link; raises CassetteUnplayedError when it did less than was recorded."""
        if any(step.kind in {Kind.HOST, Kind.RESET} and step.data != _DETACH for step in self._steps):
            raise complaints.unplayed(self._path, list(self._steps), self._matched)

    def stuck_after(self) -> float | None:
        """Return how many seconds after the last step the recording counts as stuck, ``None`` where it does not.

        It does where the host that was recorded went on to the next command, and the answer to the last one is not in the recording.
        """
        if not self._steps or not self._is_waiting or self._matched:
            return None
        step = self._steps[0]
        if step.kind is not Kind.HOST or step.data.startswith(_UNANSWERED):
            return None
        return step.time - self._time + STUCK

    def stuck(self) -> CassetteFormatError:
        """Return the error that tells of it."""
        return complaints.stuck(self._path, self._steps[0])

    # The host's turn

    def _goes_on(self, step: Step) -> bool:
        """Compare as much as there is; return whether there may be more to play."""
        if step.kind is Kind.RESET:
            if self._pending:
                self._leave_early(step)
                return True
            if not self._resets:
                return False
            self._resets -= 1
            self._advance(step)
            return True
        if self._resets:
            raise self._mismatch(step)
        if self._in_helper:
            return self._pass_helper()
        return bool(self._pending) and self._compare(step)

    def _compare(self, step: Step) -> bool:
        expected = step.data[self._matched :]
        same = self._same(step, expected)
        self._accept(expected[:same])
        if self._matched == len(step.data):
            self._advance(step)
        elif self._pending:
            self._tolerate(step)
        return True

    def _advance(self, step: Step) -> None:
        """Go on behind what the host did."""
        self._happen()
        self._matched = 0
        self.heard = step.time

    def _happen(self) -> Step:
        """Take the next step away: it was played."""
        step = self._steps.popleft()
        self.happened, self._time = self.happened + 1, step.time
        self._is_waiting = step.kind is Kind.HOST and step.data.endswith(_ANSWERED)
        return step

    def _same(self, step: Step, expected: bytes) -> int:
        """Return how many of the pending bytes are those expected, or may be any."""
        count = min(len(expected), len(self._pending))
        if not step.masked and self._pending.startswith(expected[:count]):
            return count
        return next(
            (
                n
                for n in range(count)
                if expected[n] != self._pending[n] and self._matched + n not in step.masked
            ),
            count,
        )

    def _accept(self, expected: bytes) -> None:
        self._matched += len(expected)
        del self._pending[: len(expected)]
        self._said += expected
        # A command begins; it is not pasted until the board says so.
        if expected.endswith((_END_OF_COMMAND, b"\x01", b"\x02", b"\x03")):
            self._said.clear()
            self._window = 0

    def _tolerate(self, step: Step) -> None:
        """Go on after a difference that means nothing; raises what tells of one that does."""
        if self._pending.startswith(QUESTION):
            # Asked after a silence that was none then: a program that runs does not answer it either.
            del self._pending[:1]
        elif self._said.startswith(difference.HELPER_BEGINS) and _HELPER_ENDS not in self._said:
            self._skip_recorded_helper(step)
        else:
            self._leave_early(step)

    def _leave_early(self, step: Step) -> None:
        """Let the host leave the raw REPL although more was recorded: `close` tells of that. Anything else is a mismatch."""
        if self._pending != _DETACH:
            raise self._mismatch(step)
        self._pending.clear()
        self._extra += _PROMPT

    def _check_end(self) -> None:
        done = not self._steps or self._steps[0].kind is Kind.CLOSED
        if done and (self._pending or self._resets):
            raise complaints.ended(self._path, self._last_line, bytes(self._pending), cut=self._cut)

    # Another version's helper

    def _skip_recorded_helper(self, step: Step) -> None:
        """Take the helper that was recorded for the one that is written: another version's may differ in its text."""
        before = bytes(self._said)
        recorded = before + step.data[self._matched :]
        self._steps.popleft()
        while (at := recorded.find(_HELPER_ENDS)) < 0:
            following = self._steps.popleft() if self._steps else None
            if following is None or not (following.kind is Kind.HOST or _is_grants(following)):
                raise self._mismatch(step)
            if following.kind is Kind.HOST:
                recorded += following.data
                step = following
        self._matched = len(step.data) - (len(recorded) - at - len(_HELPER_ENDS))
        self._steps.appendleft(step)
        self._in_helper = True

    def _pass_helper(self) -> bool:
        """Take the host's helper to its end, and grant it what it needs where it is pasted; return whether it is over."""
        whole = bytes(self._said + self._pending)
        at = whole.find(_HELPER_ENDS)
        taken = at + len(_HELPER_ENDS) - len(self._said) if at >= 0 else len(self._pending)
        self._said += self._pending[:taken]
        del self._pending[:taken]
        # Three windows ahead: never less than was granted then.
        while self._window and self._credit < len(self._said) + 3 * self._window:
            self._extra += _GRANT
            self._credit += self._window
        self._in_helper = at < 0
        if not self._in_helper and self._matched == len(self._steps[0].data):
            self._advance(self._steps[0])
        return bool(self._extra) or not self._in_helper

    def _count_grants(self, data: bytes) -> None:
        if match := _WINDOW.match(data):
            self._window = int.from_bytes(match[1], "little")
            self._credit = self._window * (1 + data[4:].count(_GRANT))
        else:
            self._credit += self._window * data.count(_GRANT)

    # What to tell

    def _mismatch(self, step: Step) -> CassetteMismatchError:
        written = bytes(self._said + self._pending)
        if step.kind is Kind.RESET or self._resets:
            return complaints.other_reset(self._path, step, written if self._pending else b"")
        return complaints.mismatch(self._path, step, self._recorded_command(step), written)

    def _recorded_command(self, step: Step) -> bytes:
        """Return the whole command that ``step`` is a part of."""
        command = bytes(self._said) + step.data[self._matched :]
        for following in list(self._steps)[1:]:
            if _END_OF_COMMAND in command or following.kind not in {Kind.HOST, Kind.BOARD}:
                break
            if following.kind is Kind.HOST:
                command += following.data
        return command


def _is_grants(step: Step) -> bool:
    return step.kind is Kind.BOARD and not step.data.strip(_GRANT)
