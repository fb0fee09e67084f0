# What the host wants to know of a board. Each program runs in a dictionary of its own, dropped behind it, and leaves a list `o`.
# Sent by devsession/session/probe.py; devsession/session/report.py names the facts in the order of this file.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later; no backslash, no triple quote.
# No peripheral is made, no radio switched on, nothing written, no file of the user's run that a module of the firmware hides;
# what got imported on the way is taken out again.
# -- fingerprint: which firmware, on which chip, with how much heap. Budget as sent: 400 bytes, so that it fits behind execute.py.
import sys as s,gc
i=s.implementation
k=getattr(s,'modules',{})
b=list(k)
gc.collect()
o=[i[0],tuple(i[1]),s.platform,s.version,gc.mem_free(),gc.mem_alloc()]
try:o.append([bytes(__import__('microcontroller').cpu.uid if i[0][0]=='c'else __import__('machine').unique_id())])
except Exception as e:o.append(repr(e))
for n in list(k):
    if n not in b:del k[n]
# -- asking: what the questions need. Budget as sent: 600 bytes.
import sys as s
i=s.implementation
c=i[0][0]=='c'
k=getattr(s,'modules',{})
b=list(k)
o=[]
# the name with u is the firmware's own module, whatever file the user gave the other name
def m(n):
    try:return __import__('u'+n)
    except ImportError:return __import__(n)
def f():
    u=m('os')
    v=u.statvfs
    try:p=[(x[1],str(type(x[0]))[8:-2])for x in m('vfs').mount()]
    except Exception:p=[(x,'')for x in(['/']if v('/')[2]else['/'+x for x in u.listdir('/')])]
    return[x+tuple(v(x[0])[:4])for x in p]
# a fact in a list of its own, or which exception came instead
def t(q):
    import gc
    a=0
    w=gc.mem_free()<16384
    try:
        while a<len(q):
            # a small heap is soon in pieces too small for the compiler
            w and gc.collect()
            z=q.find(';',a)
            try:o.append([eval(q[a:z])])
            except Exception as e:o.append(str(type(e))[8:-2])
            a=z+1
    finally:
        for n in list(k):
            if n not in b:del k[n]
# -- questions: one a line, each compiled by itself: that takes less heap. Budget as sent: 900 bytes, for boards with 9 KB of heap.
i._machine
i._build
i._thread
i._mpy
i.mpy
# numbers are made while it runs: what a port lacks would be a syntax error
(lambda n:1<<n>>n==1)(62)
(lambda n:1<<n>>n==1)(80)
tuple(m('os').uname())
c and __import__('board').board_id
__import__('microcontroller').cpu.frequency if c else m('machine').freq()
f()
c and __import__('storage').getmount('/').readonly
(1+3/(1<<24)!=1,1+3/(1<<24)/512!=1)
s.maxsize
len(chr(8364))
exec('async def f():await f()',{})
callable(compile)
hasattr(s.stdout,'buffer')
c or[x for x in dir(m('machine'))if x[0]<'_'or x=='freq']
dir(m('hashlib'))
c and bool(m('hashlib').new('sha1'))
c and bool(m('hashlib').new('sha256'))
dir(m('binascii'))
'write'in dir(m('deflate').DeflateIO)
m('time').gmtime(0)[0]
# the list of modules is printed
help('modules')
