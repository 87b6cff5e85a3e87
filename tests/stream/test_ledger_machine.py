"""Whatever a venue and its connections do, each trade goes out once or lies in a gap that was told.

The model is a venue with a log of trades, a stream that breaks, and REST pages of four kinds.
"""

from collections import Counter

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from market import Gap, Instrument, Trade
from stream_service.holes import Recall
from stream_service.ledger import LedgerState, TradeLedger
from tests.making import SECOND

MS = 1_000_000
INSTRUMENT = Instrument("BTC", "USDT")
START = 1_700_000_000 * SECOND


class LedgerMachine(RuleBasedStateMachine):
    consecutive = True
    remembered = 5
    unit_ns = 1
    overlap_ns = 0

    @initialize(
        paging=st.sampled_from(["forward", "backward", "newest"]),
        size=st.integers(1, 6),
        reach=st.sampled_from([4, 12, 1_000]),
    )
    def open(self, paging: str, size: int, reach: int) -> None:
        self.paging, self.size, self.reach = paging, size, reach
        self.now = START
        self.log: list[Trade] = []
        self.stream: list[Trade] = []
        self.is_connected = True
        self.skew_ns = 0
        self.passed: Counter[str] = Counter()
        self.gaps: list[Gap] = []
        self.under_way: list[list[Trade]] = []
        self.answers: list[tuple[Recall, list[Trade] | None]] = []
        self.ledger = self.new_ledger()

    def new_ledger(self) -> TradeLedger:
        return TradeLedger(
            "kraken",
            consecutive=self.consecutive,
            remembered=self.remembered,
            recalled_unit_ns=self.unit_ns,
            overlap_ns=self.overlap_ns,
        )

    def tick(self) -> int:
        self.now += 1_000
        return self.now

    # The venue trades, and its stream tells.

    @rule(wait_ms=st.sampled_from([0, 0, 1, 40, 5_000, 90_000]), count=st.integers(1, 4))
    def trade(self, wait_ms: int, count: int) -> None:
        self.now += wait_ms * MS
        for _ in range(count):
            number = len(self.log) + 1
            trade_id = str(number) if self.consecutive else f"{number * 7919 % 10_007:x}"
            happened = self.tick() // MS * MS + self.skew_ns
            self.log.append(
                Trade(
                    venue="kraken",
                    instrument=INSTRUMENT,
                    trade_id=trade_id,
                    side="buy",
                    price=100.0,
                    size=1.0,
                    event_ns=happened,
                    received_ns=self.now,
                    sequence=number,
                )
            )
            if self.is_connected:
                self.stream.append(self.log[-1])

    def heard(self, trade: Trade, *, backfilled: bool = False) -> Trade:
        now = self.tick()
        sequence = trade.sequence if self.consecutive else now
        event_ns = trade.event_ns - (trade.event_ns % self.unit_ns if backfilled else 0)
        return msgspec.structs.replace(
            trade, event_ns=event_ns, received_ns=now, sequence=sequence, backfilled=backfilled
        )

    def take(self, count: int) -> list[Trade]:
        taken, self.stream = self.stream[:count], self.stream[count:]
        return [self.heard(trade) for trade in taken]

    def went_out(self, trades: list[Trade]) -> None:
        self.passed.update(trade.trade_id for trade in trades)  # the first one comes first
        assert max(self.passed.values(), default=0) <= 1

    @rule(count=st.integers(1, 3), is_late=st.booleans())
    def tell(self, count: int, *, is_late: bool) -> None:
        trades = self.take(count)
        if is_late:
            trades.reverse()
        with self.ledger.passing_on(trades) as fresh:
            self.went_out(fresh)

    @precondition(lambda self: self.log)
    @rule(choice=st.integers(0, 5))
    def tell_again(self, choice: int) -> None:
        known = [trade for trade in self.log if self.passed[trade.trade_id]]
        for trade in known[-1 - choice :][:1]:
            with self.ledger.passing_on([self.heard(trade)]) as fresh:
                self.went_out(fresh)

    @rule(count=st.integers(1, 3))
    def tell_while_the_bus_is_busy(self, count: int) -> None:
        self.under_way.append(self.ledger.fresh(self.take(count)))

    @precondition(lambda self: self.under_way)
    @rule(arrives=st.booleans())
    def the_bus_is_done(self, *, arrives: bool) -> None:
        trades = self.under_way.pop(0)
        if arrives:
            self.went_out(trades)
            self.ledger.passed_on(trades)
        else:
            self.ledger.taken_back(trades)

    @rule()
    def the_bus_fails(self) -> None:
        with pytest.raises(TimeoutError), self.ledger.passing_on(self.take(1)):
            raise TimeoutError

    # Things go wrong.

    @precondition(lambda self: self.stream)
    @rule()
    def refuse_a_frame(self) -> None:
        self.take(1)
        self.ledger.suspect(None, "a frame could not be read", self.tick())

    @precondition(lambda self: self.stream)
    @rule()
    def refuse_a_trade(self) -> None:
        (trade,) = self.take(1)
        gap = self.ledger.lost(trade, "its price cannot be true", self.tick())
        if gap:
            self.gaps.append(gap)

    @rule()
    def disconnect(self) -> None:
        self.is_connected = False
        self.stream.clear()

    @rule()
    def connect(self) -> None:
        self.stream.clear()
        self.is_connected = True
        self.ledger.suspect(INSTRUMENT, "the connection was away", self.tick())

    @rule()
    def restart(self) -> None:
        self.disconnect()
        self.under_way.clear()
        self.answers.clear()
        body = msgspec.json.encode(self.ledger.state(self.ledger.kept()))
        self.ledger = self.new_ledger()
        self.ledger.restore(msgspec.json.decode(body, type=LedgerState))

    # REST answers.

    @precondition(lambda self: self.is_connected)
    @rule(choice=st.integers(0, 3), is_early=st.booleans())
    def ask(self, choice: int, *, is_early: bool) -> None:
        """Ask for a page; one that is early proves nothing of what comes after it."""
        recalls = self.ledger.recalls()
        if recalls:
            recall = recalls[choice % len(recalls)]
            if is_early:
                recall = msgspec.structs.replace(recall, since_ns=0)
            self.answers.append((recall, self.page(recall)))

    def page(self, recall: Recall) -> list[Trade] | None:
        listed = self.log[-self.reach :]
        if recall.before and self.paging == "newest":
            return None
        if self.paging == "by time":
            return self.page_by_time(recall)
        if self.paging == "forward":
            start = recall.after.event_ns
            return [trade for trade in listed if trade.event_ns >= start][: self.size + 3]
        ids = [trade.trade_id for trade in listed]
        if recall.before:
            end = recall.before.trade_id
            listed = listed[: ids.index(end)] if end in ids else []
        return listed[-self.size :]

    def page_by_time(self, recall: Recall) -> list[Trade]:
        """Return all between two times, in the order of times: a page holds very many."""
        end = recall.before.event_ns if recall.before else self.now + SECOND * 60
        within = [
            trade
            for trade in self.log[-self.reach :]
            if recall.after.event_ns <= trade.event_ns <= end
        ]
        return sorted(within, key=lambda trade: trade.event_ns)

    @precondition(lambda self: self.answers)
    @rule(is_empty=st.sampled_from([False, False, False, True]))
    def answer(self, *, is_empty: bool) -> None:
        recall, page = self.answers.pop(0)
        if page is None:
            self.told(self.ledger.gave_up(recall, "the venue tells no older trades", self.tick()))
            return
        trades = [] if is_empty else [self.heard(trade, backfilled=True) for trade in page]
        self.told(self.ledger.answered(recall, trades, self.tick()))
        with self.ledger.passing_on(trades) as fresh:
            self.went_out(fresh)

    def told(self, gaps: list[Gap]) -> None:
        self.gaps += gaps
        for gap in gaps if self.consecutive else ():
            lost = [trade for trade in self.log if self.is_missed(trade, gap)]
            assert gap.missing is not None
            assert 0 < gap.missing <= len(lost)

    def is_missed(self, trade: Trade, gap: Gap) -> bool:
        return not self.passed[trade.trade_id] and gap.start_ns <= trade.event_ns <= gap.end_ns

    # In the end all is accounted for.

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        while self.under_way:
            self.the_bus_is_done(arrives=True)
        self.connect()
        self.trade(wait_ms=1, count=1)
        self.tell(count=1, is_late=False)
        for _ in range(300):
            if not self.answers and not self.ledger.recalls():
                break
            self.ask(0, is_early=False)
            self.answer(is_empty=False)
        assert not self.ledger.recalls()
        first = next(name for name, count in self.passed.items() if count)
        after = [trade.trade_id for trade in self.log].index(first)  # no other was promised
        for trade in self.log[after:]:
            is_told = any(gap.start_ns <= trade.event_ns <= gap.end_ns for gap in self.gaps)
            assert self.passed[trade.trade_id] or is_told, f"nobody told of {trade}"


class UnnumberedMachine(LedgerMachine):
    consecutive = False
    remembered = 100  # trades of one millisecond have no order that memory could go by


class CutMachine(UnnumberedMachine):
    """A venue with times like these pages backward, or tells the newest only."""

    unit_ns = SECOND

    @initialize(
        paging=st.sampled_from(["backward", "newest"]),
        size=st.integers(1, 6),
        reach=st.sampled_from([4, 12, 1_000]),
    )
    def open(self, paging: str, size: int, reach: int) -> None:
        super().open(paging, size, reach)


class SkewedMachine(LedgerMachine):
    """The venue's clock is set forward and back, and trades are told late."""

    remembered = 100  # what is forgotten must be of before the overlap
    overlap_ns = 5 * SECOND
    ahead_ns = 2 * SECOND
    late_ns = 2 * SECOND

    @initialize(
        paging=st.sampled_from(["forward", "backward", "newest"]),
        size=st.integers(1, 6),
        reach=st.sampled_from([4, 12, 1_000]),
    )
    def open(self, paging: str, size: int, reach: int) -> None:
        super().open(paging, size, reach)
        self.late: list[Trade] = []
        self.skew_ns = self.ahead_ns
        super().trade(wait_ms=0, count=1)
        self.tell(count=1, is_late=False)  # now it is known how wrong that clock can be

    @rule(is_ahead=st.booleans())
    def set_the_clock(self, *, is_ahead: bool) -> None:
        self.skew_ns = self.ahead_ns if is_ahead else 0

    @rule(wait_ms=st.sampled_from([0, 0, 1, 40, 900, 5_000, 90_000]), count=st.integers(1, 4))
    def trade(self, wait_ms: int, count: int) -> None:
        if any(self.now + wait_ms * MS > one.received_ns + self.late_ns for one in self.late):
            self.tell_late()
        super().trade(wait_ms, count)

    @precondition(
        lambda self: self.stream and self.now <= self.stream[0].received_ns + self.late_ns
    )
    @rule()
    def be_late(self) -> None:
        self.late.append(self.stream.pop(0))

    @precondition(lambda self: self.late)
    @rule()
    def tell_late(self) -> None:
        self.stream, self.late = [*self.late, *self.stream], []
        self.tell(count=len(self.stream), is_late=False)

    @rule()
    def disconnect(self) -> None:
        super().disconnect()
        self.late.clear()

    @rule()
    def connect(self) -> None:
        super().connect()
        self.late.clear()


class UnnumberedSkewedMachine(SkewedMachine):
    """No venue pages forward by a time that may be set, and tells no numbers."""

    consecutive = False

    @initialize(
        paging=st.sampled_from(["backward", "newest", "by time"]),
        size=st.integers(1, 6),
        reach=st.sampled_from([4, 12, 1_000]),
    )
    def open(self, paging: str, size: int, reach: int) -> None:
        super().open(paging, size, reach)


TestNumberedTrades = LedgerMachine.TestCase
TestUnnumberedTrades = UnnumberedMachine.TestCase
TestTradesOfCutTimes = CutMachine.TestCase
TestNumberedTradesOfAClockThatIsSet = SkewedMachine.TestCase
TestUnnumberedTradesOfAClockThatIsSet = UnnumberedSkewedMachine.TestCase
THOROUGHLY = settings(max_examples=100, stateful_step_count=40)
TestNumberedTrades.settings = THOROUGHLY
TestUnnumberedTrades.settings = THOROUGHLY
TestTradesOfCutTimes.settings = THOROUGHLY
TestNumberedTradesOfAClockThatIsSet.settings = THOROUGHLY
TestUnnumberedTradesOfAClockThatIsSet.settings = THOROUGHLY
