# The REPL of real firmware (shared/runtime/pyexec.c of MicroPython), in Python: friendly, raw, raw-paste, soft reset.
import io
from sim_files import PASTED
from sim_friendly import Friendly
from sim_signal import Interrupts
from sim_sys import print_exception

# How the process ends, read by devsession/simulator/supervisor.py.
EXIT_BROKEN = 1
EXIT_SOFT = 64
EXIT_SOFT_RAW = 65

# What raw-paste answers first: accepted, then the window of 128 bytes and its first grant.
WINDOW = 128
PASTE_ACCEPTED = b"R\x01\x80\x00\x01"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class Paste(io.IOBase):
    # The body of a raw-paste as a file, so that the port compiles while it arrives and can object early.
    def __init__(self, terminal):
        self.terminal = terminal
        self.left = WINDOW
        self.ended = False
        self.aborted = False
        # What has arrived and how far it is used; the body goes on up to `stop`.
        self.piece = b""
        self.at = 0
        self.stop = 0

    def ioctl(self, request, argument):
        # Request 11 asks for the size of the reader's buffer: the port takes its least, so that it objects soon.
        return 1 if request == 11 else 0

    def readinto(self, buffer):
        # Fills the buffer unless the end comes first: the port takes a short read for the end.
        size = len(buffer)
        filled = 0
        while filled < size and not self.ended:
            at = self.at
            count = min(self.stop - at, size - filled)
            if count:
                buffer[filled : filled + count] = self.piece[at : at + count]
                self.at = at + count
                filled += count
                self.left -= count
                if self.left <= 0:
                    self.left += WINDOW
                    self.terminal.write(b"\x01")
            elif at < len(self.piece):
                self.end(self.piece[at] == 3)
            else:
                self.fetch()
        return filled

    def fetch(self):
        piece = self.terminal.piece()
        stop = piece.find(b"\x03")
        if stop < 0:
            stop = len(piece)
            if piece[-1] == 4:
                stop -= 1
        self.piece = piece
        self.at = 0
        self.stop = stop

    def end(self, aborted):
        self.ended = True
        self.aborted = aborted
        self.terminal.rest = self.piece[self.at + 1 :]
        self.terminal.write(b"\x04")
        if aborted:
            raise KeyboardInterrupt
        self.terminal.running()

    def refuse(self):
        # The program does not compile: say so, then eat what is still coming until the host has understood.
        if self.ended:
            return
        self.ended = True
        self.terminal.write(b"\x04")
        if self.stop < len(self.piece):
            self.terminal.rest = self.piece[self.stop + 1 :]
            return
        # Without allocating anything: the heap may be what the program was too large for.
        self.terminal.discard()


class Console:
    def __init__(self, terminal, files, namespace, set_mask):
        self.terminal = terminal
        self.interrupts = Interrupts(set_mask, self.reset_broken)
        self.is_raw = False
        self.files = files
        self.namespace = namespace
        self.friendly = Friendly(terminal, self.run_friendly)
        self.write = terminal.write

    def run(self, before):
        try:
            self.serve(before == "raw")
        except BaseException:
            # The program closed the terminal, or a command was larger than the heap: a board resets then.
            self.terminal.leave(EXIT_BROKEN)

    def serve(self, raw):
        if self.run_file("boot.py", raw) and not raw:
            self.run_file("main.py", raw)
        while True:
            try:
                if raw:
                    self.raw()
                else:
                    self.friendly.run()
                raw = not raw
            except KeyboardInterrupt:
                # Not from the terminal, which is quiet at the prompt: somebody signalled the process.
                self.terminal.idle()

    def run_file(self, name, raw):
        try:
            self.files.stat("/" + name)
        except OSError:
            return True
        error = self.execute(execfile, name, None, raw)
        self.leave_on_exit(error, raw)
        if error:
            self.write(self.traceback(error))
        return error is None

    def run_friendly(self, source, mode):
        error = self.execute(exec, source, mode, False)
        self.leave_on_exit(error, False)
        if error:
            self.write(self.traceback(error))

    def raw(self):
        self.write(RAW_BANNER)
        line = b""
        while True:
            piece = self.terminal.piece()
            stop = self.control(piece)
            if stop < 0:
                line += piece
                continue
            byte = piece[stop]
            self.terminal.rest = piece[stop + 1 :]
            line += piece[:stop]
            if byte == 4:
                self.run_raw(line)
            elif byte == 2:
                self.write(b"\r\n")
                return
            elif byte == 1:
                if len(line) == 2 and line[0] == 5:
                    self.run_paste(line[1])
                else:
                    self.write(RAW_BANNER)
            line = b""

    def control(self, piece):
        # The place of the first control byte; nearly always there is only the last one.
        first = -1
        for byte in (b"\x04", b"\x03", b"\x02", b"\x01"):
            found = piece.find(byte)
            if found >= 0 and (first < 0 or found < first):
                first = found
        return first

    def run_raw(self, source):
        if not source:
            self.write(b"OK\r\n")
            self.soft_reset(True)
        self.write(b"OK")
        self.finish(self.execute(exec, source, "exec", True))

    def run_paste(self, kind):
        if kind != 65:
            self.write(b"R\x00>")
            return
        self.write(PASTE_ACCEPTED)
        paste = Paste(self.terminal)
        self.files.pasted = paste
        error = self.execute(execfile, PASTED, None, True, paste)
        if self.files.pasted:
            # The program before put another file system in the place of `/`.
            self.files.pasted = None
            error = self.execute(self.execute_pasted, paste, None, True, paste)
        if paste.aborted:
            self.write(b"\x04KeyboardInterrupt: \r\n\x04>")
            return
        paste.refuse()
        self.finish(error)

    def execute_pasted(self, paste, namespace):
        source = b""
        part = bytearray(WINDOW)
        while not paste.ended:
            source += part[: paste.readinto(part)]
        exec(compile(source, "<stdin>", "exec"), namespace)

    def finish(self, error):
        if not error:
            self.write(b"\x04\x04>")
            return
        if isinstance(error, SystemExit):
            self.write(b"\x04\x04")
            self.soft_reset(True)
        self.write(b"\x04" + self.traceback(error) + b"\x04>")

    def execute(self, start, source, mode, raw, paste=None):
        # Runs it and returns what it raised. This is the only frame of ours that a traceback has, apart from those of raw-paste.
        terminal = self.terminal
        terminal.running_settings = terminal.raw_settings if raw else terminal.friendly_settings
        self.is_raw = raw
        error = None
        try:
            try:
                if mode:
                    source = compile(source, "<stdin>", mode)
                if not paste:
                    terminal.running()
                start(source, self.namespace)
                terminal.idle()
            except BaseException as raised:
                terminal.idle()
                error = raised
        except KeyboardInterrupt as raised:
            # A second Ctrl-C while the first was being taken.
            terminal.idle()
            error = raised
        self.interrupts.check()
        return error

    def reset_broken(self):
        # Nothing can be allocated here, nor any name be looked up that was not made before.
        self.write(b"\x04\x04MPY: soft reboot\r\n" if self.is_raw else b"\r\nMPY: soft reboot\r\n")
        self.terminal.leave(EXIT_SOFT_RAW if self.is_raw else EXIT_SOFT)

    def traceback(self, error):
        # With a board's line ends.
        text = io.StringIO()
        try:
            print_exception(error, text)
            return text.getvalue().replace("\n", "\r\n").encode()
        except MemoryError:
            return b"MemoryError: \r\n"
        except UnicodeError:
            # A name in it that is none: what was sent may be anything.
            return b"UnicodeError: \r\n"

    def leave_on_exit(self, error, raw):
        if isinstance(error, SystemExit):
            self.soft_reset(raw)

    def soft_reset(self, raw):
        self.write(b"MPY: soft reboot\r\n")
        self.terminal.leave(EXIT_SOFT_RAW if raw else EXIT_SOFT)
