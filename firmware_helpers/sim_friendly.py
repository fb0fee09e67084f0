# The friendly prompt: line editing as far as people and tools rely on it, blocks, paste mode.
import sim_sys as sys

BANNER = (
    "%s; unix, %s\r\nType \"help()\" for more information.\r\n"
    % (sys.version.partition("; ")[2], sys.implementation._machine)
).encode()
BLOCKS = ("if", "while", "for", "try", "with", "def", "class", "async")


def starts_block(text):
    if text[:1] == "@":
        return True
    for word in BLOCKS:
        if text.startswith(word):
            after = text[len(word) : len(word) + 1]
            return not (after.isalpha() or after.isdigit() or after == "_")
    return False


def unfinished(text):
    # Whether more lines are needed: the rules of firmware (py/repl.c), which only count brackets and quotes.
    depth = 0
    quote = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character in "'\"":
            triple = text[at : at + 3] == character * 3
            if triple and quote in ("", character * 3):
                quote = "" if quote else character * 3
                at += 2
            elif quote in ("", character):
                quote = "" if quote else character
        elif character == "\\" and text[at + 1 : at + 2] in ("'", '"', "\\"):
            at += 1 if quote else 0
        elif not quote:
            depth += (character in "([{") - (character in ")]}")
        at += 1
    if len(quote) == 3 or (depth > 0 and not quote) or text.endswith("\\"):
        return True
    return starts_block(text) and not text.endswith("\n")


class Friendly:
    banner = BANNER

    def __init__(self, terminal, execute):
        self.terminal = terminal
        self.write = terminal.write
        self.execute = execute
        self.history = []

    def run(self):
        # Returns when Ctrl-A asks for the raw REPL; a soft reset does not return.
        self.write(self.banner)
        while True:
            line = self.line(sys.ps1)
            if line == b"\x01":
                self.write(b"\r\n")
                return
            if line == b"\x02":
                self.write(b"\r\n" + self.banner)
            elif line == b"\x03":
                self.write(b"\r\n")
            elif line == b"\x04":
                self.write(b"\r\n")
                # The same as a program that ends with SystemExit.
                self.execute(b"raise SystemExit", "exec")
            elif line == b"\x05":
                self.paste()
            elif line:
                self.block(line)

    def block(self, line):
        while unfinished(line.decode()):
            more = self.line(sys.ps2)
            if more == b"\x03":
                self.write(b"\r\n")
                return
            if more == b"\x04":
                break
            line += b"\n" + (more if more >= b"\x06" else b"")
        self.execute(line, "single")

    def paste(self):
        self.write(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
        text = bytearray()
        while True:
            byte = self.terminal.byte()
            if byte == 3:
                self.write(b"\r\n")
                return
            if byte == 4:
                self.write(b"\r\n")
                self.execute(bytes(text), "exec")
                return
            text.append(byte)
            self.write(b"\r\n=== " if byte == 13 else bytes((byte,)))

    def input(self, prompt=""):
        # The built-in function: the port's own throws away what was typed ahead.
        print(prompt, end="")
        line = self.line("")
        if line == b"\x03":
            raise KeyboardInterrupt
        if line == b"\x04":
            raise EOFError
        return (line if line >= b"\x06" else b"").decode()

    def line(self, prompt):
        # One line; or, typed while it is still empty, one of Ctrl-A to Ctrl-E.
        self.write(prompt.encode())
        line = bytearray()
        seen = len(self.history)
        while True:
            byte = self.terminal.byte()
            if byte == 13:
                self.write(b"\r\n")
                self.remember(line)
                return bytes(line)
            if byte == 3 or (byte <= 5 and not line):
                return bytes((byte,))
            if byte in b"\x08\x7f":
                self.rub_out(line)
            elif byte == 27:
                seen = self.recall(line, seen)
            elif byte >= 32:
                line.append(byte)
                self.write(bytes((byte,)))

    def rub_out(self, line):
        # Takes a whole character: the bytes 0x80 to 0xbf go on with one that began before.
        if not line:
            return
        while len(line) > 1 and 0x80 <= line[-1] < 0xC0:
            line[:] = line[:-1]
        line[:] = line[:-1]
        self.write(b"\x08\x1b[K")

    def remember(self, line):
        if line and bytes(line) not in self.history[-1:]:
            self.history.append(bytes(line))
            del self.history[:-8]

    def recall(self, line, seen):
        # Up and down go through the last eight lines; other keys that send an escape sequence do nothing.
        if self.terminal.byte() != 91:
            return seen
        byte = self.terminal.byte()
        while not 64 <= byte < 127:
            byte = self.terminal.byte()
        if byte not in b"AB":
            return seen
        seen = max(0, min(len(self.history), seen + (1 if byte == 66 else -1)))
        while line:
            self.rub_out(line)
        line.extend(self.history[seen] if seen < len(self.history) else b"")
        self.write(bytes(line))
        return seen
