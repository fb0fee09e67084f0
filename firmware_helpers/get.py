# Sends files to the host: their content in records of the kind D, made of `c` bytes or fewer; an empty one ends each. Gives their hashes.
# `p` is a list of (path, where to begin, how many bytes at most; -1: all). The host puts in front of this what `k` and `u` are,
# and whether `B`, the stream, is binary (devsession/session/files/transfer_code.py).
# Names are those of execute.py, which boards have already; h is its dict.
# Language: MicroPython 1.19 and later, CircuitPython 8 and later.
def read(h,c,p):
    from sys import stdout as w
    if B:w=w.buffer
    v=[]
    def g(b):
        q=h['c']
        n='%x'%len(b)
        t='\x1e%x.%x.D%s.'%(q[0],q[1],n)
        e='.%s\x1f'%n
        if B:w.write(t.encode()+b+e.encode())
        else:w.write(t+b+e)
    for q,n,m in p:
        f=open(q,'rb')
        try:
            if n:f.seek(n)
            o=k()
            while m:
                b=f.read(min(m,c)if m>0 else c)
                if not b:break
                o.update(b)
                g(u(b))
                if m>0:m-=len(b)
        finally:f.close()
        g(u(b''))
        v.append(o.digest())
    return v
