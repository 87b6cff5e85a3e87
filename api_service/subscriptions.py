"""What waits for one client: frames in order, and for each subscription no more than it may hold.

A client that reads slowly holds nobody up. Of a latest stream it skips what it had no time for and
then gets one snapshot; of a lossless stream the oldest frames are dropped and told as a gap.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from api_service.frames import Frame, Lost, lost_with
from api_service.live_protocol import write

WAITING_AT_MOST = 4_096
"""Frames of lossless streams that may wait for one client."""

WAITING_BYTES_AT_MOST = 1 << 20
"""Their bytes."""

ANSWERS_AT_MOST = 1_000
"""Answers that may wait for a client that asks but does not read."""


class Source(Protocol):
    """The side of a stream that a subscription sees."""

    sub: str
    seq: int

    def snapshot(self) -> str:
        """Write all that there is."""

    def backfill(self, first_ns: int, last_ns: int) -> str | None:
        """Return the path that dropped events can be read at."""


class Outbox:
    """Frames and subscriptions that have something to send, in the order they came to have it."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.frames = 0
        self.bytes = 0
        self._waiting: deque[str | Subscription] = deque()
        self._answers = 0
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether more frames of lossless streams wait than may."""
        return self.frames > WAITING_AT_MOST or self.bytes > WAITING_BYTES_AT_MOST

    def post(self, text: str) -> bool:
        """Let an answer wait; return False, and do not, where too many do already."""
        if self._is_closed or self._answers >= ANSWERS_AT_MOST:
            return False
        self._answers += 1
        self._waiting.append(text)
        self.arrived.set()
        return True

    def line_up(self, subscription: Subscription) -> None:
        """Let ``subscription`` wait for its turn."""
        if not self._is_closed:
            self._waiting.append(subscription)
            self.arrived.set()

    def next(self) -> str | None:
        """Take the next frame to be sent; None: there is none."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if isinstance(waiting, str):
                self._answers -= 1
                return waiting
            if (text := waiting.take()) is not None:
                return text
        self.arrived.clear()
        return None

    def close(self, last_words: str | None) -> None:
        """Let answers be sent, then ``last_words``, and nothing else any more."""
        answers = [waiting for waiting in self._waiting if isinstance(waiting, str)]
        self._waiting = deque(answers if last_words is None else [*answers, last_words])
        self._is_closed = True
        self.arrived.set()


class Subscription(ABC):
    """One client's share in a stream."""

    def __init__(self, stream: Source, outbox: Outbox) -> None:
        self.stream = stream
        self.outbox = outbox
        self._is_waiting = False

    @abstractmethod
    def offer(self, frame: Frame) -> None:
        """Take an update, or note that it was missed."""

    @abstractmethod
    def take(self) -> str | None:
        """Return what to send now that it is this subscription's turn."""

    @abstractmethod
    def end(self) -> None:
        """Let go of what waits; nothing of it is sent any more."""

    def _line_up(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self.outbox.line_up(self)


class LatestSubscription(Subscription):
    """Holds one update at most; once a second one comes, a snapshot takes their place."""

    def __init__(self, stream: Source, outbox: Outbox) -> None:
        super().__init__(stream, outbox)
        self._text: str | None = None
        self._has_ended = False

    def renew(self) -> None:
        """Send a snapshot."""
        self._text = None
        self._line_up()

    def offer(self, frame: Frame) -> None:
        """See `Subscription.offer`."""
        self._text = None if self._is_waiting else frame.text
        self._line_up()

    def take(self) -> str | None:
        """See `Subscription.take`."""
        self._is_waiting = False
        if self._has_ended:
            return None
        text, self._text = self._text, None
        return self.stream.snapshot() if text is None else text

    def end(self) -> None:
        """See `Subscription.end`."""
        self._has_ended = True


class LosslessSubscription(Subscription):
    """Holds every update while the outbox has room, and notes the range for which it had none."""

    def __init__(self, stream: Source, outbox: Outbox) -> None:
        super().__init__(stream, outbox)
        self._frames: deque[Frame] = deque()
        self._lost: Lost | None = None

    def renew(self) -> None:
        """Send a snapshot, ahead of the updates that follow."""
        self.offer(Frame(seq=self.stream.seq, text=self.stream.snapshot()))

    def resume(self, lost: Lost | None, frames: Iterable[Frame]) -> None:
        """Send what was missed: ``lost``, which cannot be sent any more, then ``frames``."""
        self._lost = lost
        if lost is not None:
            self._line_up()
        for frame in frames:
            self.offer(frame)

    def offer(self, frame: Frame) -> None:
        """See `Subscription.offer`."""
        self._frames.append(frame)
        self.outbox.frames += 1
        self.outbox.bytes += len(frame.text)
        while self.outbox.is_full and self._frames:
            self._lost = lost_with(self._pop(), self._lost, "slow_consumer")
        self._line_up()

    def take(self) -> str | None:
        """See `Subscription.take`."""
        self._is_waiting = False
        text = None
        if self._lost is not None:
            text, self._lost = self._gap(self._lost), None
        elif self._frames:
            text = self._pop().text
        if self._frames:
            self._line_up()
        return text

    def end(self) -> None:
        """See `Subscription.end`."""
        self._lost = None
        while self._frames:
            self._pop()

    def _pop(self) -> Frame:
        frame = self._frames.popleft()
        self.outbox.frames -= 1
        self.outbox.bytes -= len(frame.text)
        return frame

    def _gap(self, lost: Lost) -> str:
        return write(
            {
                "type": "gap",
                "sub": self.stream.sub,
                "from_seq": lost.from_seq,
                "to_seq": lost.to_seq,
                "reason": lost.reason,
                "backfill": self.stream.backfill(lost.first_ns, lost.last_ns),
            }
        )
