"""What stands around the line being typed: the prompt before it, and the bar with every session's state below."""

from __future__ import annotations

from prompt_toolkit.formatted_text import StyleAndTextTuples

from devsession.cli.terminal import printable
from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import CoordinatedState

# For each state: how it is marked in the bar, and in which style.
MARKS = {
    CoordinatedState.ACTIVE: ("·", "class:active"),
    CoordinatedState.PROCESSING: ("*", "class:processing"),
    CoordinatedState.WAITING: ("?", "class:waiting"),
    CoordinatedState.PAUSED: ("=", "class:paused"),
    CoordinatedState.HIBERNATED: ("z", "class:paused"),
    CoordinatedState.COMPLETED: ("+", "class:ended"),
    CoordinatedState.FAILED: ("!", "class:failed"),
}
# Those whose state is written out.
_TOLD = frozenset({CoordinatedState.PROCESSING, CoordinatedState.WAITING})
STYLE = {
    "bottom-toolbar": "noreverse bg:#303030 #d0d0d0",
    "bottom-toolbar.text": "noreverse bg:#303030 #d0d0d0",
    "foreground": "bold underline",
    "processing": "#5fd75f",
    "waiting": "bold #ffd75f",
    "paused": "#87afd7",
    "ended": "#808080",
    "failed": "bold #ff5f5f",
    "session": "bold #5fafff",
    "board": "#8a8a8a",
}


def prompt(session: CoordinatedSession | None, unfinished: str) -> StyleAndTextTuples:
    """Return the prompt: whose it is, or what its program asks for; before it what that printed of a line that has not ended."""
    if session is None:
        return [("class:board", "no session"), ("", " > ")]
    if session.state is CoordinatedState.WAITING:
        # It was printed too: its last line as the beginning of one.
        asked = one_line((session.prompt or "").rpartition("\n")[2])
        begun = unfinished.removesuffix(asked)
        return [("class:session", f"{session.name} "), ("", begun), ("class:waiting", asked or "? ")]
    before: StyleAndTextTuples = [("", f"{unfinished}\n")] if unfinished else []
    return [
        *before,
        ("class:session", session.name),
        ("class:board", f"@{one_line(session.board)}"),
        ("", " >>> "),
    ]


def bar(coordinator: MultiSessionCoordinator) -> StyleAndTextTuples:
    """Return the bar: every session with its mark, those at work and those that wait with their state and what they ask for."""
    parts: StyleAndTextTuples = []
    for session in coordinator.list():
        mark, style = MARKS[session.state]
        is_foreground = session is coordinator.foreground
        parts += [("", " "), (f"{style} class:foreground" if is_foreground else style, session.name)]
        parts.append((style, f"{mark} {session.state.value}" if session.state in _TOLD else mark))
        if session.state is CoordinatedState.WAITING and not is_foreground and session.prompt:
            parts.append((style, f": {one_line(session.prompt).strip()[:30]}"))
        if session.waiting:
            parts.append(("", f" +{session.waiting}"))
        parts.append(("", " "))
    return parts or [("", " no session: /new makes one, /help tells more")]


def one_line(text: str) -> str:
    """Return what comes from a board as a line that a terminal may show."""
    return printable(text).replace("\r", "").replace("\n", " ").replace("\t", " ")
