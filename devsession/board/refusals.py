"""What a board's answer means when a command did not start, and whether the command is to be sent again.

Only where that answer shows that nothing of the caller's ran (DESIGN 4: at most once).
"""

from __future__ import annotations

import re

from devsession.board.job import Job
from devsession.board.prompt import Prompt
from devsession.errors import DeviceResetError, MethodMissingError, RemoteProtocolError
from devsession.protocol import source as sources
from devsession.protocol.events import Ending, Finished

# How often a program that was damaged on its way is sent again.
DAMAGES = 2
# What a changed letter makes of a command before its check is made. The caller's own text is in a literal, and is run only after that.
_OF_DAMAGE = re.compile(
    rb"^(?:Syntax|Indentation|Name|Attribute|Type|Value|Key|Index|Import|Overflow|Unicode)Error\b",
    re.MULTILINE,
)


def why_again(job: Job, finished: Finished, prompt: Prompt) -> str:
    """Say why a command that the board did not start is to be sent again; empty when it is not.

    Raises RemoteProtocolError when it was damaged too often or the helper does not answer, MethodMissingError, DeviceResetError.
    """
    return next(filter(None, (cause(job, finished, prompt) for cause in _CAUSES)), "")


def _no_raw_paste(job: Job, _finished: Finished, prompt: Prompt) -> str:
    if not (job.paste_refused and prompt.interpreter.raw_paste):
        return ""
    prompt.interpreter.raw_paste = False
    # A board that old may be as small.
    prompt.interpreter.cramped = True
    return "no raw-paste"


def _too_much(_job: Job, finished: Finished, prompt: Prompt) -> str:
    interpreter = prompt.interpreter
    if finished.ending is not Ending.RESET or interpreter.deployed or interpreter.cramped:
        return ""
    # The helper and the program at once were more than its heap, and it started anew: nothing has run that could be lost.
    interpreter.begin_epoch()
    interpreter.cramped = True
    return "reset by a command that was too large"


def _refused(job: Job, finished: Finished, prompt: Prompt) -> str:
    return _damaged(job, finished, prompt) if sources.is_refusal(finished.error) else ""


def _no_helper(job: Job, finished: Finished, prompt: Prompt) -> str:
    if prompt.interpreter.deployed or not finished.error or job.damages >= DAMAGES:
        return ""
    # Damaged on its way, or not enough heap for the helper and the program at once; should the program alone be too large, that comes
    # out next.
    job.damages += 1
    prompt.interpreter.cramped = True
    return "helper in parts"


def _no_method(job: Job, finished: Finished, prompt: Prompt) -> str:
    if method := sources.missing_method(finished.error):
        prompt.interpreter.deployed = True
        raise MethodMissingError(
            f"{job.program} is not on the board, and was not called", method=method, board=prompt.url
        )
    return ""


def _no_answer(job: Job, finished: Finished, prompt: Prompt) -> str:
    if finished.ending is not Ending.FRAMED or finished.error:
        return ""
    if not job.pasted:
        raise RemoteProtocolError(
            "the helper on the board did not answer",
            board=prompt.url,
            phase="exec",
            hint=f"does the program use {sources.HELPER}?",
        )
    # It announced raw-paste and ended it at once. What it makes of the bytes sent meanwhile is cleared by entering again.
    prompt.interpreter.raw_paste = False
    prompt.wire.engine.distrust()
    return "raw-paste failed"


def _lost_helper(_job: Job, finished: Finished, prompt: Prompt) -> str:
    interpreter = prompt.interpreter
    told = re.search(rb"NameError.*'" + sources.HELPER.encode() + rb"'", finished.error)
    if not interpreter.deployed or told is None:
        return ""
    lost_something = interpreter.user_ran
    interpreter.begin_epoch()
    if lost_something:
        raise DeviceResetError(
            "the board was reset since the last exec; what was defined there is gone, and this program was not run",
            board=prompt.url,
            phase="exec",
            hint="run it again on the fresh interpreter",
        )
    return "helper missing"


def _garbled(job: Job, finished: Finished, prompt: Prompt) -> str:
    # What sets the program's arguments runs before the check, and may fail for reasons of its own.
    if (job.prelude and not job.is_emitter) or not _OF_DAMAGE.search(finished.error):
        return ""
    return _damaged(job, finished, prompt)


def _damaged(job: Job, finished: Finished, prompt: Prompt) -> str:
    job.damages += 1
    if job.damages > DAMAGES:
        raise RemoteProtocolError(
            f"{job.program} was damaged on its way {job.damages} times, and was not run",
            board=prompt.url,
            phase="exec",
            seen=finished.error[-200:],
            hint="a slower baud rate, a shorter cable or a link with flow control",
        )
    return "damaged on its way"


_CAUSES = (_no_raw_paste, _too_much, _refused, _no_helper, _no_method, _no_answer, _lost_helper, _garbled)
