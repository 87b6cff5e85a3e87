"""What the broker rejects: said once a spell, and a link that does nothing else is left.

A quorum queue takes nothing while it is full, and while most of its members are away. But a channel
of RabbitMQ 3.10 may go on rejecting when that is over, and another one would not:

* before its first message to a queue it asks the node that led when it looked, and no other; while
  that node is down it rejects at once, though another one leads by now;
* it takes a queue for full until a leader tells it otherwise, who may have died before it did.

So no link is kept that rejects for longer than `PATIENCE_S`, which doubles each time in vain.
"""

import time
from collections.abc import Callable

import structlog

from infrastructure.bus.amqp.lanes import Lane
from market import BusUnavailableError

PATIENCE_S = 2.0
LONGEST_PATIENCE_S = 60.0

WHY = (
    "rejects what is published, so a mailbox is full or its queue has no leader: `rabbitmqctl "
    "list_queues name messages leader online` says which; start what reads it, or the lost nodes"
)

log = structlog.get_logger()


class Rejections:
    """Counts events that were rejected, each time; ``lasting`` says whether any are right now."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.events = 0
        self._clock = clock
        self._since: dict[Lane, float] = {}
        self._linked_at = 0.0
        self._patience_s = PATIENCE_S

    @property
    def lasting(self) -> bool:
        """Whether the last message of some lane was rejected."""
        return bool(self._since)

    def begin(self) -> None:
        """Have patience with a new link."""
        self._linked_at = self._clock()

    def note(self, lane: Lane, events: int, *, to: str) -> None:
        """Note that a message of the lane was rejected; ``to`` is the broker's host and port.

        Raises:
            BusUnavailableError: nothing else came of that lane over this link for too long.

        """
        self.events += events
        now = self._clock()
        why = f"RabbitMQ at {to} {WHY}"
        if not self._since:
            log.warning("bus.rejected", events=events, why=why)
        since = self._since.setdefault(lane, now)
        if now - max(since, self._linked_at) > self._patience_s:
            self._patience_s = min(2.0 * self._patience_s, LONGEST_PATIENCE_S)
            raise BusUnavailableError(why)

    def over(self, lane: Lane) -> None:
        """Note that a message of the lane was taken."""
        since = self._since.pop(lane, None)
        if since is not None and not self._since:
            self._patience_s = PATIENCE_S
            log.info("bus.taken_again", after_s=round(self._clock() - since, 1))
