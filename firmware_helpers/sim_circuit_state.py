# What of a simulated CircuitPython board outlives its virtual machines, until a hard reset.
import json
import os


class State:
    def __init__(self, path, before, drive):
        self.path = path
        self.host = os.VfsPosix()
        # Whether saving a file starts code.py anew; whether programs may write; whether the host has the files as a drive; whether titles
        # are sent; whether code.py has ended and a byte is waited for (read by devsession/simulator/circuitpython.py); why this machine
        # was started; what was typed and not used; which file is to run instead of code.py.
        self.kept = {
            "autoreload": True,
            "writable": not drive,
            "drive": drive,
            "titles": True,
            "waiting": False,
            "reason": "STARTUP",
            "typed": "",
            "next": None,
        }
        if before in ("soft", "raw", "repl", "reload"):
            with self.host.open(path, "r") as file:
                self.kept = json.load(file)

    def __getitem__(self, name):
        return self.kept[name]

    def __setitem__(self, name, value):
        self.kept[name] = value
        self.save()

    def save(self):
        # The host reads it at any time: whole or not at all.
        with self.host.open(self.path + ".new", "w") as file:
            json.dump(self.kept, file)
        self.host.rename(self.path + ".new", self.path)
