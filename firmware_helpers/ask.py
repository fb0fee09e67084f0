# What a session's programs have for `input` where somebody at the host answers: it says what is asked, then reads the line itself.
# Beside it `pause_point`: the host lets the program go on at once, or when it is to. Run behind emit.py, in the same dict; told to
# devsession/board/messages.py. Without a sys.stdin (micro:bit) the firmware's own input reads, which echoes.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later.
# A message: namespace , None , prompt (None at a pause point) , whether a line is read as programs read files.
def i(g,q,t):
    # in one function, emit.py's line too: small boards have little stack
    def b(p=''):
        if p!=None:
            p=S(p)
            P(p,end='')
            p=p[-80:]
        p='%d,None,%s,%s'%(q,R(p),t)
        if c[0]:P('\x1e%x.0.M%x.%s.%x\x1f'%(c[0],N(p),p,U(Y(p,'utf-8'))&65535),end='')
        if not t:return input()
        l=sys.stdin.readline()
        if not l:raise EOFError
        return l.rstrip('\r\n')
    def d():b(None)
    g['input']=b
    g['pause_point']=d
