# Sends values to the host by itself: `devsession_helper.emit(x)`, from anywhere in a program, a thread or a soft callback.
# It is run in _devsession_h (see execute.py), whose names it uses, when a session first wants to hear; `c` is then always that of the present
# attach, and holds 0 between attaches, when nobody would listen. Sent by devsession/board/messages.py.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later.
# A message: 0x1e nonce .0.M length . namespace , value . check 0x1f (devsession/protocol/messages.py).
class M:
    def __init__(s,q):
        s.q=q
    def emit(s,v):
        o=[]
        p=r(v,o)
        # what has no faithful form travels as its type and the beginning of its repr
        if o:p=R(S(T(v)))+','+R(R(v)[:60])
        p='%d,%s'%(s.q,p)
        if N(p)>999:raise ValueError('event too long')
        # in one piece, so that nothing prints into it
        if c[0]:P('\x1e%x.0.M%x.%s.%x\x1f'%(c[0],N(p),p,U(Y(p,'utf-8'))&65535),end='')
import sys
# for modules, which belong to no session: it reaches all of them
if H(sys,'modules'):sys.modules['devsession_helper']=M(-1)
