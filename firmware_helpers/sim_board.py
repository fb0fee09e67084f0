# What programs on a simulated board find besides files and a REPL: `machine`, and modules of the port where it differs from a board.
import builtins
import gc
import os
import sys

import sim_micropython
import sim_lazy
import sim_sys

# A heap with less free than this is a small one, in bytes.
SMALL = 500000
# How much of a file is read at once.
BLOCK = 1024


def install(port, terminal, friendly, here, identity, before):
    sim_micropython.kbd_intr = terminal.interrupt_character
    builtins.input = friendly.input
    # Read when a program first asks for something in it: boards without need of it start sooner and keep their heap.
    folder = os.VfsPosix(here)

    def load():
        contents = {"__name__": "machine"}
        contents.update({"_port": port, "_terminal": terminal, "_identity": identity, "_before": before})
        with folder.open("/machine.py", "r") as file:
            for piece in definitions(file):
                # Named like our other files, so that tracebacks leave it out: on a board it is no Python.
                exec(compile(piece, here + "/sim_machine.py", "exec"), contents)
        return contents

    sim_lazy.load = load
    for name in list(sys.modules):
        del sys.modules[name]
    become(sim_micropython, "micropython")
    become(sim_lazy, "machine")
    become(sim_sys, "sys")


def definitions(file):
    # Class by class and function by function, which have two blank lines between them: to read and compile all at once takes more heap
    # than small boards have.
    is_small = gc.mem_free() < SMALL
    text = ""
    while block := file.read(BLOCK):
        text += block
        while (end := text.find("\n\n\n")) >= 0:
            if is_small:
                # What is garbage by now would lie between what stays.
                gc.collect()
            yield text[:end]
            text = text[end + 3 :]
    yield text


def become(module, name):
    module.__name__ = name
    del module.__file__
    sys.modules[name] = sys.modules["u" + name] = module
