# What the host wants to know of a board, in two programs; each runs in a dictionary of its own, dropped behind it, and leaves a list `o`.
# Sent by devsession/session/probe.py; devsession/session/report.py names the facts in the order of this file.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later; no backslash and no triple quote.
# No peripheral is made, no radio switched on, nothing written; what got imported on the way is taken out again.
# -- fingerprint: which firmware, on which chip, with how much heap. Budget as sent: 320 bytes, so that it fits behind execute.py.
import sys as s,gc
i=s.implementation
gc.collect()
o=[i[0],tuple(i[1]),s.platform,s.version,gc.mem_free(),gc.mem_alloc()]
try:o.append([bytes(__import__('microcontroller').cpu.uid if i[0][0]=='c'else __import__('machine').unique_id())])
except Exception as e:o.append(repr(e))
# -- facts: all the others. Budget as sent: 1,420 bytes, for boards with 9 KB of heap.
import sys as s
i=s.implementation
c=i[0][0]=='c'
k=getattr(s,'modules',{})
b=list(k)
# a fact in a list of its own, or why it cannot be told
o=[]
def t(p):
    try:o.append([p()])
    except Exception as e:o.append(repr(e))
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
def h():
    u=m('hashlib')
    if not c:return[x for x in dir(u)if'_'not in x]
    r=[]
    for x in'sha1','sha256':
        try:
            u.new(x)
            r.append(x)
        except ValueError:pass
    return r
for n in'_machine','_build','_thread','_mpy','mpy':t(lambda:getattr(i,n))
for n in 62,80:t(lambda:1<<n>>n==1)
# numbers are made while it runs: what a port lacks would be a syntax error
for p in(
    lambda:tuple(m('os').uname()),
    lambda:m('board').board_id,
    lambda:m('microcontroller').cpu.frequency if c else m('machine').freq(),
    f,
    lambda:m('storage').getmount('/').readonly,
    lambda:(1+3/(1<<24)!=1,1+3/(1<<24)/512!=1),
    lambda:s.maxsize,
    lambda:len(chr(8364)),
    lambda:exec('async def f():await f()',{}),
    lambda:callable(compile),
    lambda:hasattr(s.stdout,'buffer'),
    lambda:[x for x in dir(m('machine'))if x[0]<'_'],
    h,
    lambda:dir(m('binascii')),
    lambda:'write'in dir(m('deflate').DeflateIO),
    lambda:m('time').gmtime(0)[0],
    # the list of modules is printed
    lambda:help('modules'),
):t(p)
for n in list(k):
    if n not in b:del k[n]
