"""Where the command line begins."""

from __future__ import annotations

# Not signal, which takes milliseconds more in which Ctrl-C is a traceback.
import _signal as signal  # type: ignore[import-not-found] # it has no types of its own

# Until there is something to clean up, Ctrl-C ends the command as it ends any: silently. Where it is ignored (nohup, &) it stays so.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from devsession.cli.app import main

__all__ = ["main"]
