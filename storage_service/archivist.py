"""From the store to the archive, day by day: ten minutes after each day is over, and at start.

Until a day is archived, and what came late of it too, nothing of it expires in the store.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from infrastructure.archive.catching_up import days_to_archive, kept_from
from infrastructure.archive.day import archive_day
from infrastructure.archive.files import Files
from infrastructure.archive.folding import fold
from infrastructure.archive.places import today
from infrastructure.timeseries.past import Past
from market import ArchiveError, UnavailableError
from market.intervals import INTERVALS, SECOND_NS

AT_S = 600
"""How long after midnight (UTC) the day before is archived; its last candles are closed then."""

AGAIN_S = 60.0
"""When it is tried again where store or archive were away, or what was written was not right."""

LOOK_EVERY_S = 30.0
"""How often the clock is looked at: it may be set."""

log = structlog.get_logger()


class Archivist:
    """A part for the supervisor; `handled` counts days.

    Args:
        past: The store.
        files: The archive.
        clock: The time now, in nanoseconds.
        again_s: See `AGAIN_S`.
        look_every_s: See `LOOK_EVERY_S`.

    """

    name = "storage.archivist"

    def __init__(
        self,
        past: Past,
        files: Files,
        *,
        clock: Callable[[], int] = time.time_ns,
        again_s: float = AGAIN_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self.rows = 0
        self.waiting_for = ""
        self._past = past
        self._files = files
        self._clock = clock
        self._again_s = again_s
        self._look_every_s = look_every_s

    @property
    def counts(self) -> Mapping[str, int]:
        """Days and rows that were archived since the start; those found unchanged count too."""
        return {"days": self.handled, "rows": self.rows}

    async def run(self) -> None:
        """Archive until cancelled."""
        self.listening.set()
        while True:
            next_ns = _next_time(self._clock())
            try:
                await self.catch_up()
            except (UnavailableError, ArchiveError) as error:
                self._note_failure(error)
                await asyncio.sleep(self._again_s)
                continue
            self.waiting_for = ""
            while self._clock() < next_ns:  # noqa: ASYNC110  # a clock that is set says nothing
                await asyncio.sleep(self._look_every_s)

    async def catch_up(self) -> None:
        """Archive what is over and not archived yet, fold what has settled.

        Raises:
            UnavailableError: store or archive do not answer, or another process archives.
            ArchiveError: the archive is not what it must be.

        """
        now_ns = self._clock()
        await self._past.keep_from(await kept_from(self._past, self._files, now_ns=now_ns))
        for day in await days_to_archive(self._past, self._files, now_ns=now_ns):
            found = await archive_day(self._past, self._files, day, now_ns=now_ns)
            self.handled += 1
            self.rows += found.rows
            if found.changed:
                log.info("archive.day", day=str(day), files=found.changed, rows=found.rows)
        for folded in await asyncio.to_thread(fold, self._files, today(now_ns)):
            log.info("archive.folded", file=folded.place.name, days=folded.days, rows=folded.rows)
        await self._past.keep_from(await kept_from(self._past, self._files, now_ns=now_ns))

    def _note_failure(self, error: Exception) -> None:
        if self.waiting_for != str(error):
            log.error("archive.failed", why=str(error), remedy="nothing expires until it is done")
        self.waiting_for = str(error)


def _next_time(now_ns: int) -> int:
    """Return when a day is archived next."""
    day_ns, at_ns = INTERVALS["1d"], AT_S * SECOND_NS
    return now_ns - (now_ns - at_ns) % day_ns + day_ns
