"""Opening the bus on RabbitMQ, and leaving it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from infrastructure.bus.amqp.broker import Broker
from infrastructure.bus.amqp.bus import AmqpBus
from infrastructure.bus.amqp.layout import EXCHANGE
from infrastructure.bus.amqp.outbox import Outbox
from infrastructure.bus.amqp.publisher import Publisher
from infrastructure.bus.amqp.retelling import Reteller
from infrastructure.bus.amqp.sessions import beside
from infrastructure.bus.amqp.spill import Spill
from infrastructure.bus.amqp.spool import Spool
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.recent import Recent
from market import BusUnavailableError
from market.codec import MSGPACK, ContentType

LAST_FLUSH_S = 2.0
"""How long leaving the bus waits for confirms; a process that stops has little time."""

log = structlog.get_logger()


class AmqpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is held at most.

    ``outbox_events`` wait for the broker before a publisher is held back; above ``conflate_above``
    of them only the newest is kept where only the latest matters. ``mailbox_bytes`` wait in a WAIT
    mailbox; a queue keeps the size that it was declared with first. ``spool_bytes`` are on disk
    before a publisher is held back, where there is a spool.
    """

    outbox_events: int = 200_000
    conflate_above: int = 2_000
    mailbox_bytes: int = 512 * 1024**2
    spool_bytes: int = 1024**3


DEFAULT_LIMITS = AmqpLimits()


@asynccontextmanager
async def connect_amqp(  # noqa: PLR0913  # what an operator chooses, all with defaults
    url: str,
    *,
    exchange: str = EXCHANGE,
    content_type: ContentType = MSGPACK,
    confirm_timeout_s: float = 5.0,
    connect_timeout_s: float = 30.0,
    limits: AmqpLimits = DEFAULT_LIMITS,
    partitions: int = 1,
    declares: bool = True,
    spool: Path | None = None,
) -> AsyncIterator[AmqpBus]:
    """Open the bus; on leaving, what was published is given two seconds to be confirmed.

    What is not confirmed then, and must not be lost, is left in the spool, where there is one.

    Args:
        url: Of one node, or of several of a cluster, separated by commas.
        exchange: Names what this system has at the broker: two names, two systems.
        content_type: What events are written in; both are read.
        confirm_timeout_s: How long the broker may take to confirm a message.
        connect_timeout_s: How long the first connection may take to come about.
        limits: What is held at most.
        partitions: Into how many parts mailboxes may be split; the same in every process.
        declares: Whether exchanges and queues are declared; if not, the broker must have them.
        spool: A folder for what memory has no room for, of one process at a time; None: none is.

    Raises:
        BusUnavailableError: the broker does not answer within ``connect_timeout_s``.
        SettingsError: the URL is none, the broker refuses us, or another process has the spool.
        SpoolError: the disk fails, then or later.

    """
    broker = Broker(url)
    topology = Topology(
        exchange, limits.mailbox_bytes, partitions, is_cluster="," in url, declares=declares
    )
    disk = Spool(spool, limit_bytes=limits.spool_bytes) if spool else None
    outbox = Outbox(
        limit=limits.outbox_events,
        conflate_above=limits.conflate_above,
        partitions=partitions,
        spill=Spill(disk) if disk else None,
    )
    publisher = Publisher(
        broker,
        topology,
        outbox,
        content_type=content_type,
        confirm_timeout_s=confirm_timeout_s,
    )
    async with AsyncExitStack() as opened:
        if disk:
            opened.enter_context(disk.opened())
            await opened.enter_async_context(beside(disk.kept(), name="bus.spool"))
        outbox.begin()
        await opened.enter_async_context(publisher.running(within_s=connect_timeout_s))
        recent = Recent()
        reteller = Reteller(broker, topology, recent, content_type=content_type)
        await opened.enter_async_context(reteller.running())
        try:
            yield AmqpBus(broker, topology, publisher, recent, connect_timeout_s=connect_timeout_s)
        finally:
            try:
                await publisher.flush(within_s=LAST_FLUSH_S)
            except BusUnavailableError as error:
                log.error("bus.closed_unconfirmed", why=str(error), parked=outbox.park())  # noqa: TRY400  # said in full
