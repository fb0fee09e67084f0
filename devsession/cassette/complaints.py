"""What is told when a host and a recording do not agree."""

from __future__ import annotations

from pathlib import Path

from devsession.cassette import difference
from devsession.cassette.steps import Kind, Step
from devsession.errors import (
    CassetteEndedError,
    CassetteFormatError,
    CassetteMismatchError,
    CassetteUnplayedError,
)

_RESET = "a reset by the link"


def mismatch(path: Path, step: Step, recorded: bytes, written: bytes) -> CassetteMismatchError:
    """Tell that the command ``written`` is not the one ``recorded``, which differ in ``step``."""
    return _differs(path, step, difference.compare(recorded, written))


def other_reset(path: Path, step: Step, written: bytes) -> CassetteMismatchError:
    """Tell that only one of them resets the board by means of the link; the host ``written`` that, nothing when it is the one."""
    what = difference.name(written) if written else _RESET
    then = _RESET if step.kind is Kind.RESET else difference.name(step.data)
    text = f"  - recorded  {then}\n  + written   {what}"
    return _differs(path, step, difference.Difference(then, what, text))


def ended(path: Path, line: int, written: bytes, *, cut: bool) -> CassetteEndedError:
    """Tell that the host goes on behind the last line; ``cut``: the recording was not ended, it broke off."""
    broke_off = ": whoever recorded it ended there, in the middle" if cut else ""
    return CassetteEndedError(
        f"the recording {path} is over{broke_off}, and the host goes on with: {difference.name(written)}",
        path=path,
        line=line,
        hint="record it again",
    )


def stuck(path: Path, step: Step) -> CassetteFormatError:
    """Tell that what the host wrote before ``step`` has no answer."""
    return CassetteFormatError(
        f"the recording {path} is stuck before line {step.line}: the host waits for an answer, and none was recorded",
        path=path,
        line=step.line,
        hint="was a line deleted there? record it again",
    )


def unplayed(path: Path, steps: list[Step], matched: int) -> CassetteUnplayedError:
    """Tell that ``steps`` were recorded and not done, but for the first ``matched`` bytes."""
    rest = [step for step in steps if step.kind in {Kind.HOST, Kind.RESET}]
    programs = {step.number for step in rest} - {None}
    step = rest[0]
    what = _RESET if step.kind is Kind.RESET else difference.name(step.data[matched:])
    amount = f"{len(programs)} of the programs in" if programs else "a part of"
    return CassetteUnplayedError(
        f"not played: {amount} {path}; the next is, in line {step.line}: {what}",
        path=path,
        line=step.line,
        hint="record it again if the host is meant to do less",
    )


def _differs(path: Path, step: Step, found: difference.Difference) -> CassetteMismatchError:
    number = f" in exec {step.number}" if step.number is not None else ""
    return CassetteMismatchError(
        f"this is not what was recorded{number}, in line {step.line} of {path}",
        path=path,
        line=step.line,
        recorded=found.recorded,
        written=found.written,
        difference=found.text,
        number=step.number,
        hint="record it again if the change is meant"
        + ("; what was masked stands for as many bytes" if step.masked else ""),
    )
