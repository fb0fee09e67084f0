# Runs a program for the host and says with records when it begins, what it gives, and how it ends.
# It is run in a dict of its own, _devsession_h, where G is the namespace of __main__, and h the namespaces of sessions by their numbers
# and methods by their keys, which outlive the helper of one attach. `x` is then _devsession in __main__. No other name is taken, and none
# is relied on: a program may call its own things `sum`, `str` or `print`.
# Sent with the first command of an attach, or function by function to a board with little heap.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later.
# A record: 0x1e nonce . number . kind length . payload . check 0x1f, numbers in hexadecimal (devsession/protocol/records.py).
S,R,T,N,I,P,X,A,H,Y=str,repr,type,len,isinstance,print,exec,eval,hasattr,bytes
from gc import collect,mem_free
B,Q,K,U=BaseException,SystemExit,KeyboardInterrupt,sum
# Nonce and number of the exec started last: a host that lost the wire asks for it. And whether there is little heap.
c=[0,0,0]
# Looks whether the program may begin, tells that it does, and gives its namespace. A function of its own: on a small board the source of
# each is held three times in one piece while it gets there.
def y(k,n,m,s,d,q):
    # d is the check of what was sent: a program that was damaged on its way does not begin; q the namespace, 0 for __main__
    if U(s if m>2 else Y(s,'utf-8'))+k+m+n+q&65535!=d-100000:raise B(d)
    if m>2 and s[:6] not in h:raise B(s[:6])
    g=G
    if q and m<2:
        g=h.get(q)
        if g is None:g=h[q]={'__name__':'__main__'}
    # the first exec of an attach tells the free heap; the line end shows whether this port cooks them
    if c[0]!=k:c[2]=mem_free()
    # a small heap is soon in pieces too small for the compiler
    if c[2]<16384:
        collect()
        c[2]=mem_free()
    if m>2 and c[0]==k:P('\x1e%x.B'%k,end='\x1f')
    else:w(k,n,'S','' if c[0]==k else S(c[2]),'\n')
    return g
def x(k,n,m,s,d=0,q=0):
    # the call of a method has its key and arguments for m, the check for s
    if I(m,Y):s,d,m=m,s,3
    g=y(k,n,m,s,d,q)
    e=''
    o=[]
    try:
        if m==2:return w(k,n,'V',R(c[:2]),'')
        c[0]=k
        c[1]=n
        if m:
            # None too: no value is one that was lost
            v=r(A(b'x('+s[6:]+b')',{'x':h[s[:6]]})if m>2 else A(s,g),o)
            if m>2 and not o:
                # one record for value and end
                e=None
                return w(k,n,'R',v,'')
            if o:w(k,n,'U',R(S(T(o[0])))+','+R(R(o[0])[:200]),'')
            else:w(k,n,'V',v,'')
        else:X(s,g)
    except Q as v:
        e=r(v.args,o)
        if o:e=r((S(o[0]),),o)
    except B as v:
        # the end says that there was one, should its own record get lost
        e='T'
        # the unix port's Ctrl-C jumps out of anything, the allocator too: collect before anything is allocated
        if I(v,K):collect()
        w(k,n,'T','','')
        import sys
        # CircuitPython has no sys.print_exception: there the raw REPL prints it, after the end
        if not H(sys,'print_exception'):raise
        sys.print_exception(v)
    finally:
        if e!=None:w(k,n,'E',e,'')
# A value as text: floats as their bits, as repr loses digits; o collects what has no faithful form.
def r(v,o):
    n=S(T(v))[8:-2]
    if n in('NoneType','bool','int','str','bytes','bytearray','range'):return R(v)
    if n=='float':
        from struct import pack,unpack
        return '@%04x%04x%04x%04x'%unpack('>HHHH',pack('>d',v))
    if n=='complex':return n+r((v.real,v.imag),o)
    d=n in('dict','OrderedDict')
    if not d and n not in('list','tuple','set','frozenset','array'):
        o.append(v)
        return ''
    # loops, not comprehensions: those are calls, and small boards have little stack
    a=[]
    for x in v:a.append(r(x,o)+(':'+r(v[x],o)if d else ''))
    a=','.join(a)
    if d:return '{'+a+'}'
    if n=='tuple':return '('+a+(a and',')+')'
    a='['+a+']'
    if n=='list':return a
    return n+(R(R(v)[7])+a if n=='array'else '('+a+')')
def w(k,n,t,p,e):
    b=Y(p,'utf-8')
    h='\x1e%x.%x.%s%x.'%(k,n,t,N(b))
    b='.%x\x1f'%(U(b)&65535)
    # in one piece, so that no thread prints into it; long ones in three, to spare the heap
    if N(p)<999:P(h+p+b,end=e)
    else:P(h,p,b,sep='',end=e)
