"""Messages of a queue in, the events that the mailbox wants out."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from aiormq.abc import DeliveredMessage

from infrastructure.bus.amqp.batch import EVENTS_HEADER
from infrastructure.bus.amqp.broker import Link
from infrastructure.bus.amqp.dead_letters import UNREADABLE, headers_of
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.publisher import Publisher
from infrastructure.retry import backoff
from market import BusUnavailableError, Event, codec
from market.routing import Selection

ACK_EVERY_S = 0.05
"""How long what is done may wait for more of it, up to half of what the broker sends ahead.

Each acknowledgement costs the broker what a message does: it is an entry of the queue's log too.
"""

CLOSE_S = 1.0
"""How long the last one may take."""


class _Delivery:
    """A message, and how many of its events were handed on, and how many are done.

    It is read when it is its turn: bytes take less room than events.
    """

    def __init__(self, message: DeliveredMessage) -> None:
        self.body = message.body
        self.content_type = message.header.properties.content_type
        self.fault = ""
        self._headers = message.header.properties.headers or {}
        self._tag = message.delivery_tag
        self._channel = message.channel
        self._events: Sequence[Event] | None = None
        self._handed_on = 0
        self._done = 0

    @property
    def is_finished(self) -> bool:
        return self._events is not None and self._handed_on == len(self._events)

    def read(self, wanted: Selection) -> None:
        """Make events of it unless that was done; ``fault`` says why it cannot be."""
        if self._events is not None:
            return
        try:
            self._events = wanted.of(codec.decode(self.body, self.content_type))
        except UNREADABLE as error:
            self._events, self.fault = (), repr(error)

    @property
    def left(self) -> int:
        """How many events are to be handed on; as long as it is not read, as its header says."""
        if self._events is not None:
            return len(self._events) - self._handed_on
        told = self._headers.get(EVENTS_HEADER)
        return told if isinstance(told, int) else 0

    def hand_on(self, at_most: int) -> Sequence[Event]:
        events = self._events or ()
        if self._handed_on or len(events) > at_most:
            events = events[self._handed_on : self._handed_on + at_most]
        self._handed_on += len(events)
        return events

    def keep(self) -> None:
        self._done = self._handed_on

    def take_back(self) -> None:
        self._handed_on = self._done

    async def acknowledge(self, *, and_all_before: bool = False) -> None:
        if self._tag is not None:
            await self._channel.basic_ack(self._tag, multiple=and_all_before)


class AmqpMailbox:
    """Hands on events in slices of messages; acknowledges a message soon after all of it is done.

    When the link to the broker is lost, all that is unacknowledged is forgotten here and comes
    again over the next one: `done`, `failed` and `dead_letter` of what came before do nothing.
    """

    def __init__(
        self, name: str, patterns: Sequence[str], publisher: Publisher, *, prefetch: int
    ) -> None:
        self.name = name
        self.patterns = patterns
        self.prefetch = prefetch
        self._publisher = publisher
        self._wanted = Selection(patterns)
        self._link: Link | None = None
        self._received_over: Link | None = None
        self._waiting: deque[_Delivery] = deque()
        self._finished: list[_Delivery] = []
        self._to_acknowledge: list[_Delivery] = []
        self._acknowledged_s = 0.0
        self._acknowledging: asyncio.Task[None] | None = None
        self._in_order = asyncio.Lock()
        self._something_came = asyncio.Event()
        self._all_came = asyncio.Event()

    @property
    def waiting(self) -> int:
        """See `Mailbox.waiting`."""
        return sum(delivery.left for delivery in self._waiting)

    async def receive(self, at_most: int) -> Sequence[Event]:
        """See `Mailbox.receive`."""
        while True:
            while not self._waiting:
                self._something_came.clear()
                await self._something_came.wait()
            if (first := self._waiting[0]).fault:
                await self._put_aside_unreadable(first)
            elif events := self._take(at_most):
                return events
            else:
                await self.done()

    async def gather(self, within_s: float) -> None:
        """See `Mailbox.gather`; the broker sends ``prefetch`` messages ahead and no more."""
        if not self._is_sent_no_more:
            self._all_came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._all_came.wait()

    async def done(self) -> None:
        """See `Mailbox.done`; one acknowledgement covers all that is finished by then."""
        finished, self._finished = self._finished, []
        if self._waiting:
            self._waiting[0].keep()
        self._to_acknowledge += finished
        due_in_s = self._acknowledged_s + ACK_EVERY_S - time.monotonic()
        if due_in_s <= 0 or len(self._to_acknowledge) >= self.prefetch // 2:
            await self._acknowledge()
        elif self._to_acknowledge and self._acknowledging is None:
            self._acknowledging = asyncio.create_task(self._acknowledge_in(due_in_s))

    async def failed(self) -> None:
        """See `Mailbox.failed`; the broker has it back once the mailbox is closed.

        Given to the broker now, it would be overtaken by what is on its way to us.
        """
        self._waiting.extendleft(reversed(self._finished))
        self._finished.clear()
        for delivery in self._waiting:
            delivery.take_back()

    async def dead_letter(self, event: Event, reason: str) -> None:
        """See `Mailbox.dead_letter`."""
        if link := self._received_over:
            await self._put_aside(codec.encode([event]), codec.JSON, reason, link)

    def begin(self, link: Link) -> None:
        """Take what comes over ``link`` from now on."""
        self._link = link

    def forget(self) -> None:
        """Forget what came over the link; the broker gives it again."""
        self._link = self._received_over = None
        self._waiting.clear()
        self._finished.clear()
        self._to_acknowledge.clear()

    async def close(self) -> None:
        """Acknowledge what is done, unless the broker takes too long."""
        if self._acknowledging is not None:
            self._acknowledging.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._acknowledge()

    def arrived(self, message: DeliveredMessage, link: Link) -> None:
        """Put a message at the end of what waits, unless its link is lost already."""
        if link is self._link:
            self._waiting.append(_Delivery(message))
            self._something_came.set()
            if self._is_sent_no_more:
                self._all_came.set()

    @property
    def _is_sent_no_more(self) -> bool:
        """Whether the broker sends nothing until something is acknowledged."""
        return len(self._waiting) + len(self._to_acknowledge) >= self.prefetch

    async def _acknowledge_in(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self._acknowledging = None
        await self._acknowledge()

    async def _acknowledge(self) -> None:
        async with self._in_order:  # the broker takes an older one that comes later for a fault
            done, self._to_acknowledge = self._to_acknowledge, []
            if done:
                self._acknowledged_s = time.monotonic()
                with suppress(BusUnavailableError), told_as_ours(self.name):
                    await done[-1].acknowledge(and_all_before=True)

    def _take(self, at_most: int) -> Sequence[Event]:
        self._received_over = self._link
        events: list[Event] = []
        while self._waiting and len(events) < at_most:
            delivery = self._waiting[0]
            delivery.read(self._wanted)
            if delivery.fault:
                break
            events += delivery.hand_on(at_most - len(events))
            if delivery.is_finished:
                self._finished.append(self._waiting.popleft())
        return events

    async def _put_aside_unreadable(self, delivery: _Delivery) -> None:
        if (link := self._link) is None:
            return
        await self._put_aside(delivery.body, delivery.content_type or "", delivery.fault, link)
        with suppress(BusUnavailableError), told_as_ours(self.name):
            await delivery.acknowledge()
        if self._waiting and self._waiting[0] is delivery:
            self._waiting.popleft()

    async def _put_aside(self, body: bytes, content_type: str, reason: str, link: Link) -> None:
        """Publish a dead letter; try until it is safe or until its message comes again anyway."""
        async for attempt in backoff(BusUnavailableError, longest_s=2.0):
            with attempt:
                if link is self._link:
                    headers = headers_of(self.name, reason)
                    await self._publisher.put_aside(body, content_type, headers)
