"""The commands of the shell: this table is what /help shows, what Tab completes, and what is run."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devsession.cli.fs_copy import Copying
from devsession.cli.progress import Shown
from devsession.cli.terminal import aligned
from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.program import SessionKind
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import CoordinatedState
from devsession.errors import SessionError, UsageError
from devsession.shell.picture import one_line

_KINDS = tuple(kind.value for kind in SessionKind)


class Desk(Protocol):
    """What commands are given: the sessions, and the terminal."""

    coordinator: MultiSessionCoordinator

    async def tell(self, text: str) -> None:
        """Show a text on lines of its own, without escape sequences."""

    def leave(self) -> None:
        """Have the shell end."""


class Takes(enum.Enum):
    """What is completed behind a command."""

    NOTHING = ()
    SESSIONS = ("session",)
    KINDS = ("kind", "", "board")
    FLAGS = ("flag",)
    FILES = ("file", "file")
    RESUMED = ("session", "board")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its arguments as /help shows them, how many it takes at least and at most, what it does, and how."""

    arguments: str
    least: int
    most: int
    does: str
    run: Callable[..., Awaitable[None]]
    takes: Takes = Takes.NOTHING


def command(name: str) -> Command:
    """Return the command of that name, without its slash; the beginning of one name alone is enough. Raises UsageError."""
    name = ALIASES.get(name, name)
    found = [one for one in COMMANDS if one == name] or [one for one in COMMANDS if one.startswith(name)]
    if len(found) != 1:
        raise UsageError(f"there is no command /{name}", hint="/help lists them")
    return COMMANDS[found[0]]


async def run(desk: Desk, line: str) -> None:
    """Run a line that begins with a slash; raises UsageError for what is none, and what the command does."""
    try:
        name, *arguments = shlex.split(line.removeprefix("/")) or ["help"]
    except ValueError as error:
        raise UsageError(f"{line}: {error}", hint="quote what has quotes or spaces in it") from error
    found = command(name)
    if not found.least <= len(arguments) <= found.most:
        raise UsageError(f"/{name} does not take that", hint=f"/{name} {found.arguments}".rstrip())
    await found.run(desk, *arguments)


async def _sessions(desk: Desk, flag: str = "") -> None:
    if flag not in {"", "--all", "--waiting"}:
        raise UsageError(f"/sessions does not know {flag}", hint="--all, --waiting")
    listed = desk.coordinator.list(waiting=flag == "--waiting")
    shown = [session for session in listed if flag == "--all" or not session.has_ended]
    if not shown:
        await desk.tell("no session" if flag != "--waiting" else "no session waits for input")
        return
    heads = ("", "NAME", "KIND", "BOARD", "STATE", "QUEUE", "PRINTED", "")
    await desk.tell("\n".join(aligned([heads, *(_row(desk.coordinator, session) for session in shown)])))


def _row(coordinator: MultiSessionCoordinator, session: CoordinatedSession) -> tuple[str, ...]:
    more = {
        CoordinatedState.WAITING: session.prompt,
        CoordinatedState.PROCESSING: session.doing,
    }.get(session.state, session.reason)
    return (
        ">" if session is coordinator.foreground else " ",
        session.name,
        session.kind.value,
        one_line(session.board),
        session.state.value,
        str(session.waiting),
        str(session.buffer.end),
        one_line(more or ""),
    )


async def _switch(desk: Desk, name: str) -> None:
    desk.coordinator.switch(name)


async def _new(desk: Desk, *words: str) -> None:
    kind, rest = (words[0], words[1:]) if words and words[0] in _KINDS else (_KINDS[0], words)
    if len(rest) > 2:
        raise UsageError("/new does not take that", hint="/new [type] [name] [board]")
    name, board = (*rest, None, None)[:2]
    session = await desk.coordinator.create(name, kind, board=board)
    desk.coordinator.switch(session.name)


async def _close(desk: Desk, name: str | None = None) -> None:
    session = desk.coordinator.get(name)
    was_shown = session is desk.coordinator.foreground
    await desk.coordinator.close(session.name)
    await desk.tell(f"{session.name} is closed")
    lasting = [other for other in desk.coordinator.list() if not other.has_ended]
    if was_shown and lasting:
        desk.coordinator.switch(lasting[0].name)


async def _rename(desk: Desk, name: str) -> None:
    desk.coordinator.rename(desk.coordinator.get().name, name)


async def _session_name(desk: Desk, name: str | None = None) -> None:
    if name is not None:
        await _rename(desk, name)
    await desk.tell(desk.coordinator.get().name)


async def _pause(desk: Desk, name: str | None = None) -> None:
    session = desk.coordinator.get(name)
    session.pause()
    if session.state is not CoordinatedState.PAUSED:
        await desk.tell(
            f"{session.name} is paused when its program ends, or at its next pause_point(); Ctrl-C stops it"
        )


async def _resume(desk: Desk, name: str | None = None, board: str | None = None) -> None:
    # What it could not take to this side when it went to sleep, and what this board could not have of the rest.
    asleep = desk.coordinator.get(name).hibernation
    missing = (asleep.left if asleep is not None else {}) | await desk.coordinator.resume(name, board=board)
    if missing:
        await desk.tell("\n".join(f"not carried: {what}: {why}" for what, why in missing.items()))


async def _run(desk: Desk, file: str) -> None:
    path = Path(file).expanduser()
    if not path.is_file():
        raise UsageError(f"{file} is no file of this computer")
    await desk.coordinator.send(path, wait=False)


async def _put(desk: Desk, local: str, remote: str = ":") -> None:
    await _copy(desk, local, remote if remote.startswith(":") else f":{remote}")


async def _get(desk: Desk, remote: str, local: str = ".") -> None:
    await _copy(desk, remote if remote.startswith(":") else f":{remote}", local)


async def _copy(desk: Desk, source: str, target: str) -> None:
    session = desk.coordinator.get()
    if session.session is None:
        raise SessionError(f"session {session.name} is on no board", hint="/resume it")
    with Shown(as_json=False) as shown:
        paths = [text if text.startswith(":") else str(Path(text).expanduser()) for text in (source, target)]
        await Copying(session.session.files, shown, recursive=True).copy(*paths, several=False)
    await desk.tell(shown.told())


async def _boards(desk: Desk) -> None:
    sessions = desk.coordinator.list()
    rows = [("BOARD", "SESSIONS")]
    for board in desk.coordinator.boards:
        there = [session.name for session in sessions if session.board == board and not session.has_ended]
        rows.append((one_line(board), " ".join(there) or "-"))
    await desk.tell("\n".join(aligned(rows)))


async def _help(desk: Desk) -> None:
    rows = [
        (
            f"/{name} {one.arguments}".rstrip(),
            one.does + "".join(f" (/{alias})" for alias, whose in ALIASES.items() if whose == name),
        )
        for name, one in COMMANDS.items()
    ]
    await desk.tell("\n".join([*aligned(rows), "", HELP]))


async def _quit(desk: Desk) -> None:
    desk.leave()


COMMANDS = {
    "sessions": Command(
        "[--all|--waiting]",
        0,
        1,
        "list the sessions; --all also those that have ended",
        _sessions,
        Takes.FLAGS,
    ),
    "switch": Command("NAME", 1, 1, "bring a session to the foreground", _switch, Takes.SESSIONS),
    "new": Command("[type] [name] [board]", 0, 3, f"make a session: {', '.join(_KINDS)}", _new, Takes.KINDS),
    "close": Command("[name]", 0, 1, "end a session", _close, Takes.SESSIONS),
    "rename": Command("NAME", 1, 1, "give the session in the foreground another name", _rename),
    "session-name": Command("[NAME]", 0, 1, "tell its name, or give it another", _session_name),
    "pause": Command("[name]", 0, 1, "hold back what a session was sent", _pause, Takes.SESSIONS),
    "resume": Command(
        "[name] [board]", 0, 2, "let it go on; one that slept on the host too", _resume, Takes.RESUMED
    ),
    "run": Command("FILE", 1, 1, "run a program of this computer", _run, Takes.FILES),
    "put": Command("LOCAL [REMOTE]", 1, 2, "copy a file or directory to the board", _put, Takes.FILES),
    "get": Command("REMOTE [LOCAL]", 1, 2, "copy one from the board", _get),
    "boards": Command("", 0, 0, "list the boards and who is there", _boards),
    "help": Command("", 0, 0, "this list", _help),
    "quit": Command("", 0, 0, "leave, as Ctrl-D does", _quit),
}
ALIASES = {"s": "switch"}
HELP = (
    "All else is Python for the session in the foreground, or the line that its program asks for. An empty line ends a block;\n"
    "Alt-Enter begins a line, Tab completes from the board. Ctrl-C interrupts the program, Ctrl-Z suspends, Ctrl-D leaves.\n"
    "A line for a program that begins with a slash is typed with two."
)
