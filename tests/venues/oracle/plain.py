"""What a frame plainly says, and frames written in every way that JSON allows.

Nothing here knows the decoders: facts are read off a tree of dicts and lists whose numbers are
`Decimal`, the times are whole nanoseconds, and None is a time that the venue does not tell.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, NamedTuple, TypeAlias

from hypothesis import strategies as st

Tree: TypeAlias = Any
Number: TypeAlias = Decimal | float
Levels: TypeAlias = tuple[tuple[Decimal, Decimal], ...]
Side: TypeAlias = tuple[tuple[Number, Number], ...]

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class TradeFact(NamedTuple):
    instrument: str
    trade_id: str
    side: str
    price: Number
    size: Number
    event_ns: int | None
    backfilled: bool = False


class QuoteFact(NamedTuple):
    instrument: str
    bid: Number
    bid_size: Number
    ask: Number
    ask_size: Number
    event_ns: int | None


class BookFact(NamedTuple):
    instrument: str
    bids: Side
    asks: Side
    event_ns: int | None


class CandleFact(NamedTuple):
    instrument: str
    start_ns: int
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number


class SummaryFact(NamedTuple):
    instrument: str
    last: Number
    event_ns: int | None


Fact: TypeAlias = TradeFact | QuoteFact | BookFact | CandleFact | SummaryFact


def quote_fact(instrument: str, numbers: Iterable[Decimal], event_ns: int | None) -> QuoteFact:
    """Make a fact of bid and ask, each with its size after it."""
    bid, bid_size, ask, ask_size = numbers
    return QuoteFact(instrument, bid, bid_size, ask, ask_size, event_ns)


def candle_fact(instrument: str, start_ns: int, numbers: Iterable[Decimal]) -> CandleFact:
    """Make a fact of open, high, low, close and volume."""
    first, high, low, last, volume = numbers
    return CandleFact(instrument, start_ns, first, high, low, last, volume)


class Kind(NamedTuple):
    """One documented shape: what draws trees of it, and what they plainly say together.

    ``tells`` are the facts that the shape is for; a venue may tell more of it. ``rising`` names
    what rises from row to row, times and numbers; ``newest_first``: it falls.
    """

    trees: st.SearchStrategy[Sequence[Tree]]
    reading: Callable[[Sequence[Tree]], Iterable[Fact]]
    tells: tuple[type[Fact], ...]
    hint: str = ""
    rising: tuple[str | int, ...] = ()
    newest_first: bool = False
    numbers_trades: bool = True

    def recording(self, drawn: Sequence[Tree]) -> Sequence[Tree]:
        """Put what rises in order."""
        for key in self.rising:
            places = list(_places(list(drawn), key))
            values = sorted((place[key] for place in places), key=partial(_rank, key))
            values = [_moved(value, by) for by, value in enumerate(values)]
            for place, value in zip(places, values[:: -1 if self.newest_first else 1], strict=True):
                place[key] = value
        return drawn


def _places(tree: Tree, key: str | int) -> Iterable[Any]:
    match tree:
        case dict():
            if key in tree:
                yield tree
            for inner in tree.values():
                yield from _places(inner, key)
        case list():
            if isinstance(key, int) and len(tree) > key and not isinstance(tree[key], dict | list):
                yield tree
            for inner in tree:
                yield from _places(inner, key)


def _rank(key: str | int, value: Any) -> Decimal:
    if isinstance(value, str) and value[4:5] == "-":
        return Decimal(iso_ns(value))
    # times of one recording may be in milliseconds and in microseconds
    is_micro = key in {"T", "time", "timestamp", "tms"} and 10**14 < int(value) < 10**16
    return Decimal(value) * (1_000 if is_micro else 1)


def _moved(value: Any, by: int) -> Any:
    """Keep numbers apart that were drawn twice."""
    if isinstance(value, str):
        return str(int(value) + by) if value.isdecimal() else value
    return type(value)(value + by)


def each(reading: Callable[[Tree], Iterable[Fact]]) -> Callable[[Sequence[Tree]], Iterable[Fact]]:
    """Read trees that say something one by one."""
    return lambda trees: [fact for tree in trees for fact in reading(tree)]


class PlainNumber(Decimal):
    """A number that its venue never writes with an exponent, such as a time."""


def one(tree: st.SearchStrategy[Tree]) -> st.SearchStrategy[Sequence[Tree]]:
    """Draw a recording of a single frame."""
    return tree.map(lambda drawn: [drawn])


def some(tree: st.SearchStrategy[Tree]) -> st.SearchStrategy[Sequence[Tree]]:
    """Draw a recording of a few frames."""
    return st.lists(tree, min_size=1, max_size=3)


def rows(row: st.SearchStrategy[Tree], most: int = 4) -> st.SearchStrategy[list[Tree]]:
    """Draw the rows of a frame that holds many."""
    return st.lists(row, min_size=1, max_size=most)


amounts = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(1, 10**11),
    st.integers(0, 10),
)
texts = amounts.map(lambda amount: format(amount, "f"))
milliseconds = st.integers(1_420_070_400_000, 2_051_222_400_000)
microseconds = st.integers(1_420_070_400_000_000, 2_051_222_400_000_000)
nanoseconds = st.integers(1_420_070_400_000_000_000, 2_051_222_400_000_000_000)
minutes = st.integers(23_667_840, 34_187_040)
"""Minutes of the epoch, 2015 to 2034."""

SHARE_OF_NEW_FIELDS = 0.2
big_ids = st.one_of(st.integers(1, 10**6), st.integers(2**53, 2**62))


class Sides(NamedTuple):
    bids: Levels
    asks: Levels


@st.composite
def sides(draw: st.DrawFn, *, places: int = 4, lot: int = 8, deep: int = 14) -> Sides:
    """Draw a book, best prices first, of numbers with so many decimal places."""
    ticks = draw(st.lists(st.integers(1, 10**7), min_size=2, max_size=2 * deep, unique=True))
    lots = draw(st.lists(st.integers(1, 10**12), min_size=len(ticks), max_size=len(ticks)))
    levels = [
        (Decimal(tick).scaleb(-places), Decimal(size).scaleb(-lot))
        for tick, size in zip(sorted(ticks), lots, strict=True)
    ]
    middle = draw(st.integers(1, len(levels) - 1))
    return Sides(tuple(levels[:middle][::-1]), tuple(levels[middle:]))


def as_texts(levels: Levels) -> list[list[str]]:
    """Write levels as pairs of strings."""
    return [[format(price, "f"), format(size, "f")] for price, size in levels]


def levels_of(pairs: Iterable[Sequence[Any]]) -> Levels:
    """Read pairs that begin with price and size."""
    return tuple((Decimal(row[0]), Decimal(row[1])) for row in pairs)


class PlainBook:
    """A book kept in the plainest way."""

    def __init__(self, bids: Levels = (), asks: Levels = ()) -> None:
        self.bids, self.asks = dict(bids), dict(asks)

    def put(self, bids: Levels, asks: Levels) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, size in changes:
                side[price] = size
                if not size:
                    del side[price]

    def fact(self, instrument: str, event_ns: int | None) -> BookFact:
        return book_fact(instrument, self.bids.items(), self.asks.items(), event_ns)


def book_fact(
    instrument: str,
    bids: Iterable[tuple[Decimal, Decimal]],
    asks: Iterable[tuple[Decimal, Decimal]],
    event_ns: int | None,
) -> BookFact:
    """Keep the ten best levels a side that hold anything."""
    held = [tuple((p, s) for p, s in side if p and s) for side in (bids, asks)]
    return BookFact(
        instrument,
        tuple(sorted(held[0], reverse=True)[:10]),
        tuple(sorted(held[1])[:10]),
        event_ns,
    )


@st.composite
def changes(draw: st.DrawFn, first: Sides) -> Sides:
    """Draw changes of a book that leave its best levels apart: deeper ones go, come or differ."""
    found = []
    for levels in first:
        picked = draw(st.lists(st.sampled_from(levels), max_size=4, unique=True))
        lots = draw(st.lists(st.integers(0, 10**11), min_size=len(picked), max_size=len(picked)))
        found.append(
            tuple(
                # the best level stays, so that neither side runs out
                (price, Decimal(size or (price == levels[0][0])).scaleb(-8))
                for (price, _), size in zip(picked, lots, strict=True)
            )
        )
    return Sides(*found)


@st.composite
def iso_times(draw: st.DrawFn, most: int = 9) -> str:
    """Draw a time such as 2026-07-07T23:00:04.5855Z, with any number of places."""
    second = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=draw(st.integers(1_420_070_400, 2_051_222_400))
    )
    places = draw(st.integers(0, most))
    fraction = draw(st.integers(0, 10**places - 1))
    return f"{second:%Y-%m-%dT%H:%M:%S}" + (f".{fraction:0{places}d}Z" if places else "Z")


def iso_ns(text: str) -> int:
    """Read such a time, digit by digit."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(f"{second}+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * SECOND_NS + int(fraction.ljust(9, "0"))


def fields(optional: Mapping[str, st.SearchStrategy[Any]] | None = None, **always: Any) -> Any:
    """Draw an object; what is no strategy is as it is, ``optional`` fields may be missing."""
    drawn = {
        key: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for key, value in always.items()
    }
    return st.fixed_dictionaries(drawn, optional=dict(optional or {}))


def written(tree: Tree, style: Random, *, share_of_new: float = SHARE_OF_NEW_FIELDS) -> bytes:
    """Write a tree as JSON in a style of its own: order, white space, exponents, new fields."""
    gap = style.choice(["", "", " ", "\n  "])
    return _written(tree, style, gap, share_of_new).encode()


def plainly(frame: bytes) -> Tree:
    """Read JSON with every digit kept."""
    return json.loads(frame, parse_float=Decimal, parse_int=int)


def _written(tree: Tree, style: Random, gap: str, share_of_new: float) -> str:
    match tree:
        case dict():
            pairs = list(tree.items())
            style.shuffle(pairs)
            if not any("/" in key or key.startswith("XX") for key in tree) and (
                style.random() < share_of_new
            ):
                new: Tree = style.choice([None, 1, -1.5, "new", [], {"p": "1", "price": [0]}, True])
                pairs.insert(style.randrange(len(pairs) + 1), (f"x{style.randrange(99)}", new))
            inner = [
                f'"{key}"{gap}:{gap}{_written(value, style, gap, share_of_new)}'
                for key, value in pairs
            ]
            return "{" + gap + f"{gap},{gap}".join(inner) + gap + "}"
        case list() | tuple():
            inner = [_written(value, style, gap, share_of_new) for value in tree]
            return "[" + gap + f"{gap},{gap}".join(inner) + gap + "]"
        case PlainNumber():
            return f"{tree:f}"
        case Decimal():
            return style.choice([f"{tree:f}", f"{tree:f}", f"{tree:E}", f"{tree:e}"])
        case str():
            text = json.dumps(tree, ensure_ascii=style.random() < 0.5)
            return text.replace("/", "\\/") if style.random() < 0.1 else text
        case _:
            return json.dumps(tree)
