"""What the broker rejects: said once a spell, and a link that does nothing else is left.

A quorum queue takes nothing while it is full, and while most of its members are away. A channel of
RabbitMQ 3.10 asks each queue once whether it may publish there, and then goes by what the leader
tells it of a change: where that one dies before it has told, the channel rejects for ever, however
empty the queue is. Another channel asks anew, so none is kept for longer than `PATIENCE_S`.
"""

import time
from collections.abc import Callable

import structlog

from infrastructure.bus.amqp.lanes import Lane
from market import BusUnavailableError

PATIENCE_S = 10.0

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
        if now - max(since, self._linked_at) > PATIENCE_S:
            raise BusUnavailableError(why)

    def over(self, lane: Lane) -> None:
        """Note that a message of the lane was taken."""
        since = self._since.pop(lane, None)
        if since is not None and not self._since:
            log.info("bus.taken_again", after_s=round(self._clock() - since, 1))
