"""At its first start a venue's own candles are asked for, and after a pause those of the pause.

One request after the other, and none of an instrument whose trades were not asked for yet: the past
can wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog

from market import FrameError, Instrument, VenueBusyError, VenueRefusedError
from stream_service.intake import Intake
from stream_service.kept import KeptFile
from stream_service.link import Link
from stream_service.past_candles import PastCandles
from stream_service.refusals import in_words
from stream_service.rest import UNANSWERED

log = structlog.get_logger()

LOOK_EVERY_S = 0.5
AGAIN_AFTER_S = 5.0


class CandleHistory:
    """Fills the history of each instrument that is followed, once a run.

    Args:
        intake: Where the answers go.
        link_of: Returns the connection that follows an instrument, None while there is none.
        history: How far back by interval, in nanoseconds; empty: nothing is asked for.
        kept: Remembers until when candles are there.

    """

    def __init__(
        self,
        intake: Intake,
        link_of: Callable[[Instrument], Link | None],
        history: Mapping[str, int],
        kept: KeptFile,
    ) -> None:
        self._intake = intake
        self._link_of = link_of
        self._history = history
        self._kept = kept
        self._known = _read(kept)
        self._filled: set[Instrument] = set()

    @property
    def remark(self) -> str:
        """How far it is; empty once it is through."""
        followed = len(self._intake.followed)
        if not self._history or len(self._filled) >= followed:
            return ""
        return f"reads past candles: {len(self._filled)} of {followed} markets are filled"

    async def run(self) -> None:
        """Fill what is new until cancelled."""
        while self._history:
            await asyncio.sleep(LOOK_EVERY_S)
            for instrument in sorted(self._intake.followed & self._intake.greeted - self._filled):
                if link := self._link_of(instrument):
                    await self._try(instrument, link)

    async def _try(self, instrument: Instrument, link: Link) -> None:
        try:
            await self._fill(instrument, link)
        except (*UNANSWERED, VenueBusyError) as error:
            log.warning("candles.waiting", instrument=str(instrument), why=in_words(error))
            wait_s = error.wait_s if isinstance(error, VenueBusyError) else 0.0
            await asyncio.sleep(max(wait_s, AGAIN_AFTER_S))

    async def _fill(self, instrument: Instrument, link: Link) -> None:
        intake, now_ns = self._intake, self._intake.clock()
        pages = PastCandles(
            intake.venue,
            link.session,
            instrument,
            self._history,
            now_ns=now_ns,
            known_ns=self._known.get(str(instrument), {}),
        )
        while request := pages.following():
            try:
                body = await link.ask(request)
                received_ns = intake.clock()
                events = intake.read_answer(link.session, request, body, received_ns)
            except VenueBusyError:
                raise
            except (VenueRefusedError, FrameError) as error:
                log.warning("candles.refused", instrument=str(instrument), why=str(error)[:300])
                pages.give_up()
                continue
            pages.came(events)
            await intake.pass_on_answer(link.session, events, request, received_ns)
        self._filled.add(instrument)
        self._known[str(instrument)] = dict.fromkeys(self._history, now_ns)
        self._kept.write(msgspec.json.encode(self._known))
        if not self.remark:
            log.info("candles.filled", venue=intake.venue.name, markets=len(self._filled))


def _read(kept: KeptFile) -> dict[str, dict[str, int]]:
    """Return until when candles are there by instrument and interval; nothing of a broken file."""
    body = kept.read()
    try:
        return msgspec.json.decode(body, type=dict[str, dict[str, int]]) if body else {}
    except msgspec.DecodeError as error:
        log.warning("state.not_read", why=str(error))
        return {}
