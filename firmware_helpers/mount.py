# Shows a directory of the host as a file system. Every request is a record of the kind Q: a tuple of its number, the directory's, a letter,
# and arguments. The host answers on standard input, and only while a program of devsession's runs: what is asked at another time, by a
# thread, or by a callback in the middle of a request fails at once.
# An answer: 10 41, number, errno, length of what follows and check, each in 4 hexadecimal digits, and so much, which `u` undoes.
# The host puts in front of this what `u` is and whether `B`, the stream, is binary (devsession/session/files/mount_code.py).
# Language: MicroPython 1.19 and later.
import io,sys
try:import vfs as o
except ImportError:import os as o
try:from _thread import get_ident as t
except ImportError:t=lambda:0
I=sys.stdin
# where there is nothing to wait with, it is waited for without a limit
try:
    from select import poll
    P=poll()
    P.register(I,1)
    P=P.ipoll
except ImportError:P=lambda a:(0,)
if B:I=I.buffer
# Number of the last request; 0: no program runs, 1: one does, 2: it waits for an answer; the thread of programs; the helper's dict and its
# function; what is mounted
g=[0,0,0,0,0,{}]
# Refuses what cannot be answered.
def v():
    if g[1]-1 or t()!=g[2]:raise OSError(16 if g[1]else 19)
# Prints a request.
def w(*a):
    q=g[3]['c']
    b=repr(a)
    a=bytes(b,'utf-8')
    print('\x1e%x.%x.Q%x.%s.%x\x1f'%(q[0],q[1],len(a),b,sum(a)&65535),end='')
# Reads what fills m. The last bytes one by one: should some have been lost, they are not waited for without end.
def r(m):
    a=0
    c=bytearray(1)
    while a<len(m):
        for b in P(4000):break
        else:raise OSError(110)
        if len(m)-a>512:
            I.readinto(m[a:a+256])
            a+=256
        else:
            I.readinto(c)
            # where Ctrl-C is a byte as others
            if c[0]==3:raise KeyboardInterrupt
            m[a]=c[0]
            a+=1
# Asks, and gives the answer, which has n bytes or fewer on its way.
def q(n,*a):
    v()
    # memory first: an answer under way has to be read
    m=memoryview(bytearray(n))
    g[0]=g[0]%65535+1
    g[1]=2
    try:
        w(g[0],*a)
        b=b''
        # what an interrupted request left comes before
        while b!=b'\x10A%04x'%g[0]:
            r(m[:1])
            b=(b+m[:1])[-6:]
        r(m[:12])
        e,n,c=[int(bytes(m[a:a+4]),16)for a in(0,4,8)]
        m=m[:n]
        if len(m)==n:r(m)
        if len(m)<n or sum(m)+e+n&65535!=c:raise OSError(5)
    except BaseException:
        # some of it may come yet
        g[1]=1
        w(0)
        raise
    g[1]=1
    if e:raise OSError(e)
    return u(bytes(m))
# Stands for the helper's function: a program begins, and ends.
def x(*a):
    try:
        g[1]=1
        return g[4](*a)
    finally:g[1]=0
class V:
    def __init__(s,n,z):
        s.n=n
        s.z=z
        s.d='/'
        s.x=()
    def q(s,o,p,*a):
        s.x=()
        return q(1100,s.n,o,s.j(p),*a)
    def j(s,p):
        return p if p[:1]=='/'else s.d+p
    # asks for a block, for less where others have the memory
    def k(s,*a):
        s.x=()
        while 1:
            try:return q(s.z,s.n,*(a+(s.z,)))
            except MemoryError:
                if s.z<512:raise
                s.z>>=1
    def i(s,b):
        return tuple([int(a)for a in str(b,'utf-8').split()])
    def mount(s,r,k):pass
    def umount(s):pass
    def open(s,p,m):return F(s,p,m)
    def stat(s,p):
        p=s.j(p)
        if p in s.x:raise OSError(2)
        b=s.q('s',p)
        if len(b)>1:return s.i(b)
        # an import asks for these next, and there is nothing whose name begins so
        if not b:s.x=p+'.py',p+'.mpy'
        raise OSError(2)
    def statvfs(s,p):return s.i(s.q('f',p))
    def remove(s,p):s.q('d',p)
    def rmdir(s,p):s.q('e',p)
    def mkdir(s,p):s.q('k',p)
    def rename(s,p,t):s.q('n',p,s.j(t))
    def chdir(s,p):s.d=str(s.q('h',p),'utf-8')
    def getcwd(s):return s.d[:-1]or'/'
    def ilistdir(s,p):
        p=s.j(p)
        return s.l(p,s.k('l',p,0))
    def l(s,p,b):
        k=0
        while b[1:]:
            for a in str(b[1:],'utf-8').split('/'):
                k+=1
                yield a[9:],int(a[0])<<12,0,int(a[1:9],16)
            if b[0]==49:break
            b=s.k('l',p,k)
class F(io.IOBase):
    # n: the host's number of it, 0 when all of it is here; p: position; b: what is here, from a on; e: 49 when the file ends behind that
    def __init__(s,v,p,m):
        b=v.k('o',v.j(p),m)
        s.v=v
        s.n=int(b[:8],16)
        s.p=int(b[8:16],16)
        s.e=b[16]
        s.b=b[17:]
        s.a=0
        s.t='b'not in m
        s.w='r'not in m or'+'in m
    def q(s,o,*a):
        if s.n is None:raise OSError(9)
        return q(64,s.v.n,o,s.n,*a)
    # up to n bytes, all that is here with n<0
    def d(s,n):
        i=s.p-s.a
        if not 0<=i<len(s.b):
            # asked once more it may have grown
            e=s.e
            s.e=0
            if s.n==0 or e==49 and i==len(s.b):return b''
            s.b=b''
            if s.n is None:raise OSError(9)
            b=s.v.k('r',s.n,s.p)
            s.e=b[0]
            s.b=b[1:]
            s.a=s.p
            i=0
        b=s.b[i:i+n if n>=0 else len(s.b)]
        s.p+=len(b)
        return b
    # whether that was the end: who got less than he wanted is told so without asking
    def z(s):
        return s.e==49 and s.p==s.a+len(s.b)
    def r(s,n):
        r=s.d(n)
        while r and len(r)!=n and(n<0 or not s.z()):
            b=s.d(n-len(r)if n>=0 else n)
            if not b:break
            r+=b
        return r
    def read(s,n=-1):
        if n is None:n=-1
        r=s.r(n)
        # n characters, each whole
        while s.t and n>=0:
            c=0
            for a in r:c+=a&192!=128
            b=s.r(n-c)if c<n else b''
            if not b:
                b=s.d(1)
                if not b or b[0]&192!=128:
                    s.p-=len(b)
                    break
            r+=b
        return str(r,'utf-8')if s.t else r
    def readline(s,n=-1):
        r=b''
        while n and r[-1:]!=b'\n':
            b=s.d(n)
            i=b.find(b'\n')+1
            if i:
                s.p-=len(b)-i
                b=b[:i]
            if not b:break
            r+=b
            if not i and s.z():break
            if n>0:n-=len(b)
        return str(r,'utf-8')if s.t else r
    def readlines(s):return list(s)
    def readinto(s,m):
        b=s.r(len(m))
        m[:len(b)]=b
        return len(b)
    def write(s,b):
        if s.n is None or not s.w:raise OSError(9)
        v()
        n=len(b)
        if hasattr(b,'encode'):b=bytes(b,'utf-8')
        s.b=b''
        s.e=0
        # nothing is waited for: what failed is told by flush and close
        for i in range(0,len(b),s.v.z):w(-1,s.v.n,'w',s.n,s.p+i,y(b[i:i+s.v.z]))
        s.p+=len(b)
        return n
    def flush(s):
        if s.w:s.q('z')
    def seek(s,n,h=0):
        if h==2:n+=int(s.q('z'),16)if s.n else len(s.b)
        if h==1:n+=s.p
        if n<0:raise OSError(22)
        s.p=n
        return n
    def tell(s):return s.p
    def close(s):
        n=s.n
        s.b=b''
        s.e=0
        try:
            if n and s.w:s.q('c')
            elif n and g[1]==1:w(-1,s.v.n,'c',n)
        finally:s.n=None
    def ioctl(s,r,a):
        if r==1:s.flush()
        elif r==4:s.close()
        elif r==11:return 256
        else:return -22
        return 0
    def __enter__(s):return s
    def __exit__(s,*a):s.close()
    def __iter__(s):return s
    def __next__(s):
        b=s.readline()
        if not b:raise StopIteration
        return b
# Mounts directory n at p, asked for in blocks of z bytes; unmounts it with z=0. k: by what name the helper knows this.
def mount(h,n,p,z,k):
    a=g[5]
    if a.get(p)==n or z and p in a:
        a.pop(p)
        if p in sys.path:sys.path.remove(p)
        # a program may have done so
        try:o.umount(p)
        except OSError:pass
    if z:
        o.mount(V(n,z),p)
        a[p]=n
        sys.path.append(p)
        g[2]=t()
        g[3]=h
        g[4]=h['x']
        h['G']['_devsession']=x
    elif not a:
        h['G']['_devsession']=h['x']
        h['h'].pop(k,0)
