"""Tracebacks as boards print them, read into an exception's parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devsession.errors import Frame

_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s*File "([^"]*)", line (\d+)(?:, in (.*))?\Z')
_SUMMARY = re.compile(r"([A-Za-z_][\w.]*)(?:: ?(.*))?\Z", re.DOTALL)
_ERRNO = re.compile(r"\[Errno (\d+)\]|\(?(\d+)\b")
# Where the raw command runs, the functions of our helper that it calls, and where both these and the program that it executes are.
_WRAPPER = "<stdin>"
_HELPER = ("x", "y")
_PROGRAM = "<string>"
# What programs of ours are called that a program of the user's may call without knowing.
UNSEEN = "<devsession>"


@dataclass(frozen=True, slots=True)
class Traceback:
    """What a traceback says: the exception's class, its message, its frames (outermost first), an OSError's number."""

    kind: str
    text: str
    frames: tuple[Frame, ...]
    errno: int | None

    def __str__(self) -> str:
        lines = [
            f'  File "{frame.file}", line {frame.line}' + (f", in {frame.function}" if frame.function else "")
            for frame in self.frames
        ]
        summary = f"{self.kind}: {self.text}" if self.text else self.kind
        return "\n".join([_HEAD, *lines, summary] if lines else [summary])


def parse(data: bytes, program: str = _PROGRAM) -> Traceback:
    """Read a traceback; our own frames are left out, the program's carry the name ``program``.

    Bytes that are no UTF-8 are kept as escapes; text that is no traceback becomes the message of an ``Exception``.
    """
    lines = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").strip("\n").split("\n")
    if lines and lines[0].strip() == _HEAD:
        del lines[0]
    frames: list[Frame] = []
    while lines and (match := _FRAME.match(lines[0])):
        frames.append(Frame(match[1], int(match[2]), match[3] or ""))
        del lines[0]
    kind, text = _summary("\n".join(lines))
    return Traceback(kind, text, _own(frames, program), _errno(kind, text))


def _summary(said: str) -> tuple[str, str]:
    match = _SUMMARY.match(said)
    if match is None:
        return "Exception", said
    return match[1], (match[2] or "").rstrip()


def _own(frames: list[Frame], program: str) -> tuple[Frame, ...]:
    frames = [frame for frame in frames if frame.file != UNSEEN]
    if any(frame.file == _PROGRAM for frame in frames):
        while frames and frames[0].file == _WRAPPER:
            del frames[0]
        for function in _HELPER:
            if frames and frames[0].function == function:
                del frames[0]
    return tuple(Frame(program, f.line, f.function) if f.file == _PROGRAM else f for f in frames)


def _errno(kind: str, text: str) -> int | None:
    match = _ERRNO.match(text) if kind == "OSError" else None
    return int(match[1] or match[2]) if match else None
