# What programs on a simulated board find besides files and a REPL: `machine`, and a `micropython.kbd_intr` that suits a terminal.
import sys
import vfs
import sim_interrupts
import sim_lazy


def install(terminal, here, identity, before):
    sim_interrupts.kbd_intr = terminal.interrupt_character
    become(sim_interrupts, "micropython")
    # Read when a program first asks for something in it: boards without need of it start sooner and keep their heap.
    folder = vfs.VfsPosix(here)

    def load():
        contents = {"__name__": "machine"}
        with folder.open("/machine.py", "r") as file:
            exec(compile(file.read(), "machine.py", "exec"), contents)
        contents["_start"](identity, before, terminal)
        return contents

    sim_lazy.load = load
    become(sim_lazy, "machine")


def become(module, name):
    module.__name__ = name
    del module.__file__
    sys.modules[name] = sys.modules["u" + name] = module


def hide_modules():
    for name in list(sys.modules):
        if name.startswith("sim_"):
            del sys.modules[name]
