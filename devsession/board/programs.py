"""From what a caller gives to the job that is sent: an expression, a source, a program with its arguments."""

from __future__ import annotations

from pathlib import Path

from devsession.board.deadline import Deadline
from devsession.board.job import Job
from devsession.errors import UsageError
from devsession.protocol import source as sources
from devsession.protocol.source import Mode

# What a program without a file is called in tracebacks.
NAMELESS = "<string>"


def expression_job(expression: str, timeout: float | None) -> Job:
    """Return the job that evaluates an expression; raises UsageError for what is none."""
    expression = sources.without_heading(sources.normalise(_text(expression)))
    if not sources.is_expression(expression):
        raise UsageError("this is not a single expression", phase="eval", hint="use exec for statements")
    return Job(expression, Mode.EVAL, NAMELESS, Deadline.after(timeout))


def source_job(source: str, timeout: float | None, name: str) -> Job:
    """Return the job that runs a source; a single expression gives its value."""
    source = sources.normalise(_text(source))
    if len(source) <= sources.EXPRESSION_LIMIT and sources.is_expression(source):
        return Job(sources.without_heading(source), Mode.EVAL, name, Deadline.after(timeout))
    return Job(source, Mode.EXEC, name, Deadline.after(timeout))


def call_job(key: str, arguments: str, timeout: float | None, name: str) -> Job:
    """Return the job that calls a method."""
    return Job(key + arguments, Mode.CALL, name, Deadline.after(timeout))


def program_job(
    program: str | Path, args: tuple[str, ...], timeout: float | None, *, value: bool = False
) -> Job:
    """Return the job that runs a program, a file of this host or its text; with ``value`` a text may be an expression that gives one.

    Raises UsageError for a file that cannot be read.
    """
    if value and isinstance(program, str) and not args:
        return source_job(program, timeout, NAMELESS)
    name, text = (str(program), _read(program)) if isinstance(program, Path) else (NAMELESS, program)
    job = Job(sources.normalise(_text(text)), Mode.EXEC, name, Deadline.after(timeout))
    if args:
        job.prelude = sources.arguments((name, *args))
    return job


def _text(source: str) -> str:
    if not isinstance(source, str):
        raise UsageError(f"a program is text, not {type(source).__name__}", phase="exec")
    try:
        source.encode()
    except UnicodeEncodeError as error:
        line = source.count("\n", 0, error.start) + 1
        raise UsageError(
            f"line {line} of the source holds a character that has no UTF-8 form: {source[error.start]!a}",
            phase="exec",
            hint="is the terminal's encoding the one of the text? see LC_ALL, PYTHONUTF8",
        ) from error
    return source


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}", phase="read"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", phase="read") from error
