"""First steps without ``await``: for scripts and notebooks. Runs on a simulated board, or on the one named.

python examples/sync_first_steps.py [/dev/ttyACM0]
"""

import sys

from devsession.sync import DeviceError, DeviceSessionManager, connect


def main(url: str) -> None:
    """Show the main verbs, then a session."""
    with connect(url) as board:
        board.exec("from machine import Pin; led = Pin(2, Pin.OUT)")
        print("blinked:", board.eval("[led.value(n % 2) or led.value() for n in range(4)]"))
        for text in board.stream("for n in range(3): print('measuring', n)"):
            print(text, end="")
        try:
            board.exec("open('/no/such/file')")
        except DeviceError as error:
            print("the board says:", error.kind, error.errno)

    with DeviceSessionManager.open(url) as manager, manager.session("calibration") as session:
        session.push_cleanup(lambda: print("cleaned up, the last first"))
        led = session.part.pin(2)
        led.on()
        session.device.define("gain", 1.25)
        print("the led is", led.value(), "and the gain", session.eval("gain"))


main(sys.argv[1] if len(sys.argv) > 1 else "sim:")
