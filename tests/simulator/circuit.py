"""What a CircuitPython board says, byte by byte, for tests."""

from console import RAW

CLEAR = b"\x1b[2K\x1b[0G"
GREETING = b"\r\nAdafruit CircuitPython 9.2.1 on 2024-11-20; Simulated Board with unix port\r\n"
PRESS_ANY_KEY = b"Press any key to enter the REPL. Use CTRL-D to reload.\r\n"
RELOAD_ON = b"Auto-reload is on. Simply save files over USB to run them or enter REPL to disable.\r\n"


def title(what: str) -> bytes:
    return f"\x1b]0;\N{SNAKE}{what} | 9.2.1\x1b\\".encode()


START = b"\r\n" + CLEAR + RELOAD_ON
WAITING = b"\r\nCode done running.\r\n\r\n" + PRESS_ANY_KEY
FRIENDLY = title("REPL") + GREETING + b">>> "
TO_RAW = b"\r\n" + title("Done") + RAW
TO_FRIENDLY = b"\r\n" + title("Done") + FRIENDLY
SOFT_REBOOT = b"soft reboot\r\n"
