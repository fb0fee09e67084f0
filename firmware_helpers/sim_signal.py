# Ctrl-C of a running program. The port's own handler of SIGINT jumps out of whatever runs; in the middle of a collection or of the table
# of names that leaves a broken heap or a lock that is never given back. This one looks first, and comes back later when it has to.
import ffi
import gc
import micropython

SIGINT = 2
SIGALRM = 14
# How long the table of names may be taken before that counts as busy, in microseconds. Much longer than a loaded machine keeps a process
# waiting: an alarm while the look itself holds the table would leave it locked. A few such looks, and the board resets.
PATIENCE = 20000
NAME_LOOKS = 5
# When to look at the heap again, in microseconds, and how often before the board resets: longer than the collection of a large heap.
AGAIN = 29
HEAP_LOOKS = 4000
# How long the check after an interruption may take, in microseconds, before the board resets: a lock that is held is held for ever.
CHECK = 200000

libc = ffi.open(None)


class Busy(Exception):
    pass


class Interrupts:
    # `unmask` is the number of SIG_SETMASK; `reset` ends the process, as after a soft reset.
    def __init__(self, unmask, reset):
        self.unmask = unmask
        self.reset = reset
        self.busy = Busy()
        self.probing = False
        self.checking = False
        self.taken = False
        self.name_looks = 0
        self.heap_looks = 0
        # Made now: nothing may be allocated in a handler. A string that was no name when it was made: to look it up as one takes the lock
        # of the table of names. The first look enters it there.
        self.name = bytes((98, 117, 115, 121, 63)).decode()
        getattr(self, self.name, None)
        self.nobody = bytes(128)
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
            self.signal(SIGALRM, self.handler)
            self.signal(SIGINT, self.handler)

    def jumps(self):
        # Whether the port raises right in its handler. Later versions do so between two steps of the program, which needs no care.
        later = False
        try:
            self.raising(SIGINT)
            later = True
            for _ in range(2):
                pass
        except KeyboardInterrupt:
            pass
        return not later

    def on_signal(self, number):
        # Runs between any two instructions of the program: it must not allocate before it is sure to raise.
        self.mask(self.unmask, self.nobody, None)
        if self.probing:
            # Only the alarm says that the look takes too long; another Ctrl-C must not end it while it holds the table itself.
            if number == SIGALRM:
                raise self.busy
            return
        if self.checking:
            self.reset()
        if self.names_are_busy():
            self.name_looks += 1
        elif self.heap_is_busy():
            self.heap_looks += 1
            self.name_looks = 0
        else:
            self.interrupt()
        if self.name_looks > NAME_LOOKS or self.heap_looks > HEAP_LOOKS:
            self.reset()
        self.alarm(AGAIN, 0)

    def interrupt(self):
        self.name_looks = self.heap_looks = 0
        self.taken = True
        self.port(3)
        try:
            self.raising(SIGINT)
        finally:
            self.signal(SIGINT, self.handler)

    def names_are_busy(self):
        busy = False
        self.lock()
        try:
            self.probing = True
            self.alarm(PATIENCE, 0)
            getattr(self, self.name, None)
            self.alarm(0, 0)
            self.probing = False
        except Busy:
            self.probing = False
            self.mask(self.unmask, self.nobody, None)
            busy = True
        self.unlock()
        return busy

    def heap_is_busy(self):
        try:
            object()
        except MemoryError:
            return True
        return False

    def check(self):
        # After a program that was interrupted, before anything is allocated: resets the board unless heap, names and C library work.
        if not self.taken:
            return
        self.taken = False
        self.checking = True
        self.alarm(CHECK, 0)
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
