"""Pseudo-terminals with the settings that make the unix port behave like a board's console."""

from __future__ import annotations

import os
import signal
import termios

# What the interpreter is told, since its termios module does not name them: the flag that makes Ctrl-C a signal, the places of VMIN and
# of VINTR, the flags that turn \n into \r\n on the way out; what makes a set of signals the mask, and a signal to wake a thread with.
NUMBERS = (
    termios.ISIG,
    termios.VMIN,
    termios.VINTR,
    termios.OPOST | termios.ONLCR,
    signal.SIG_SETMASK,
    signal.SIGUSR1,
)


def open_pair() -> tuple[int, int]:
    """Return a new pseudo-terminal as (our side, board's side), transparent both ways, Ctrl-C a byte."""
    ours, boards = os.openpty()
    try:
        set_idle(boards)
    except BaseException:
        os.close(ours)
        os.close(boards)
        raise
    return ours, boards


def set_idle(descriptor: int) -> None:
    """Make the terminal transparent: no echo, no line editing, no signals.

    VINTR stays Ctrl-C for when the interpreter switches signals on; quit and suspend have no key; a signal does not flush what is
    queued (NOFLSH), as bytes after a Ctrl-C are not lost on a board either.
    """
    settings = termios.tcgetattr(descriptor)
    none = bytes([os.fpathconf(descriptor, "PC_VDISABLE") & 0xFF])
    characters = settings[6]
    characters[termios.VINTR] = b"\x03"
    characters[termios.VQUIT] = characters[termios.VSUSP] = none
    characters[termios.VMIN] = 1
    characters[termios.VTIME] = 0
    settings[0] = 0
    settings[1] = 0
    settings[2] = settings[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8 | termios.CREAD
    settings[3] = termios.NOFLSH
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
