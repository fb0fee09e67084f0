# What the host wants to know of a board. Each program runs in a dictionary of its own, dropped behind it, and leaves a list `o`.
# Sent by devsession/session/probe.py, with the questions of devsession/session/questions.py, which use the names made here.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later; no backslash, no triple quote.
# No peripheral is made, no radio switched on, nothing written, no file of the user's run that a module of the firmware hides;
# what got imported on the way is taken out again.
# -- fingerprint: which firmware, on which chip, with how much heap. Budget as sent: 540 bytes, so that it fits behind execute.py.
import sys as s
i=getattr(s,'implementation',('',()))
k=getattr(s,'modules',{})
b=list(k)
o=[i[0],tuple(i[1]),getattr(s,'platform',''),getattr(s,'version','')]
try:
    import gc
    gc.collect()
    o+=[gc.mem_free(),gc.mem_alloc()]
except Exception:o+=[-1,0]
try:o.append([bytes(__import__('microcontroller').cpu.uid if i[0][:1]=='c'else __import__('machine').unique_id())])
except Exception as e:o.append(repr(e))
# how exact its floats are: methods want to know that on the smallest board
try:o.append((1+3/(1<<24)>1)+(1+3/(1<<24)/512>1))
except TypeError:o.append(-1)
for n in list(k):
    if n not in b:del k[n]
# -- asking: what the questions need. Budget as sent: 600 bytes.
import sys as s
i=getattr(s,'implementation',('',()))
c=i[0][:1]=='c'
k=getattr(s,'modules',{})
b=list(k)
o=[]
# the name with u is the firmware's own module, whatever file the user gave the other name
def m(n):
    try:return __import__('u'+n)
    except ImportError:return __import__(n)
# a fact in a list of its own, or the type of what came instead
def t(q):
    a=0
    try:
        import gc
        w=gc.mem_free()<16384
    except Exception:w=0
    try:
        while a<len(q):
            # a small heap is soon in pieces too small for the compiler
            w and gc.collect()
            z=q.find(';',a)
            try:
                v=eval(q[a:z],globals())
                if v is None or type(v)in(str,int,bool,list,tuple):v=[v]
            except Exception as e:v=e
            o.append(v if type(v)==list else str(type(v))[8:-2])
            a=z+1
    finally:
        for n in list(k):
            if n not in b:del k[n]
# -- places: the file systems, compiled by itself: that takes less heap. Budget as sent: 260 bytes.
def f():
    u=m('os')
    v=u.statvfs
    try:p=[(x[1],str(type(x[0]))[8:-2])for x in m('vfs').mount()]
    except Exception:p=[(x,'')for x in(['/']if v('/')[2]else['/'+x for x in u.listdir('/')])]
    return[x+tuple(v(x[0])[:4])for x in p]
