"""One retry policy for everything that talks to the outside."""

import time
from collections import deque
from collections.abc import Callable
from random import uniform

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

log = structlog.get_logger()


def backoff(*errors: type[BaseException], longest_s: float = 30.0) -> AsyncRetrying:
    """Retry for ever on ``errors``, waiting a random time that doubles up to ``longest_s``."""
    return AsyncRetrying(
        retry=retry_if_exception_type(errors),
        wait=wait_random_exponential(multiplier=0.2, max=longest_s),
        before_sleep=_log_retry,
        reraise=True,
    )


def patience(*errors: type[BaseException], within_s: float) -> AsyncRetrying:
    """Retry on ``errors`` for so many seconds; then the last one is raised."""
    return AsyncRetrying(
        retry=retry_if_exception_type(errors),
        wait=wait_random_exponential(multiplier=0.2, max=2.0),
        stop=stop_after_delay(within_s),
        before_sleep=_log_retry,
        reraise=True,
    )


class Pauses:
    """Random times to wait between attempts, doubling at most up to ``longest_s``, without end.

    The whole time is drawn at random ("full jitter"), so that many who lost the same server do not
    come back to it at the same moment.
    """

    def __init__(self, *, shortest_s: float = 0.2, longest_s: float = 30.0) -> None:
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self.failures = 0

    def succeeded(self) -> None:
        """Start from the shortest pause again."""
        self.failures = 0

    def failed(self) -> float:
        """Note a failure; return the seconds to wait."""
        self.failures += 1
        return uniform(0.0, min(self._shortest_s * 2.0 ** min(self.failures, 32), self._longest_s))  # noqa: S311  # no secret


class FailureWindow:
    """Counts failures within a time window, for tenacity's ``stop`` and ``wait``.

    A part that failed long ago starts from the shortest wait again.
    """

    def __init__(
        self,
        limit: float,
        window_s: float,
        *,
        longest_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.window_s = window_s
        self.longest_s = longest_s
        self._clock = clock
        self._failures: deque[float] = deque()

    def failed(self) -> None:
        """Note a failure."""
        self._failures.append(self._clock())

    @property
    def recent(self) -> int:
        """Failures within the window."""
        while self._failures and self._failures[0] < self._clock() - self.window_s:
            self._failures.popleft()
        return len(self._failures)

    def stop(self, _state: RetryCallState) -> bool:
        """Tell whether there were more failures than the limit."""
        return self.recent > self.limit

    def wait(self, _state: RetryCallState) -> float:
        """Return the seconds to wait: they double with each recent failure."""
        return float(min(0.1 * 2 ** max(self.recent - 1, 0), self.longest_s))


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("retry.waiting", attempt=state.attempt_number, error=str(error) or repr(error))
