"""The channel of indicators: what the board computed, and what it waits for."""

from collections.abc import Mapping
from typing import TypeAlias

from analytics.indicators.runs import Told
from api_service.channels import LatestChannel
from api_service.indicator_board import IndicatorBoard
from api_service.indicator_rows import indicator_row, of_row
from api_service.indicator_terms import Question
from api_service.rows import decimal, rfc3339
from api_service.selection import Filter
from api_service.view import LatestView

IndicatorState: TypeAlias = tuple[Question, Told, bool]
"""What is told of a candle, and whether that is closed."""


class IndicatorsChannel(LatestChannel[IndicatorState]):
    """An indicator at the newest closes, and as the open candle grows.

    What it waits for is said beside the rows, which there are none of before.
    """

    name = "indicators"
    kinds = ()
    max_hz = 2

    def __init__(self, view: LatestView, board: IndicatorBoard) -> None:
        super().__init__(view)
        self.board = board

    def current(self, wanted: Filter, now_ns: int) -> dict[str, IndicatorState]:
        """See `LatestChannel.current`."""
        del now_ns
        question = wanted.indicator
        if question is None:
            return {}
        rows = self.board.rows(question)[-wanted.limit :]
        return {rfc3339(told.start_ns): (question, told, closed) for told, closed in rows}

    def row(self, state: IndicatorState, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        del now_ns
        question, told, closed = state
        return indicator_row(question, told, decimal, closed=closed)

    def about(self, wanted: Filter) -> Mapping[str, object]:
        """See `LatestChannel.about`."""
        if wanted.indicator is None:
            return {}
        waits_for = self.board.waits_for(wanted.indicator)
        return {"indicator": of_row(wanted.indicator), "waits_for": waits_for}

    def forgets(self, _state: IndicatorState) -> bool:
        """See `LatestChannel.forgets`; an old value stays true."""
        return False
