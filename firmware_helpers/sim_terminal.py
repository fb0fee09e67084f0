# The terminal of a simulated board: when Ctrl-C interrupts and when it is a byte, input in pieces, output.
import _thread
import ffi
import select
import sys
import termios

# Positions in the list that tcgetattr gives.
OUTPUT_FLAGS = 1
LOCAL_FLAGS = 3
CHARACTERS = 6
# setvbuf's "unbuffered", the same on Linux and macOS.
UNBUFFERED = 2
# How much input is taken onto the board's heap at a time.
PIECE = 2048

libc = ffi.open(None)
_exit = libc.func("v", "_exit", "i")
find = libc.func("p", "memchr", "piL")


def nothing(number):
    pass


class Terminal:
    # Three settings. Idle: Ctrl-C is a byte, and a read returns at once with what is there. Running: Ctrl-C is SIGINT, a read waits for
    # a byte. Running at the friendly prompt: as well, the line ends of what the program prints become \r\n, as a person's terminal wants.
    # `waking` is the number of a signal that means nothing in itself.
    def __init__(self, isig, vmin, vintr, cooked, waking):
        self.isig = isig
        self.vintr = vintr
        self.idle_settings = self.settings(0, vmin, 0, 0)
        self.raw_settings = self.settings(isig, vmin, 1, 0)
        self.friendly_settings = self.settings(isig, vmin, 1, cooked)
        self.running_settings = self.raw_settings
        self.write = sys.stdout.buffer.write
        self.readinto = sys.stdin.buffer.readinto
        self.one = bytearray(1)
        # What was read and is not used: first `rest`, then `left` bytes at `address` in the C library's memory.
        self.rest = b""
        self.address = 0
        self.left = 0
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        self.wait = poll.poll
        self.idle()
        self.open_stream()
        self.waking = waking
        self.main = _thread.get_ident()
        self.handler = ffi.callback("v", nothing, "i")
        self.send = libc.func("i", "pthread_kill", "Li")
        libc.func("p", "signal", "iC")(waking, self.handler)

    def settings(self, isig, vmin, least, cooked):
        settings = termios.tcgetattr(0)
        settings[OUTPUT_FLAGS] = cooked
        settings[LOCAL_FLAGS] = settings[LOCAL_FLAGS] & ~self.isig | isig
        settings[CHARACTERS][vmin] = least
        return settings

    def open_stream(self):
        # An unbuffered C stream, so that getdelim takes nothing beyond the end of a command: what follows is for the program's own stdin.
        stream = libc.func("p", "fdopen", "is")(0, "r")
        libc.func("i", "setvbuf", "ppil")(stream, None, UNBUFFERED, 0)
        getdelim = libc.func("l", "getdelim", "ppip")
        clear = libc.func("v", "clearerr", "p")
        memory = bytearray(8)
        size = bytearray(8)

        def refill():
            count = getdelim(memory, size, 4, stream)
            clear(stream)
            self.address = int.from_bytes(memory, "little")
            self.left = max(count, 0)

        self.refill = refill

    def idle(self):
        termios.tcsetattr(0, termios.TCSANOW, self.idle_settings)

    def running(self):
        termios.tcsetattr(0, termios.TCSANOW, self.running_settings)

    def interrupt_character(self, character):
        # What micropython.kbd_intr does here: the port's own would leave SIGINT to its default action, which ends the process.
        settings = termios.tcgetattr(0)
        settings[LOCAL_FLAGS] &= ~self.isig
        if character >= 0:
            settings[LOCAL_FLAGS] |= self.isig
            settings[CHARACTERS][self.vintr] = bytes((character,))
        termios.tcsetattr(0, termios.TCSANOW, settings)

    def fill(self):
        # Waits until there is something in the C library's memory, where it costs the board's heap nothing.
        while not self.left:
            if self.wait()[0][1] != select.POLLIN:
                self.leave(0)
            self.refill()

    def skip(self, count):
        self.address += count
        self.left -= count

    def piece(self):
        # At least one byte, and nothing beyond the first Ctrl-D.
        piece = self.rest
        if piece:
            self.rest = b""
            return piece
        self.fill()
        count = min(self.left, PIECE)
        piece = bytes(ffi.as_bytearray(self.address, count))
        self.skip(count)
        return piece

    def discard(self):
        # Drops all up to and with the next Ctrl-C or Ctrl-D. Allocates nothing.
        while True:
            self.fill()
            end = find(self.address, 3, self.left) or find(self.address, 4, self.left)
            if end:
                self.skip(end - self.address + 1)
                return
            self.skip(self.left)

    def byte(self):
        # One byte as a number, and nothing beyond it.
        if self.left and not self.rest:
            self.rest = self.piece()
        if self.rest:
            byte = self.rest[0]
            self.rest = self.rest[1:]
            return byte
        while not self.readinto(self.one):
            if self.wait()[0][1] != select.POLLIN:
                self.leave(0)
        return self.one[0]

    def wake(self):
        # From another thread: ends a wait of the main one for a moment, so that what was scheduled runs.
        self.send(self.main, self.waking)

    def leave(self, code):
        # At once, without the port's own clean-up: that can hang or crash when threads are left.
        _exit(code)
