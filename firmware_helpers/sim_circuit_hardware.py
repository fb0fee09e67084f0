# Modules of a simulated CircuitPython board that are about the board: its chip, its files, its supervisor, its clock.
import time

from sim_circuit_console import Reload
from sim_circuit_system import struct_time
from sim_circuit_texts import BOARD_ID

# Ends the process, read by devsession/simulator/supervisor.py.
EXIT_HARD = 66
TICKS = (1 << 29) - 1
LABEL = "CIRCUITPY"


class Names:
    # An enumeration: its members by their names.
    def __init__(self, kind, *names):
        for name in names:
            setattr(self, name, Name(kind, name))


class Name:
    def __init__(self, kind, name):
        self.text = "%s.%s" % (kind, name)

    def __repr__(self):
        return self.text


RUN_REASONS = Names(
    "supervisor.RunReason", "STARTUP", "AUTO_RELOAD", "SUPERVISOR_RELOAD", "REPL_RELOAD"
)
SAFE_MODES = Names("supervisor.SafeModeReason", "NONE")
RUN_MODES = Names("microcontroller.RunMode", "NORMAL", "SAFE_MODE", "UF2", "BOOTLOADER")
RESET_REASONS = Names("microcontroller.ResetReason", "POWER_ON", "SOFTWARE", "RESET_PIN", "UNKNOWN")


def make(console):
    return {
        "board": {"board_id": BOARD_ID},
        "microcontroller": make_microcontroller(console),
        "rtc": make_rtc(),
        "storage": make_storage(console),
        "supervisor": make_supervisor(console),
    }


def make_microcontroller(console):
    class Processor:
        uid = bytearray(console.uid)
        frequency = 125000000
        temperature = 25.0
        voltage = 3.3
        reset_reason = RESET_REASONS.UNKNOWN

    def reset():
        console.terminal.leave(EXIT_HARD)

    def on_next_reset(mode):
        if mode is not RUN_MODES.NORMAL:
            raise ValueError("Cannot reset into bootloader because no bootloader is present")

    return {
        "Processor": Processor,
        "ResetReason": RESET_REASONS,
        "RunMode": RUN_MODES,
        "cpu": Processor(),
        "on_next_reset": on_next_reset,
        "reset": reset,
    }


def make_rtc():
    # How far the clock was put from the computer's, in seconds; until the virtual machine ends.
    offset = [0]

    class RTC:
        @property
        def datetime(self):
            return struct_time(*time.localtime(time.time() + offset[0])[:8], -1)

        @datetime.setter
        def datetime(self, moment):
            offset[0] = time.mktime(tuple(moment)[:8] + (-1,)) - time.time()

    return {"RTC": RTC}


def make_storage(console):
    state = console.state
    files = console.files

    class Mount:
        label = LABEL

        @property
        def readonly(self):
            return not state["writable"]

        def __getattr__(self, name):
            if name not in ("ilistdir", "mkdir", "open", "remove", "rename", "rmdir", "stat", "statvfs"):
                raise AttributeError(name)
            return getattr(files, name)

    def getmount(path):
        if path != "/":
            raise OSError(2)
        return Mount()

    def remount(path, readonly=False, *, disable_concurrent_write_protection=False):
        if path != "/":
            raise OSError(22)
        if state["drive"] and not console.booting:
            raise RuntimeError("Cannot remount path when visible via USB.")
        state["writable"] = not readonly

    def enable_usb_drive():
        switch_drive(True)

    def disable_usb_drive():
        switch_drive(False)

    def switch_drive(on):
        if not console.booting:
            raise RuntimeError("Cannot change USB devices now")
        state["drive"] = on
        state["writable"] = not on

    return {
        "VfsFat": Mount,
        "disable_usb_drive": disable_usb_drive,
        "enable_usb_drive": enable_usb_drive,
        "getmount": getmount,
        "remount": remount,
    }


def make_supervisor(console):
    state = console.state
    write = console.write

    class Runtime:
        usb_connected = True
        serial_connected = True
        safe_mode_reason = SAFE_MODES.NONE

        @property
        def run_reason(self):
            return getattr(RUN_REASONS, state["reason"])

        @property
        def serial_bytes_available(self):
            return bool(console.terminal.rest or console.terminal.wait(0))

        @property
        def autoreload(self):
            return state["autoreload"]

        @autoreload.setter
        def autoreload(self, on):
            state["autoreload"] = bool(on)

    class StatusBar:
        @property
        def console(self):
            return state["titles"]

        @console.setter
        def console(self, on):
            if state["titles"] and not on:
                write(b"\x1b]0;\x1b\\")
            state["titles"] = bool(on)

    def reload():
        raise Reload

    def set_next_code_file(filename):
        state["next"] = filename

    return {
        "RunReason": RUN_REASONS,
        "SafeModeReason": SAFE_MODES,
        "reload": reload,
        "runtime": Runtime(),
        "set_next_code_file": set_next_code_file,
        "status_bar": StatusBar(),
        "ticks_ms": lambda: time.ticks_ms() & TICKS,
    }
