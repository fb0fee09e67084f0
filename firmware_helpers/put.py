# Takes files from the host: each goes to a name beside its own, is checked, and is renamed. Gives mode, size and time of the last.
# The stream: segments of 4 hexadecimal digits, a length (and 8000 for what is deflated), and so many bytes, which `u` and `d` undo.
# A file: a segment with a sum, a size, a number and a path; its content; an empty segment; its hash. At the end one more empty segment.
# A path that ends with a slash is a directory. The number makes the name beside; with 0 the file is written in place.
# After every `c` bytes a record of the kind D grants as many more; z is the window of what is deflated. The host puts in front of this
# what `k`, `u` and `d` are, and whether `B`, the stream, is binary (devsession/session/files/transfer_code.py).
# Names are those of execute.py, which boards have already; h is its dict.
# Language: MicroPython 1.19 and later, CircuitPython 8 and later.
def write(h,c,z):
    import os
    from sys import stdin as i
    if B:i=i.buffer
    l=c
    def g():
        q=h['c']
        h['w'](q[0],q[1],'D','','')
    def r(n):
        nonlocal l
        b=i.read(0)
        while n:
            a=i.read(min(n,l))
            n-=len(a)
            l-=len(a)
            b+=a
            if not l:
                l=c
                g()
        return b
    def s():
        n=int(r(4),16)
        b=u(r(n&32767))
        try:return d(b,z)if n>32767 else b
        except OSError:raise OSError(74)
    g()
    while 1:
        b=s()
        if not b:
            v=os.stat(p)
            return v[0],v[6],v[8]
        if int(b[:4],16)!=sum(b[4:])&65535:raise OSError(74)
        p=str(b[20:],'utf-8')
        q,t=p.rsplit('/',1)
        if not t:
            try:os.mkdir(q)
            except OSError:os.stat(q)
            p=q
            continue
        try:v=os.statvfs(q or'/')
        except AttributeError:v=()
        if v and int(b[4:12],16)>v[0]*v[3]:raise OSError(28)
        n=str(b[12:20],'utf-8')
        t='%s/.devsession-%s'%(q,n)
        if n=='0'*8:t=p
        f=open(t,'wb')
        try:
            o=k()
            b=s()
            while b:
                o.update(b)
                if f.write(b)!=len(b):raise OSError(5)
                b=s()
            f.close()
            if o.digest()!=s():raise OSError(74)
            if t!=p:
                try:os.rename(t,p)
                except OSError as v:
                    if v.args[0]!=17:raise
                    # from here on what is beside may be all that there is
                    n=t
                    t=p
                    try:os.remove(p)
                    except OSError:
                        t=n
                        raise
                    os.rename(n,p)
        except BaseException:
            # as execute.py does it: the unix port's Ctrl-C jumps out of the allocator too
            h['collect']()
            f.close()
            if t!=p:os.remove(t)
            raise
