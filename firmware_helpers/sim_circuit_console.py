# The console of CircuitPython (main.c of 9.2), in Python: code.py, the wait after it, the REPL, each in a virtual machine of its own.
import ffi
from sim_circuit_texts import (
    BOARD_ID,
    CODE_DONE,
    CODE_STOPPED,
    ERRORS,
    FULL_VERSION,
    OUTPUT,
    PRESS_ANY_KEY,
    RELEASE,
    RELOAD_OFF,
    RELOAD_ON,
    SOFT_REBOOT,
    TRANSLATED,
)
from sim_console import EXIT_BROKEN, EXIT_SOFT, EXIT_SOFT_RAW, Console

# How a virtual machine ends beside those, read by devsession/simulator/circuitpython.py: the friendly REPL comes next.
EXIT_REPL = 69
CODE_FILES = ("code.txt", "code.py", "main.py", "main.txt")
BOOT_FILES = ("boot.py", "boot.txt")
BOOT_OUTPUT = "/boot_out.txt"
# No more than this of what boot.py prints is kept.
BOOT_OUTPUT_MOST = 512
CLEAR_LINE = "\x1b[2K\x1b[0G"
SNAKE = "\U0001f40d".encode()

# What came in one packet with Ctrl-C is there within this many milliseconds: the host's system hands it on byte by byte.
PACKET = 5
# The kind of a file, in what stat gives.
REGULAR = 0x8000

libc = ffi.open(None)
dup = libc.func("i", "dup", "i")
dup2 = libc.func("i", "dup2", "ii")
close = libc.func("i", "close", "i")


class Reload(BaseException):
    # What supervisor.reload() raises.
    pass


class CircuitConsole(Console):
    def __init__(self, terminal, files, namespace, set_mask, state, language):
        super().__init__(terminal, files, namespace, set_mask)
        self.state = state
        self.words = TRANSLATED[language]
        self.friendly.banner = ("\r\n" + FULL_VERSION + "\r\n").encode()
        # The one time that programs may change what the host is shown: before USB starts.
        self.booting = False
        self.ran = False
        self.uid = b""
        # What was typed while the machine before ended.
        if state["typed"]:
            terminal.rest = bytes.fromhex(state["typed"])
            state["typed"] = ""

    def run(self, before):
        try:
            if before == "raw":
                self.raw_repl()
            elif before == "repl":
                self.friendly_repl()
            else:
                if before == "reload":
                    self.reload()
                elif before != "soft":
                    self.boot()
                self.code()
        except BaseException:
            self.terminal.leave(EXIT_BROKEN)

    def leave(self, code, reason):
        # The machine ends, and the next begins with what was typed and is not used yet.
        terminal = self.terminal
        typed = terminal.rest
        if terminal.left:
            typed += bytes(ffi.as_bytearray(terminal.address, terminal.left))
        self.state.kept.update({"typed": typed.hex(), "reason": reason, "waiting": False})
        self.state.save()
        terminal.leave(code)

    # What it says by itself

    def say(self, text):
        self.write((self.words.get(text, text) + "\r\n").encode())

    def title(self, what):
        # In two pieces, so that a host that reads meanwhile gets it split.
        if self.state["titles"] and not self.booting:
            self.write(b"\x1b]0;" + SNAKE + what)
            self.write(b" | " + RELEASE.encode() + b"\x1b\\")

    def traceback(self, error):
        text = super().traceback(error)
        for name in ERRORS:
            text = text.replace(name.encode(), ERRORS[name].encode())
        return text

    # From power on to the prompt

    def boot(self):
        self.state.save()
        self.booting = True
        host = self.files.host
        with host.open(self.files.root + BOOT_OUTPUT, "w+b") as output:
            terminal = dup(1)
            dup2(output.fileno(), 1)
            uid = "".join(["%02X" % byte for byte in self.uid])
            self.write(("%s\r\nBoard ID:%s\r\nUID:%s\r\n" % (FULL_VERSION, BOARD_ID, uid)).encode())
            self.run_first(BOOT_FILES)
            dup2(terminal, 1)
            close(terminal)
            output.seek(0)
            text = output.read(BOOT_OUTPUT_MOST)
        with host.open(self.files.root + BOOT_OUTPUT, "wb") as output:
            output.write(text)
        self.booting = False
        if self.ran:
            # What boot.py defined is not there any more when code.py runs.
            self.leave(EXIT_SOFT, "STARTUP")

    def reload(self):
        # What was saved stopped the machine before, in the middle of code.py or after it; it could not say so itself.
        if not self.state["waiting"]:
            self.title(b"Done")
            self.write(b"\r\n")
            self.say(CODE_STOPPED)
        self.say(SOFT_REBOOT)
        self.state.kept["waiting"] = False
        self.state["reason"] = "AUTO_RELOAD"

    def code(self):
        autoreload = self.state["autoreload"]
        self.write(("\r\n" + CLEAR_LINE).encode())
        self.say(RELOAD_ON if autoreload else RELOAD_OFF)
        chosen = self.state["next"]
        self.state["next"] = None
        error = self.run_first((chosen,) if chosen else CODE_FILES)
        self.write(b"\r\n")
        self.say(CODE_DONE)
        if isinstance(error, Reload):
            self.say(SOFT_REBOOT)
            self.leave(EXIT_SOFT, "SUPERVISOR_RELOAD")
        if isinstance(error, SystemExit):
            self.leave(EXIT_REPL, "REPL_RELOAD")
        self.wait()

    def wait(self):
        # One byte decides, and is gone.
        self.state["waiting"] = True
        self.write(b"\r\n")
        self.say(PRESS_ANY_KEY)
        if self.undisturbed(self.terminal.byte) == 4:
            self.say(SOFT_REBOOT)
            self.leave(EXIT_SOFT, "REPL_RELOAD")
        self.leave(EXIT_REPL, "REPL_RELOAD")

    def run_first(self, names):
        # Runs the first of these files that is there, and returns what it raised.
        for name in names:
            try:
                if self.files.stat("/" + name)[0] != REGULAR:
                    continue
            except OSError:
                continue
            self.write((CLEAR_LINE if not self.booting else "").encode() + name.encode())
            self.say(OUTPUT)
            self.title(name.encode())
            self.ran = True
            error = self.execute(execfile, name, None, False)
            done = b"Done"
            if error and not isinstance(error, (SystemExit, Reload)):
                text = self.traceback(error)
                self.write(text)
                done = self.place(text) or done
            self.title(done)
            return error
        return None

    def place(self, text):
        # Where an exception came from, for the title: the innermost line, and its type.
        lines = text.split(b"\r\n")
        for at in range(len(lines) - 2, -1, -1):
            if lines[at].startswith(b'  File "'):
                file, _, rest = lines[at][8:].partition(b'", line ')
                return rest.partition(b",")[0] + b"@" + file + b" " + lines[at + 1].partition(b":")[0]
        return b""

    # The REPL

    def raw_repl(self):
        self.run_first(("repl.py",))
        self.undisturbed(self.raw)
        self.title(b"Done")
        self.leave(EXIT_REPL, "REPL_RELOAD")

    def friendly_repl(self):
        self.run_first(("repl.py",))
        self.title(b"REPL")
        self.undisturbed(self.friendly.run)
        self.title(b"Done")
        self.leave(EXIT_SOFT_RAW, "REPL_RELOAD")

    def undisturbed(self, step):
        while True:
            try:
                return step()
            except KeyboardInterrupt:
                # Not from the terminal, which is quiet at the prompt: somebody signalled the process.
                self.terminal.idle()

    def execute(self, start, source, mode, raw, paste=None):
        error = super().execute(start, source, mode, raw, paste)
        if isinstance(error, KeyboardInterrupt) and not (paste and paste.aborted):
            # The USB stack throws away all that it holds when Ctrl-C meets a running program, also what came behind it.
            self.drop_typed()
        return error

    def drop_typed(self):
        # The terminal is idle: a read does not wait.
        terminal = self.terminal
        terminal.wait(PACKET)
        terminal.rest = b""
        terminal.left = 0
        while terminal.readinto(terminal.one):
            pass

    def finish(self, error):
        if isinstance(error, (SystemExit, Reload)):
            self.write(b"\x04\x04")
            self.soft_reset(True)
        super().finish(error)

    def leave_on_exit(self, error, raw):
        if isinstance(error, (SystemExit, Reload)):
            self.soft_reset(raw)

    def soft_reset(self, raw):
        self.title(b"Done")
        self.say(SOFT_REBOOT)
        self.leave(EXIT_SOFT_RAW if raw else EXIT_SOFT, "REPL_RELOAD")

    def reset_broken(self):
        # As on the boards whose heap and names are past use: they start anew, and say what they have always said.
        self.write(b"\x04\x04soft reboot\r\n" if self.is_raw else b"\r\nsoft reboot\r\n")
        self.terminal.leave(EXIT_SOFT_RAW if self.is_raw else EXIT_SOFT)
