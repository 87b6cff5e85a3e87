"""Which adapter stands behind which port: the scheme of a URL says it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from cryptotracker.settings import Settings, embedded_file
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Bus
from infrastructure.retry import patience
from infrastructure.timeseries.past import Store
from market import StoreUnavailableError, codec

DEAD_LETTERS = "dead_letters.jsonl"
"""File of the state folder that keeps what was put aside where the bus is no server."""


@asynccontextmanager
async def open_bus(settings: Settings, *, spool: Path | None = None) -> AsyncIterator[Bus]:
    """Open the bus that the URL's scheme names; ``spool``: see `connect_amqp`."""
    if settings.is_distributed:
        from infrastructure.bus.amqp import connect_amqp  # noqa: PLC0415  # slow to import

        async with connect_amqp(
            settings.bus_url,
            connect_timeout_s=settings.connect_timeout_s,
            partitions=settings.partitions,
            declares=settings.bus_declares,
            content_type=codec.MSGPACK if settings.bus_format == "msgpack" else codec.JSON,
            spool=spool,
        ) as amqp:
            yield amqp
    else:
        yield LocalBus(settings.state_folder / DEAD_LETTERS)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store that the URL's scheme names; a server is waited for a while.

    Where there is an archive, nothing expires until the archivist says what may.
    """
    if settings.store_url.startswith("duckdb:"):
        from infrastructure.timeseries.embedded import EmbeddedTimeSeries  # noqa: PLC0415  # as above

        retention_s = settings.raw_retention_days * 86_400
        file = embedded_file(settings)
        keep_from_ns = 0 if settings.archive else None
        opening = EmbeddedTimeSeries.open(
            file, raw_retention_s=retention_s, keep_from_ns=keep_from_ns
        )
        with closing(opening) as embedded:
            yield embedded
        return
    async with AsyncExitStack() as opened:
        store: Store | None = None
        async for attempt in patience(StoreUnavailableError, within_s=settings.connect_timeout_s):
            with attempt:
                store = await opened.enter_async_context(_influx(settings))
        if store is not None:
            yield store


def _influx(settings: Settings) -> AbstractAsyncContextManager[Store]:
    from infrastructure.timeseries.influx import connect_influx  # noqa: PLC0415  # as above

    scheme, _, address = settings.store_url.partition("://")
    return connect_influx(
        f"{'https' if scheme == 'influxdbs' else 'http'}://{address}",
        token=settings.store_token.get_secret_value(),
        org=settings.store_org,
        raw_retention_s=settings.raw_retention_days * 86_400,
    )
