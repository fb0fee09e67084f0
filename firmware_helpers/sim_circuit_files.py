# The board's `/` on a simulated CircuitPython board: read-only to programs while the host has it as a drive.
from sim_files import Files

EROFS = 30


class CircuitFiles(Files):
    def __init__(self, root, state):
        super().__init__(root)
        self.state = state

    def check(self):
        if not self.state["writable"]:
            raise OSError(EROFS)

    def open(self, path, mode):
        for letter in "wax+":
            if letter in mode:
                self.check()
        return super().open(path, mode)

    def mkdir(self, path):
        self.check()
        super().mkdir(path)

    def remove(self, path):
        self.check()
        super().remove(path)

    def rmdir(self, path):
        self.check()
        super().rmdir(path)

    def rename(self, old, new):
        self.check()
        super().rename(old, new)
