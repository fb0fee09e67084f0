# Ctrl-C of a running program. The port's own handler of SIGINT jumps out of whatever runs; in the middle of a collection or of the table
# of names that leaves a broken heap or a lock that is never given back. This one looks first, and comes back later when it has to.
import ffi
import gc
import micropython
from micropython import const

_SIGINT = const(2)
_SIGALRM = const(14)
_SIGINT_BIT = const(2)
# How long a look at the table of names and at the heap may take, in microseconds. Much longer than a loaded machine keeps a process waiting:
# an alarm while the look itself holds a lock would leave it locked. A few that hang in a row, and the board resets.
_PATIENCE = const(20000)
_HANGING_LOOKS = const(5)
# When to look at the heap again, in microseconds, and how often before the board resets. A program that collects all the time is at a good
# place for a moment between two collections only: the steps must be small and many, and together longer than the collection of a large heap.
_AGAIN = const(20)
_LOCKED_LOOKS = const(16000)
# How long the check after an interruption may take, in microseconds, before the board resets: a lock that is held is held for ever.
_CHECK = const(200000)

libc = ffi.open(None)


class Busy(Exception):
    pass


class Interrupts:
    # `set_mask` is the number of SIG_SETMASK; `reset` ends the process, as after a soft reset.
    def __init__(self, set_mask, reset):
        self.set_mask = set_mask
        self.reset = reset
        self.busy = Busy()
        self.probing = False
        self.checking = False
        self.taken = False
        self.hanging = 0
        self.locked = 0
        # How often the program itself has locked the heap.
        self.depth = 0
        # Made now: nothing may be allocated in a handler. A string that was no name when it was made: to look it up as one takes the lock
        # of the table of names. The first look enters it there.
        self.name = bytes((98, 117, 115, 121, 63)).decode()
        getattr(self, self.name, None)
        # The signals that are blocked, a bit for each: no system looks at more than 64 of them.
        self.blocked = bytearray(8)
        self.lock = micropython.heap_lock
        self.unlock = micropython.heap_unlock
        self.port = micropython.kbd_intr
        self.alarm = libc.func("I", "ualarm", "II")
        self.signal = libc.func("p", "signal", "iC")
        self.mask = libc.func("i", "sigprocmask", "ipp")
        self.raising = libc.func("i", "raise", "i")
        self.malloc = libc.func("p", "malloc", "L")
        self.free = libc.func("v", "free", "p")
        self.handler = None
        if self.jumps():
            self.handler = ffi.callback("v", self.on_signal, "i")
            self.signal(_SIGALRM, self.handler)
            self.signal(_SIGINT, self.handler)

    def jumps(self):
        # Whether the port raises right in its handler. Later versions do so between two steps of the program, which needs no care.
        later = False
        try:
            self.raising(_SIGINT)
            later = True
            for _ in range(2):
                pass
        except KeyboardInterrupt:
            pass
        return not later

    def on_signal(self, number):
        # Runs between any two instructions of the program: it must not allocate before it is sure to raise. Only the alarm may interrupt it,
        # which says that a look takes too long. While the heap is locked nothing waits for it: neither a call nor a traceback.
        self.block(_SIGINT_BIT)
        self.lock()
        if self.probing:
            raise self.busy
        if self.checking:
            self.reset()
        self.depth = self.unlock()
        self.lock()
        if self.a_look_hangs():
            self.hanging += 1
        elif self.heap_is_locked():
            self.locked += 1
            self.hanging = 0
        else:
            self.unlock()
            self.interrupt()
        if self.hanging > _HANGING_LOOKS or self.locked > _LOCKED_LOOKS:
            self.reset()
        self.unlock()
        # The next look comes after the return from this one: looks within looks would fill the stack.
        self.block(255)
        self.alarm(_AGAIN, 0)

    def block(self, bits):
        # For the sixteen signals that have a number below 17, which these are among.
        self.blocked[0] = self.blocked[1] = bits
        self.mask(self.set_mask, self.blocked, None)

    def interrupt(self):
        self.hanging = self.locked = 0
        self.taken = True
        self.port(3)
        try:
            self.block(0)
            self.raising(_SIGINT)
        finally:
            self.signal(_SIGINT, self.handler)

    def a_look_hangs(self):
        # As it does for ever where the program has the table of names, or is about to have the lock of the heap, or just gives it back. It
        # must not collect meanwhile: the alarm would end that half done.
        automatic = gc.isenabled()
        gc.disable()
        hangs = False
        try:
            self.probing = True
            self.alarm(_PATIENCE, 0)
            getattr(self, self.name, None)
            self.unlock()
            try:
                object()
            except MemoryError:
                pass
            self.alarm(0, 0)
        except Busy:
            hangs = True
            self.block(_SIGINT_BIT)
        self.probing = False
        self.lock()
        while self.unlock() > self.depth:
            pass
        self.lock()
        if automatic:
            gc.enable()
        return hangs

    def heap_is_locked(self):
        self.unlock()
        locked = False
        try:
            object()
        except MemoryError:
            locked = True
        self.lock()
        return locked

    def check(self):
        # After a program that was interrupted, before anything is allocated: resets the board unless heap, names and C library work.
        if not self.taken:
            return
        self.taken = False
        self.checking = True
        self.alarm(_CHECK, 0)
        gc.collect()
        try:
            getattr(self, self.name, None)
            bytearray(64)
            # Beyond what the C library hands out without taking a lock.
            self.free(self.malloc(8000))
        except MemoryError:
            self.reset()
        self.alarm(0, 0)
        self.checking = False
