"""Every state of the wire and every way between them: this table is the specification.

The engine never sets a state by itself; it names what happened, and a pair that is not in the table is an error in one place.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where the conversation with the board stands."""

    DETACHED = "detached"  # not in the raw REPL, or not known to be
    ENTERING = "entering"  # asking for the raw REPL
    READY = "ready"  # at the raw prompt
    ASKING = "asking"  # raw-paste was asked for
    PASTING = "pasting"  # sending a command by raw-paste
    PASTED = "pasted"  # the end of the paste was sent, or acknowledged, or the paste aborted
    SENT = "sent"  # a plain command was sent
    ACCEPTED = "accepted"  # the board has the whole command; nothing of it has run
    RUNNING = "running"  # the command runs: what comes is its output
    ENDED = "ended"  # its end record came; the framing behind it is still to come
    REPORTING = "reporting"  # between the second and the third separator: the traceback
    CLOSING = "closing"  # after the third separator: the prompt, or a reset
    REBOOTING = "rebooting"  # a soft reset was asked for
    LEAVING = "leaving"  # the friendly REPL was asked for
    FAILED = "failed"  # the board broke the protocol: only entering again leads out


class Move(Enum):
    """What happened on the wire, or was asked for."""

    ENTER = "enter"
    BANNER = "banner"
    SUBMIT = "submit"
    ASK = "ask"
    ASK_AGAIN = "ask again"
    GRANT = "grant"
    REFUSE = "refuse"
    PASTE_END = "paste end"
    ACKNOWLEDGE = "acknowledge"
    OK = "ok"
    START = "start"
    SEPARATOR = "separator"
    END = "end"
    PROMPT = "prompt"
    REBOOT = "reboot"
    RESTART = "restart"
    TYPE = "type"
    FEED = "feed"
    LEAVE = "leave"
    FRIENDLY = "friendly"
    LET_GO = "let go"
    VIOLATION = "violation"


_SPECIFIC: dict[State, dict[Move, State]] = {
    State.DETACHED: {Move.RESTART: State.DETACHED, Move.TYPE: State.DETACHED},
    State.ENTERING: {Move.BANNER: State.READY},
    State.READY: {
        Move.SUBMIT: State.SENT,
        Move.ASK: State.ASKING,
        Move.REBOOT: State.REBOOTING,
        Move.LEAVE: State.LEAVING,
    },
    State.ASKING: {
        Move.ASK_AGAIN: State.ASKING,
        Move.GRANT: State.PASTING,
        Move.REFUSE: State.CLOSING,
        Move.BANNER: State.READY,
    },
    State.PASTING: {Move.PASTE_END: State.PASTED, Move.BANNER: State.READY},
    State.PASTED: {Move.ACKNOWLEDGE: State.ACCEPTED, Move.BANNER: State.READY},
    State.SENT: {Move.OK: State.ACCEPTED, Move.BANNER: State.READY},
    State.ACCEPTED: {Move.START: State.RUNNING, Move.SEPARATOR: State.REPORTING, Move.BANNER: State.READY},
    State.RUNNING: {
        Move.FEED: State.RUNNING,
        Move.SEPARATOR: State.REPORTING,
        Move.END: State.ENDED,
        Move.BANNER: State.READY,
    },
    State.ENDED: {Move.SEPARATOR: State.REPORTING, Move.BANNER: State.READY},
    State.REPORTING: {Move.SEPARATOR: State.CLOSING, Move.BANNER: State.READY},
    State.CLOSING: {Move.PROMPT: State.READY, Move.BANNER: State.READY},
    State.REBOOTING: {Move.BANNER: State.READY},
    State.LEAVING: {Move.FRIENDLY: State.DETACHED},
    State.FAILED: {},
}

# From anywhere the raw REPL may be entered and the board be left alone, and anywhere a violation is possible.
TRANSITIONS: dict[State, dict[Move, State]] = {
    state: {
        Move.ENTER: State.ENTERING,
        Move.LET_GO: State.DETACHED,
        Move.VIOLATION: State.FAILED,
        **moves,
    }
    for state, moves in _SPECIFIC.items()
}

# The states of a command under way: sent, and its end not yet known.
BUSY = frozenset(
    {
        State.ASKING,
        State.PASTING,
        State.PASTED,
        State.SENT,
        State.ACCEPTED,
        State.RUNNING,
        State.ENDED,
        State.REPORTING,
        State.CLOSING,
    }
)
