"""Methods: functions written here that run on the board. Runs on a simulated board, or on the one named.

python examples/methods.py [/dev/ttyACM0]
"""

import asyncio
import sys
from collections.abc import Iterator

from devsession import DeviceError, DeviceSessionManager


async def main(url: str) -> None:
    """Methods of the board, of a session, generators, and what an exception on the board looks like."""
    async with DeviceSessionManager.open(url) as manager:

        @manager.method
        def crc(data: bytes, poly: int = 0x1021) -> int:
            """Return a CRC; it sees its own names only, and is sent once for all who have the same text."""
            value = 0xFFFF
            for byte in data:
                value ^= byte << 8
                for _ in range(8):
                    value = (value << 1 ^ poly if value & 0x8000 else value << 1) & 0xFFFF
            return value

        print("crc:", hex(await crc(b"123456789")))

        async with manager.session("logger") as session:
            await session.exec("seen = []")

            @session.method
            def note(value: int) -> int:
                """Sees the names of its session, and methods of the board."""
                seen.append(crc(bytes([value])))  # noqa: F821 - on the board
                return len(seen)  # noqa: F821

            @session.method
            def squares(n: int) -> Iterator[int]:
                for i in range(n):
                    yield i * i

            print("noted:", await note(7), await note(8))
            print("squares:", [value async for value in squares(10)])
            try:
                await note(300)
            except DeviceError as error:
                print("raised in line", error.frames[-1].line, "of this file:", error.kind)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sim:"))
