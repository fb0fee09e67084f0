"""Links to programs on terminals of their own: real processes, ended in stages."""

import asyncio
import os
import signal
import sys
import time

import pytest
from test_descriptor import Inbox

from devsession.errors import LinkClosedError, LinkError
from devsession.transport.pty_process import PtyProcessTransport

# Says on its terminal which signals it met; ends at the one named first, if any.
STUBBORN = """
import os, signal, sys
def met(number, frame):
    os.write(told, b"%d " % number)
    if str(number) in sys.argv[2:]: sys.exit(5)
told = os.open(sys.argv[1], os.O_WRONLY)
for number in (1, 15): signal.signal(number, met)
os.write(1, b"up")  # in one piece: nothing of it is left to be written when the terminal goes
while True: signal.pause()
"""


@pytest.fixture
def inbox():
    return Inbox()


async def python(inbox: Inbox, program: str, *arguments: str) -> PtyProcessTransport:
    transport = PtyProcessTransport([sys.executable, "-c", program, *arguments])
    await transport.open(inbox)
    return transport


async def stubborn(inbox: Inbox, told, *ends_at: int) -> PtyProcessTransport:
    told.touch()
    transport = await python(inbox, STUBBORN, str(told), *map(str, ends_at))
    await inbox.until(lambda: b"up" in inbox.data)
    return transport


async def test_twenty_megabytes_from_a_process(inbox):
    program = "import os\nfor i in range(320): os.write(1, bytes([i % 256]) * 65536)\nos.read(0, 1)"
    transport = await python(inbox, program)
    await inbox.until(lambda: len(inbox.data) == 320 * 65536)
    assert inbox.data == b"".join(bytes([i % 256]) * 65536 for i in range(320))
    await transport.close()


async def test_every_byte_passes_a_process_terminal_unchanged(inbox):
    transport = await python(inbox, "import os\nwhile True: os.write(1, os.read(0, 4096))")
    every = bytes(range(256)) * 8
    transport.write(every)
    await inbox.until(lambda: len(inbox.data) >= len(every))
    assert inbox.data == every
    await transport.close()


async def test_the_terminal_controls_the_process(inbox):
    program = "import os\nfd = os.open('/dev/tty', os.O_RDWR)\nos.write(fd, b'%d' % (os.getsid(0) == os.getpid()))\nos.read(0, 1)"
    transport = await python(inbox, program)
    await inbox.until(lambda: inbox.data)
    assert inbox.data == b"1"
    await transport.close()


async def test_a_process_that_ends_is_a_loss_with_its_status_after_its_last_words(inbox):
    transport = await python(inbox, "import sys; print('bye'); sys.exit(7)")
    await inbox.until(lambda: inbox.ends)
    assert inbox.data == b"bye\n"
    assert "ended with status 7" in str(inbox.ends[0])
    assert "ended with status 7" in repr(inbox.ends[0])
    await transport.close()


async def test_a_process_that_only_closes_its_terminal_is_a_loss_that_says_so(inbox):
    transport = await python(inbox, "import os, signal\nos.closerange(0, 3)\nsignal.pause()")
    await inbox.until(lambda: inbox.ends)
    assert "closed its terminal" in str(inbox.ends[0])
    await transport.close(timeout=0.05)
    assert transport._process is not None
    assert transport._process.returncode is not None


async def test_closing_hangs_up_and_that_is_enough_for_most(inbox):
    transport = await python(inbox, "import signal\nprint('up', flush=True)\nsignal.pause()")
    await inbox.until(lambda: b"up" in inbox.data)
    await transport.close()
    assert transport._process is not None
    assert transport._process.returncode == -signal.SIGHUP
    await inbox.until(lambda: inbox.ends)
    assert inbox.ends == [None]


@pytest.mark.parametrize(
    ("ends_at", "met", "status"),
    [((1,), "1 ", 5), ((15,), "1 15 ", 5), ((), "1 15 ", -signal.SIGKILL)],
    ids=["SIGHUP", "SIGTERM", "SIGKILL"],
)
async def test_closing_goes_from_step_to_step_within_its_limit(inbox, tmp_path, ends_at, met, status):
    told = tmp_path / "met"
    transport = await stubborn(inbox, told, *ends_at)
    transport.write(b"x" * 1024 * 1024)
    begun = time.monotonic()
    await transport.close(timeout=1)
    assert time.monotonic() - begun < 1.5
    assert transport._process is not None
    assert transport._process.returncode == status
    assert told.read_text() == met


async def test_an_abort_kills_at_once_and_reaps(inbox, tmp_path):
    told = tmp_path / "met"
    transport = await stubborn(inbox, told)
    transport.abort()
    transport.abort()
    assert transport._process is not None
    assert transport._process.returncode == -signal.SIGKILL
    assert "15" not in told.read_text()
    with pytest.raises(LinkClosedError):
        transport.write(b"x")


async def test_a_cancelled_close_kills_and_reaps(inbox, tmp_path):
    transport = await stubborn(inbox, tmp_path / "met")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await transport.close(timeout=20)
    assert transport._process is not None
    assert transport._process.returncode == -signal.SIGKILL


async def test_what_cannot_be_started_leaves_nothing_open(inbox, tmp_path):
    before = os.listdir("/dev/fd")
    with pytest.raises(LinkError, match="cannot start /no/such/program"):
        await PtyProcessTransport(["/no/such/program"]).open(inbox)
    with pytest.raises(LinkError, match="no-such-folder"):
        await PtyProcessTransport(["true"], cwd=tmp_path / "no-such-folder").open(inbox)
    with pytest.raises(ValueError, match="null byte"):
        await PtyProcessTransport(["a\0b"]).open(inbox)
    assert os.listdir("/dev/fd") == before
