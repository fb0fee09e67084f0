"""Bringing a board back to its prompt: rung by rung, as far as the policy allows, and an account of what was tried."""

from __future__ import annotations

from devsession.board.deadline import Deadline
from devsession.board.happenings import Happening
from devsession.board.log import log
from devsession.board.prompt import Prompt
from devsession.board.switches import Rung, Switches
from devsession.errors import DeadlineError, DevsessionError, LinkError, RawReplError, RecoveryError
from devsession.protocol.entry import EAGER, REBOOT, Approach
from devsession.protocol.events import Ending, Finished
from devsession.protocol.states import BUSY

# How long a program may go on after its first Ctrl-C, with more of them following, before the next rung.
STOP_LIMIT = 5.0
# How long asking for the raw REPL may take on each rung.
RUNG_LIMIT = 5.0


_TRIED = {
    Rung.PROMPT: "entering the raw REPL",
    Rung.SOFT: "a soft reset",
    Rung.HARD: "the reset line",
    Rung.POWER: "the power hook",
}
_APPROACHES: dict[Rung, Approach] = {
    Rung.SOFT: REBOOT,
    Rung.HARD: EAGER,
    Rung.POWER: EAGER,
}


class Recovery:
    """Brings one board back, up to the rung ``limit``."""

    def __init__(self, prompt: Prompt, switches: Switches, limit: Rung) -> None:
        self.limit = limit
        self._prompt = prompt
        self._switches = switches

    async def stop(self) -> None:
        """Interrupt what runs, until the prompt is there; up the ladder when that does not help.

        Returns also when the link is lost: then there is nothing to stop. Raises RecoveryError.
        """
        self._prompt.tell(Happening.RECOVERY_BEGAN)
        await self._stop()
        self._prompt.tell(Happening.RECOVERY_ENDED)

    async def _stop(self) -> None:
        prompt = self._prompt
        if prompt.wire.state in BUSY:
            with log.phase("interrupt", board=prompt.url):
                prompt.wire.interrupt()
                try:
                    finished = await prompt.wait(Finished, Deadline.after(STOP_LIMIT))
                except TimeoutError:
                    await self.climb(f"Ctrl-C for {STOP_LIMIT:g} s")
                else:
                    if finished.ending is Ending.RESET:
                        prompt.interpreter.begin_epoch()
        elif not prompt.is_ready and prompt.wire.lost is None:
            await self.climb()

    async def climb(self, *tried: str) -> None:
        """Go up the ladder until the prompt is back; raises RecoveryError that names every rung tried, after ``tried``."""
        attempts = list(tried)
        error: DevsessionError | None = None
        for rung in Rung:
            if rung > self.limit or not self._switches.has(rung):
                continue
            attempts.append(f"{_TRIED[rung]} for {RUNG_LIMIT:g} s")
            try:
                with log.phase("recovery", board=self._prompt.url, rung=rung.name.lower()):
                    await self._try(rung)
            except (RawReplError, DeadlineError, LinkError) as failure:
                error = failure
            else:
                return
        assert error is not None
        raise self._failure(attempts, error) from error

    async def _try(self, rung: Rung) -> None:
        deadline = Deadline.after(RUNG_LIMIT)
        if rung is Rung.PROMPT:
            await self._prompt.enter(deadline)
            return
        await self._switches.use(rung, deadline)
        await self._switches.come_back(deadline, _APPROACHES[rung])

    def _failure(self, tried: list[str], error: DevsessionError) -> RecoveryError:
        hint = "reset it, by `devsession reset --hard` or its button, or power it off and on"
        if isinstance(error, RawReplError) and error.verdict not in {"busy", "silent"}:
            hint = error.hint or hint
        if self.limit < Rung.HARD:
            hint = f"{hint}; a bare connection goes no further than `recovery=Rung.{self.limit.name}` allows"
        failure = RecoveryError(
            f"the board did not come back to its prompt; tried: {', '.join(tried)}",
            tried=tuple(tried),
            board=self._prompt.url,
            seen=error.seen,
            hint=hint,
        )
        self._prompt.failure = failure
        return failure
