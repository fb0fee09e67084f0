# The board's `/`: one directory of the host, and no way out of it by `..` or by a symbolic link.
import ffi
import os


ENOENT = 2
EACCES = 13
EBUSY = 16
ENOTDIR = 20
DIRECTORY = 0x4000
REGULAR = 0x8000
# The name under which the console opens the body of a raw-paste; absolute, as the program may have changed to another file system.
PASTED = "/<stdin>"
# A link that leads out of the board, or nowhere, is an empty file: it can be removed, and nothing else.
LINK_OUT = (REGULAR, 0, 0, 0, 0, 0, 0, 0, 0, 0)
# PATH_MAX on Linux; macOS has 1024. realpath writes at most this much.
PATH_SIZE = 4096

libc = ffi.open(None)
realpath = libc.func("p", "realpath", "sp")
readlink = libc.func("l", "readlink", "spl")


class Files:
    # A file system in Python round the port's own: it makes every path absolute and plain, then hands it on.
    def __init__(self, root):
        self.root = root
        self.prefix = root.encode()
        # Without a root of its own: with one, its rename takes the new name for both.
        self.host = os.VfsPosix()
        self.path = bytearray(PATH_SIZE)
        self.current = "/"
        # What the next open of that name gives: the body of a raw-paste, while it arrives.
        self.pasted = None

    def mount_as_root(self):
        os.umount("/")
        os.mount(self, "/")
        os.chdir("/")

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def plain(self, path):
        if path[:1] != "/":
            path = self.current + path
        if "//" in path or "/." in path:
            parts = []
            for part in path.split("/"):
                if part == "..":
                    if parts:
                        parts.pop()
                elif part and part != ".":
                    parts.append(part)
            path = "/" + "/".join(parts)
        elif path[-1] == "/" and path != "/":
            path = path[:-1]
        return path

    def is_inside(self, path):
        # Where the path leads once every link is followed; a link that leads nowhere counts as outside.
        host = self.root + path
        if not realpath(host, self.path):
            return readlink(host, self.path, 1) < 0
        length = len(self.prefix)
        return self.path[:length] == self.prefix and self.path[length] in b"/\0"

    def entry(self, path):
        # For what works on the name itself and not on what a link points to: only the way there has to be inside.
        path = self.plain(path)
        if path == "/":
            raise OSError(EBUSY)
        if not self.is_inside(path.rpartition("/")[0]):
            raise OSError(EACCES)
        return path

    def target(self, path):
        path = self.entry(path)
        if not self.is_inside(path):
            raise OSError(EACCES)
        return path

    def open(self, path, mode):
        if self.pasted and path == PASTED:
            pasted = self.pasted
            self.pasted = None
            return pasted
        return self.host.open(self.root + self.target(path), mode)

    def stat(self, path):
        path = self.plain(path)
        found = self.host.stat(self.root + path)
        if not self.is_inside(path):
            if not self.is_inside(path.rpartition("/")[0]):
                raise OSError(ENOENT)
            return LINK_OUT
        kind = found[0] & 0xF000
        return (kind, 0, 0, 0, 0, 0, 0 if kind == DIRECTORY else found[6], found[7], found[8], found[9])

    def ilistdir(self, path):
        path = self.plain(path)
        if not self.is_inside(path):
            raise OSError(ENOENT)
        return self.entries(path, self.host.ilistdir(self.root + path))

    def entries(self, path, found):
        if path != "/":
            path += "/"
        for name, kind, _ in found:
            if kind == DIRECTORY:
                yield (name, kind, 0, 0)
            else:
                try:
                    stat = self.stat(path + name)
                except OSError:
                    stat = LINK_OUT
                yield (name, stat[0], 0, stat[6])

    def chdir(self, path):
        path = self.plain(path)
        if self.stat(path)[0] != DIRECTORY:
            raise OSError(ENOTDIR)
        self.current = path if path == "/" else path + "/"

    def getcwd(self):
        return self.current if self.current == "/" else self.current[:-1]

    def mkdir(self, path):
        self.host.mkdir(self.root + self.entry(path))

    def remove(self, path):
        self.host.remove(self.root + self.entry(path))

    def rmdir(self, path):
        self.host.rmdir(self.root + self.entry(path))

    def rename(self, old, new):
        self.host.rename(self.root + self.entry(old), self.root + self.entry(new))

    def statvfs(self, path):
        return self.host.statvfs(self.root)
