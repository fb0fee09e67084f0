"""What is said on the wire, as pure machines: bytes in, events out; commands in, bytes out.

No I/O, no clock (``now`` is passed in), no asyncio. The byte-exact facts come from MicroPython's ``shared/runtime/pyexec.c``.
"""
