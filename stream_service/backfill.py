"""Missing trades are asked for over REST, page by page, until the hole is closed or told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence

import msgspec
import structlog

from market import FrameError, Gap, Instrument, Trade, VenueBusyError, VenueRefusedError
from stream_service.holes import Recall
from stream_service.intake import Intake
from stream_service.link import Link
from stream_service.refusals import in_words
from stream_service.rest import UNANSWERED

log = structlog.get_logger()

AT_ONCE = 4
LOOK_EVERY_S = 0.5
DOUBT_AT_MOST_EVERY_S = 10.0
"""Frames that cannot be read may come one after the other; nobody is asked after each of them."""

AGAIN_AFTER_S = 5.0
UNQUOTED_TIMES = 10
"""A stream without quotes must have stood for so many times as long as REST may be behind."""

SECOND_NS = 1_000_000_000
MINUTE_NS = 60_000_000_000


class Backfill:
    """Answers what the ledger of one venue wants recalled.

    Args:
        intake: Whose ledger.
        link_of: Returns the connection that follows an instrument, None while there is none.

    """

    def __init__(self, intake: Intake, link_of: Callable[[Instrument], Link | None]) -> None:
        self._intake = intake
        self._link_of = link_of
        self._asked: set[Instrument] = set()
        self._not_before: dict[Instrument, float] = {}
        self._early_not_before: dict[Instrument, float] = {}
        self._doubt_after = 0.0
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Look for holes until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                for instrument, recall in self._due(loop.time()).items():
                    link = self._link_of(instrument)
                    if link and instrument not in self._asked and self._is_time(recall, link):
                        self._asked.add(instrument)
                        await self._room.acquire()
                        work = self._fill(recall, link) if recall else self._greet(instrument, link)
                        tasks.create_task(self._do(instrument, work))

    def _is_time(self, recall: Recall | None, link: Link) -> bool:
        """Tell whether to ask now: an answer can close the hole, or it was open for long enough."""
        if recall is None or self._proves_end(recall, link):
            return True
        open_s = (self._intake.clock() - recall.opened_ns) / SECOND_NS
        is_early = time.monotonic() < self._early_not_before.get(recall.instrument, 0.0)
        return open_s >= self._intake.venue.rest_behind_s and not is_early

    def _proves_end(self, recall: Recall, link: Link) -> bool:
        """Tell whether the newest page proves that nothing is missing after it.

        A live trade that ends the hole must be in the page. Where none came there is none once REST
        tells all that is earlier, and the stream all that is later: quotes of the instrument came
        since, or where it has none anything that we understood, and a much longer time has passed.
        """
        if not recall.is_open:
            return True
        since_s = (self._intake.clock() - recall.since_ns) / SECOND_NS
        stands_s = min(since_s, time.monotonic() - link.settled_at)
        behind_s = self._intake.venue.rest_behind_s
        quiet_ns = self._intake.watch.quiet_ns(recall.instrument, time.monotonic_ns())
        if quiet_ns is not None and quiet_ns / SECOND_NS < stands_s - behind_s:
            return True
        is_heard = link.understood_ns > recall.since_ns
        return is_heard and stands_s >= behind_s * UNQUOTED_TIMES

    def _due(self, now: float) -> dict[Instrument, Recall | None]:
        """Return what to ask for: the newest trades first (None), then the oldest hole."""
        due: dict[Instrument, Recall | None] = {}
        if not self._intake.doubted or now >= self._doubt_after:
            if self._intake.doubted:
                self._intake.doubted = False
                self._doubt_after = now + DOUBT_AT_MOST_EVERY_S
            due |= {one.instrument: one for one in reversed(self._intake.ledger.recalls())}
        due |= {one: None for one in self._intake.followed if one not in self._intake.greeted}
        return {one: due[one] for one in due if now >= self._not_before.get(one, 0.0)}

    async def _do(self, instrument: Instrument, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (*UNANSWERED, VenueBusyError) as error:
            log.warning("backfill.waiting", instrument=str(instrument), why=in_words(error))
            now = asyncio.get_running_loop().time()
            wait_s = error.wait_s if isinstance(error, VenueBusyError) else 0.0
            self._not_before[instrument] = now + max(wait_s, AGAIN_AFTER_S)
        finally:
            self._asked.discard(instrument)
            self._room.release()

    async def _greet(self, instrument: Instrument, link: Link) -> None:
        """Ask for the newest trades of an instrument that nothing is known of."""
        greeted = self._intake.greeted
        greeted.add(instrument)  # a suspicion that comes meanwhile has it asked again
        request = link.session.recall(instrument)
        if request is None:
            return
        try:
            body = await link.ask(request)
            await self._intake.answer(link.session, request, body, self._intake.clock())
        except (*UNANSWERED, VenueBusyError):
            greeted.discard(instrument)
            raise
        except (VenueRefusedError, FrameError) as error:
            log.warning("backfill.refused", instrument=str(instrument), why=str(error))

    async def _fill(self, recall: Recall, link: Link) -> None:
        """Ask page after page, for as long as each one narrows the hole."""
        following: Recall | None = recall
        while following:
            asked = following
            if not self._proves_end(asked, link):
                asked = msgspec.structs.replace(asked, since_ns=0)  # it closes no hole then
                self._early_not_before[asked.instrument] = time.monotonic() + AGAIN_AFTER_S
            gaps = await self._gaps_after(asked, link)
            await self._intake.tell(gaps)
            for gap in gaps:
                await self._fill_with_candles(gap, link)
            following = next(self._further(asked.instrument), None)
            if following and (following.before is None or following == asked):
                return  # the newest page may know more in a while

    def _further(self, instrument: Instrument) -> Iterator[Recall]:
        recalls = self._intake.ledger.recalls()
        return (one for one in recalls if one.instrument == instrument)

    async def _gaps_after(self, recall: Recall, link: Link) -> Sequence[Gap]:
        """Ask for a page; return what is missing for good.

        Raises:
            httpx2.HTTPError: the venue does not answer now.
            TimeoutError: nor in time.
            VenueBusyError: it asks us to wait.

        """
        intake, ledger = self._intake, self._intake.ledger
        request = link.session.recall(recall.instrument, after=recall.after, before=recall.before)
        if request is None:
            return ledger.gave_up(recall, "the venue tells no older trades", intake.clock())
        try:
            body = await link.ask(request)
            received_ns = intake.clock()
            events = intake.read_answer(link.session, request, body, received_ns)
        except VenueBusyError:
            raise
        except (VenueRefusedError, FrameError) as error:
            return ledger.gave_up(recall, str(error)[:300], intake.clock())
        trades = [event for event in events if isinstance(event, Trade)]
        gaps = ledger.answered(recall, trades, received_ns)
        for other in list(self._further(recall.instrument)):
            also = msgspec.structs.replace(recall, number=other.number, since_ns=0)
            gaps += ledger.answered(also, trades, received_ns)
        await intake.pass_on_answer(link.session, events, request, received_ns)
        return gaps

    async def _fill_with_candles(self, gap: Gap, link: Link) -> None:
        """Publish the venue's candles of a time whose trades are lost."""
        request = link.session.recall_candles(
            gap.instrument, start_ns=gap.start_ns - gap.start_ns % MINUTE_NS, end_ns=gap.end_ns
        )
        if request is None:
            return
        try:
            body = await link.ask(request)
            await self._intake.answer(link.session, request, body, self._intake.clock())
        except VenueBusyError:
            raise
        except (VenueRefusedError, FrameError) as error:
            log.warning("backfill.no_candles", instrument=str(gap.instrument), why=str(error))
