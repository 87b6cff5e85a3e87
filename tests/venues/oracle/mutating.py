"""Frames in, frames with something wrong in them out; the same for the same random numbers."""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[-\d][\d.eE+-]*|true|false|null|[{}\[\],:]')
HOSTILE = (
    b"NaN", b"Infinity", b"-Infinity", b"-0.0", b"1e400", b"-1e400", b"0", b"-1", b"1e-400",
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"9" * 40, b"1e18",
    b"4070908800000", b"1230767999999", b"1790134742", b"1790134742106", b"1790134742106000",
    b"1790134742106000000", b"null", b"true", b"false", b"[]", b"{}", b"[[]]", b'[{"p":1}]',
    b"[[" * 40 + b"]]" * 40, b"0.1", b"1", b"2", b"-5",
)  # fmt: skip
HOSTILE_TEXTS = (
    b"", b"NaN", b"nan", b"inf", b"Infinity", b"-Infinity", b"-0.0", b"0", b"0.00000000", b"-1",
    b"1e400", b"1e-400", b"9" * 40, b" 1", b"1 ", b"1_000", b"0x10", b"+1", b"1,5", b"\\u0661",
    b"\\ud800", b"\\u0000", b"\xf0\x9f\x92\xa9", b"2099-01-01T00:00:00Z", b"2026-13-01T00:00:00Z",
    b"2026-07-07T23:00:04.585581+09:00", b"1970-01-01T00:00:00Z", b"1790134742", b"1790134742106",
    b"1790134742106000", b"4070908800000", b"BTC-USD", b"XXX/YYY", b"../..", b"sell", b"SELL",
    b"snapshot", b"update", b"error", b"true", b"/",
)  # fmt: skip


class Span(NamedTuple):
    """A value within a frame; ``key`` begins its member of an object, where it is in one."""

    start: int
    end: int
    key: int | None


class Places(NamedTuple):
    """Where the values of a frame are, and which of them stand side by side."""

    values: Sequence[Span]
    siblings: Sequence[Sequence[Span]]


def places_of(frame: bytes) -> Places:
    """Find the values of a frame; none where it is no JSON."""
    values: list[Span] = []
    siblings: list[list[Span]] = []
    open_spans: list[tuple[int, int | None, list[Span]]] = []
    key: int | None = None
    tokens = list(TOKEN.finditer(frame))
    for number, token in enumerate(tokens):
        text = token.group()
        is_key = number + 1 < len(tokens) and tokens[number + 1].group() == b":"
        if text in b"{[":
            open_spans.append((token.start(), key, []))
            key = None
        elif text in b"}]" and open_spans:
            start, own_key, inner = open_spans.pop()
            siblings.append(inner)
            _found(Span(start, token.end(), own_key), values, open_spans)
        elif is_key:
            key = token.start()
        elif text not in b",:":
            _found(Span(token.start(), token.end(), key), values, open_spans)
            key = None
    return Places(values, [inner for inner in siblings if inner])


def _found(
    span: Span, values: list[Span], open_spans: Sequence[tuple[int, int | None, list[Span]]]
) -> None:
    values.append(span)
    if open_spans:
        open_spans[-1][2].append(span)


Change = Callable[[bytes, Places, Random], bytes]


def mutated(frame: bytes, places: Places, other: bytes, random: Random) -> bytes:
    """Do one to three things to a frame; ``other`` is what it may be spliced with."""
    if not places.siblings or random.random() < 0.25:
        return _bytewise(frame, other, random)
    changed = random.choice(STRUCTURAL)(frame, places, random)
    while random.random() < 0.3:
        if random.random() < 0.3:
            changed = _bytewise(changed, other, random)
        elif (again := places_of(changed)).siblings:
            changed = random.choice(STRUCTURAL)(changed, again, random)
    return changed


def _hostile(frame: bytes, places: Places, random: Random) -> bytes:
    """Put a hostile value in the place of a value, as text where that was one."""
    span = random.choice(places.values)
    is_text = frame[span.start : span.start + 1] == b'"'
    if random.random() < (0.8 if is_text else 0.2):
        value = b'"' + random.choice(HOSTILE_TEXTS) + b'"'
    else:
        value = random.choice(HOSTILE)
    return frame[: span.start] + value + frame[span.end :]


def _scaled(frame: bytes, places: Places, random: Random) -> bytes:
    """Change the unit of a number, its sign, or move it a little."""
    numbers = [one for one in places.values if frame[one.start : one.end].strip(b'"').isdigit()]
    if not numbers:
        return _hostile(frame, places, random)
    span = random.choice(numbers)
    text = frame[span.start : span.end]
    number = int(text.strip(b'"'))
    value = random.choice(
        [number * 1000, number // 1000, number * 10**6, number // 10**6, -number, number + 1,
         number - 1, number + 1000, number * 2]
    )  # fmt: skip
    written = str(value).encode()
    quoted = b'"' + written + b'"' if text[:1] == b'"' else written
    return frame[: span.start] + quoted + frame[span.end :]


def _other_value(frame: bytes, places: Places, random: Random) -> bytes:
    """Put one value of the frame in the place of another."""
    span, other = random.choice(places.values), random.choice(places.values)
    return frame[: span.start] + frame[other.start : other.end] + frame[span.end :]


def _dropped(frame: bytes, places: Places, random: Random) -> bytes:
    """Leave out a member or an element."""
    row = random.choice(places.siblings)
    place = random.randrange(len(row))
    return _arranged(frame, row, [*range(place), *range(place + 1, len(row))])


def _doubled(frame: bytes, places: Places, random: Random) -> bytes:
    """Say a member or an element twice, the second time somewhere else."""
    row = random.choice(places.siblings)
    order = list(range(len(row)))
    order.insert(random.randrange(len(row) + 1), random.randrange(len(row)))
    return _arranged(frame, row, order)


def _reordered(frame: bytes, places: Places, random: Random) -> bytes:
    row = random.choice(places.siblings)
    order = list(range(len(row)))
    random.shuffle(order)
    return _arranged(frame, row, order)


def _renamed(frame: bytes, places: Places, random: Random) -> bytes:
    """Give a member the name of another, or one that nobody knows."""
    keys = [key for span in places.values if (key := span.key) is not None]
    named = [found for key in keys if (found := re.compile(rb'"[^"]*"').match(frame, key))]
    if not named:
        return _hostile(frame, places, random)
    name = random.choice([random.choice(named).group(), b'"new"', b'""'])
    start, end = random.choice(named).span()
    return frame[:start] + name + frame[end:]


def _arranged(frame: bytes, row: Sequence[Span], order: Sequence[int]) -> bytes:
    parts = [frame[span.start if span.key is None else span.key : span.end] for span in row]
    first, last = row[0], row[-1]
    start = first.start if first.key is None else first.key
    return frame[:start] + b",".join(parts[place] for place in order) + frame[last.end :]


STRUCTURAL: Sequence[Change] = (
    _hostile, _hostile, _hostile, _scaled, _scaled, _other_value, _dropped, _doubled, _reordered,
    _renamed,
)  # fmt: skip


def _bytewise(frame: bytes, other: bytes, random: Random) -> bytes:
    """Cut, flip, put in, or splice."""
    at = random.randrange(len(frame) + 1)
    match random.randrange(5):
        case 0:
            return frame[:at]
        case 1:
            flipped = bytes(byte ^ (1 << random.randrange(8)) for byte in frame[at : at + 1])
            return frame[:at] + flipped + frame[at + 1 :]
        case 2:
            return frame[:at] + random.choice(list(_insertions(random))) + frame[at:]
        case 3:
            return frame[:at] + frame[at + random.randrange(1, 12) :]
        case _:
            return frame[:at] + other[random.randrange(len(other) + 1) :]


def _insertions(random: Random) -> Iterator[bytes]:
    yield from (
        b"0",
        b"-",
        b"9" * 20,
        b"e",
        b'"',
        b",",
        b"null",
        b"{",
        b"]",
        b"\\",
        b"\x00",
        b"\xff",
    )
    yield random.randbytes(4)
