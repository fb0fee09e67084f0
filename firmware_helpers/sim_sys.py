# Becomes `sys` on a simulated board: everything of the port's own, but tracebacks without the simulator's frames.
import io
import sys as port
from sys import *

# Not copied by the star: these live behind the module, and a program may set them. A new list as `path` has no effect on imports here;
# changes to the list that is there have.
path = port.path
ps1 = port.ps1
ps2 = port.ps2
# What begins the line of a traceback that names a file of the simulator.
own_frame = '  File "%s/sim_' % __file__.rpartition("/")[0]


def print_exception(error, file=stdout):
    text = io.StringIO()
    port.print_exception(error, text)
    lines = [line for line in text.getvalue().split("\n") if not line.startswith(own_frame)]
    file.write("\n".join(lines).replace('  File "/<stdin>"', '  File "<stdin>"'))
