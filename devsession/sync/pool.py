"""Session pools, without ``await``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from devsession.pool import acquiring, pool
from devsession.pool.events import PoolEvent
from devsession.pool.health import HealthProbe
from devsession.pool.inventory import Store
from devsession.pool.lease import Lease
from devsession.pool.pooled import PowerCycle
from devsession.pool.providers import Source
from devsession.sync.loop_thread import current
from devsession.sync.session import DeviceSession, Listeners
from devsession.sync.twin import Block, Part, Twin, asks, brings, waits

if TYPE_CHECKING:
    from devsession.pool.config import PoolConfig


class Acquiring(Twin[acquiring.Acquiring]):
    """A session to be had once: for the block of ``with``, or by ``have`` until ``SessionPool.release``."""

    have = brings(DeviceSession, acquiring.Acquiring.have)

    def __enter__(self) -> DeviceSession:
        return self.have()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(lambda: self._original.__aexit__(kind, error, trace))


class SessionPool(Block[pool.SessionPool]):
    """Gives out sessions on boards, each of which is its holder's alone; ``with`` opens the first boards, and closes all at the end.

    As ``devsession.SessionPool``, for any number of threads: ``with pool.acquire(agent=…) as session``. Probes, ``power`` and providers are
    called by the loop, with what the async API has.
    """

    def __init__(
        self,
        config: PoolConfig | None = None,
        *,
        provider: Source = "sim:",
        probes: Sequence[HealthProbe] = (),
        power: PowerCycle | None = None,
        store: Store | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            pool.SessionPool(config, provider=provider, probes=probes, power=power, store=store, **settings),
            current(),
        )

    @property
    def config(self) -> PoolConfig:
        """Its settings."""
        return self._loop.ask(lambda: self._original.config)

    events = Part(Listeners[PoolEvent])

    open = waits(pool.SessionPool.open)
    close = waits(pool.SessionPool.close)
    drain = waits(pool.SessionPool.drain)

    def acquire(
        self,
        *,
        requires: Any = (),
        agent: str | None = None,
        priority: int = 0,
        timeout: float | None = pool.CONFIGURED,
        ttl: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Acquiring:
        """Return what gives a session, for ``with``, which gives it back at the end, or by its ``have``, and then ``release``.

        As in the async API, and raises what it does there.
        """
        return Acquiring.of(
            self._loop.ask(
                lambda: self._original.acquire(
                    requires=requires,
                    agent=agent,
                    priority=priority,
                    timeout=timeout,
                    ttl=ttl,
                    metadata=metadata,
                )
            ),
            self._loop,
        )

    def release(self, session: DeviceSession) -> None:
        """Give a session back; its programs are stopped, and an agent's namespace is kept for him. Giving it back again does nothing."""
        self._loop.run(lambda: self._original.release(session._original))

    def remove(self, session: DeviceSession | str) -> None:
        """End a session for good, given by itself or by its agent; raises UnknownNameError for an agent who has none."""
        given = session._original if isinstance(session, DeviceSession) else session
        self._loop.run(lambda: self._original.remove(given))

    def lease(self, session: DeviceSession) -> Lease:
        """Return the lease that a session is used by, with its fencing number; raises LeaseLost when that has ended."""
        return self._loop.ask(lambda: self._original.lease(session._original))

    def heartbeat(self, session: DeviceSession) -> None:
        """Give a sign of life for a lease that expires without; raises LeaseLost when it has ended."""
        self._loop.ask(lambda: self._original.heartbeat(session._original))

    remove_board = asks(pool.SessionPool.remove_board)
    pin = asks(pool.SessionPool.pin)
    unpin = asks(pool.SessionPool.unpin)
    resize = asks(pool.SessionPool.resize)
    sessions = asks(pool.SessionPool.sessions)
    snapshot = asks(pool.SessionPool.snapshot)
    metrics = asks(pool.SessionPool.metrics)
