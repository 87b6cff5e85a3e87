"""From a frame to the event that may be believed: what reading costs, venue by venue.

Frames are made by the venue's own side from varied prices, a thousand of each kind that it streams.
They go through ``Session.receive``, which checks what it reads. Beside it, in alternating rounds:

- ``peer``: a loop written for that venue and kind alone, which decodes with msgspec, makes the
  normalised struct and checks nothing; for a book that comes as changes it keeps the ladder, sizes
  by price and prices in order, and makes a struct of the best ten levels. Ours is to reach 0.6 of
  its speed. A loop that only makes a struct of the changed levels is shown for books as well.
- ``floor``: msgspec's typed decoding of the same frames and nothing else.

With ``--peers`` cryptofeed and ccxt are installed into an environment that is thrown away, and
their own parsers read the same frames: ours is to read trades 2.5 and 20 times as fast. The floor
of these figures is the bare loop's: where it checks nothing and is hardly faster than the goal, no
loop of Python that checks what it reads will meet it.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from benchmarks.bare_loops import BARE, Frames, Loop
from benchmarks.peers import PEERS, Peer, installed
from benchmarks.report import Figure, parser, report
from benchmarks.samples import DISTINCT, KINDS, Sample
from stream_service.venues import load_venues

GOAL_OF_BARE = 0.6
GOAL_OF_PEERS = {"cryptofeed": 2.5, "ccxt": 20.0}
READ_AT_LEAST = 0.9
"""Share of the frames that must give an event of their kind, or something is wrong."""

ROUNDS, QUICK_ROUNDS = 31, 9

Read: TypeAlias = Callable[[Frames], None]
Times: TypeAlias = Mapping[str, Sequence[float]]
"""Microseconds a frame, round by round, of each way to read."""


def samples(venue: str | None) -> list[Sample]:
    """Return the frames of every kind that ``venue`` streams, or of all venues where it is None.

    Raises:
        RuntimeError: a session does not read what its venue tells.

    """
    found = []
    for name, facts in load_venues().items():
        if venue not in (None, name):
            continue
        for sample in (Sample(facts, kind) for kind in KINDS):
            if not sample.frames:
                continue
            if len(sample.frames) < DISTINCT or sample.count() < DISTINCT * READ_AT_LEAST:
                told = f"{sample.count()} of {len(sample.frames)} frames of {name} are read"
                raise RuntimeError(f"only {told} as {sample.kind}, {DISTINCT} are needed")
            found.append(sample)
    return found


def measure(sample: Sample, rounds: int) -> Iterator[Figure]:
    """Run the rounds; yield microseconds a frame, and what they are of the bare loop's."""
    loop = BARE[sample.venue.name][sample.kind]
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for way, read in _ways(sample, loop).items():
            times.setdefault(way, []).append(_timed(read, sample))
    yield from _figures(f"{sample.venue.name}: {sample.kind}", times)


def against_peer(peer: Peer, among: Sequence[Sample], rounds: int) -> Iterator[Figure]:
    """Yield how many times as fast as a peer ours and the bare loop are, for what it reads."""
    for sample in among:
        read = peer.reader(sample)
        if read is None:
            continue
        bare_loop = BARE[sample.venue.name][sample.kind].read
        ours: list[float] = []
        bare: list[float] = []
        theirs: list[float] = []
        for _ in range(rounds):
            _timed(_reader(sample), sample)  # theirs takes long enough to have the caches cold
            ours.append(_timed(_reader(sample), sample))
            bare.append(_timed(bare_loop, sample))
            theirs.append(read())
        yield Figure(
            name=f"{sample.venue.name}: {sample.kind}, speed against {peer.name}",
            value=_ratio(theirs, ours),
            unit="times",
            floor=_ratio(theirs, bare),
            peer=statistics.median(theirs),
            goal=GOAL_OF_PEERS[peer.name] if sample.kind == "trade" else None,
            better="higher",
        )


def _ways(sample: Sample, loop: Loop) -> dict[str, Read]:
    def decode(frames: Frames) -> None:
        decode = loop.decode
        for frame, _ in frames:
            decode(frame)

    ways = {"ours": _reader(sample), "bare": loop.read, "decode": decode}
    return ways if loop.changes is None else {**ways, "changes": loop.changes}


def _reader(sample: Sample) -> Read:
    receive = sample.session().receive

    def read(frames: Frames) -> None:
        for frame, received_ns in frames:
            receive(frame, received_ns)

    return read


def _timed(read: Read, sample: Sample) -> float:
    """Return the microseconds that reading takes a frame, of this process's own time."""
    frames = sample.received()
    started_ns = time.process_time_ns()
    read(frames)
    return (time.process_time_ns() - started_ns) / len(sample.frames) / 1e3


def _figures(name: str, times: Times) -> Iterator[Figure]:
    ours, bare = times["ours"], times["bare"]
    yield Figure(
        name=name,
        value=statistics.median(ours),
        unit="µs",
        floor=statistics.median(times["decode"]),
        peer=statistics.median(bare),
    )
    yield Figure(
        name=f"{name}, speed against the bare loop",
        value=_ratio(bare, ours),
        unit="times",
        goal=GOAL_OF_BARE,
        better="higher",
    )
    if changes := times.get("changes"):
        yield Figure(
            name=f"{name}, speed against a loop that keeps no book",
            value=_ratio(changes, ours),
            unit="times",
            better="higher",
        )


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Return how much faster ours is; rounds are compared one by one, for machines have moods."""
    return statistics.median([their / our for their, our in zip(theirs, ours, strict=True)])


def _arguments() -> argparse.Namespace:
    arguments = parser((__doc__ or "").partition("\n")[0])
    arguments.add_argument("--venue", choices=sorted(BARE), help="only this one")
    arguments.add_argument("--peers", action="store_true", help="beside cryptofeed and ccxt")
    return arguments.parse_args()


def main() -> None:
    """Measure and report."""
    given = _arguments()
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    among = samples(given.venue)
    gc.collect()
    gc.freeze()
    gc.disable()
    figures = [figure for sample in among for figure in measure(sample, rounds)]
    for name in PEERS if given.peers else ():
        with installed(name) as peer:
            if isinstance(peer, Peer):
                figures += against_peer(peer, among, rounds)
            else:
                print(f"{name} is not judged: {peer}", file=sys.stderr)
    report("decode", figures, as_json=given.json)


if __name__ == "__main__":
    main()
