"""From the parts of a process to Prometheus: what they count is read when it is asked for.

Nothing is counted here, so a scrape costs what it costs and the rest of the time nothing does. All
is read without a wait in between: the books of a scrape balance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from infrastructure.books import HELD, differences
from infrastructure.health import faults
from infrastructure.measures import Measure, Measured, Spread, states_of
from market import ActorStatus

PREFIX = "cryptotracker_"

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

PART_STATES = ("starting", "running", "waiting", "restarting", "gave_up", "stopped")


class About(NamedTuple):
    """What there is to know of a metric; its name goes without prefix and ``_total``."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    means: str


CATALOGUE = (
    About("build", "gauge", ("version", "process"), "1; which version runs as which process"),
    About("healthy", "gauge", (), "1 while nothing is wrong with this process, else 0"),
    About("part_state", "gauge", ("part", "state"), "1 for the state that the part is in, else 0"),
    About("part_handled", "counter", ("part",), "Events, frames or requests dealt with"),
    About("part_dead_letters", "counter", ("part",), "Events that were dead-lettered"),
    About("part_restarts", "counter", ("part",), "Times that the part failed and was started anew"),
    About("books", "counter", ("part", "kind"), "Accounts that rise; kind: the account"),
    About("books_held", "gauge", ("part", "kind"), "Accounts of what is in hand; kind: as above"),
    About(
        "books_difference",
        "gauge",
        ("part", "kind"),
        "What came less what became of it; kind: the balance. Anything but 0 is a fault",
    ),
    About("lead_held", "gauge", ("part",), "Leads that this replica holds; 0: it stands by"),
    About("mailbox_waiting", "gauge", ("part",), "Events at this process that wait for the part"),
    About("batch_events", "histogram", ("part",), "Events that the part was handed at once"),
    About("queue_ready", "gauge", ("part",), "Messages at the broker that wait for the part"),
    About("bus_events", "counter", ("kind",), "Events handed to the bus, by what became of them"),
    About("bus_unroutable", "counter", ("kind",), "Events that no queue took; kind: of event"),
    About("bus_connects", "counter", (), "Connections of the publisher to the broker"),
    About("bus_waiting", "gauge", (), "Events that the bus has not confirmed yet"),
    About("bus_spooled_bytes", "gauge", (), "Bytes of events on disk that wait for the broker"),
    About("bus_confirm_seconds", "histogram", (), "From a message's sending to its confirm"),
    About("bus_batch_events", "histogram", (), "Events of a message"),
    About("probe_up", "gauge", ("part",), "1 if the last round trip came back in time, else 0"),
    About("probe_seconds", "gauge", ("part",), "How long the last round trip took"),
    About("probe_failures", "counter", ("part",), "Round trips that did not come back"),
    About(
        "store_latency_seconds",
        "histogram",
        ("venue",),
        "From the venue's time of a live event to its being stored; the oldest of a batch",
    ),
    About("store_write_seconds", "histogram", (), "How long the store took to take a batch"),
    About("venue_state", "gauge", ("venue", "state"), "1 for the state of the connection, else 0"),
    About("venue_instruments", "gauge", ("venue",), "Instruments that are followed"),
    About("venue_troubled", "gauge", ("venue",), "Instruments that are not live now"),
    About("venue_frames", "counter", ("venue",), "Frames and answers that came"),
    About("venue_events", "counter", ("venue",), "Events that were published"),
    About("venue_refused", "counter", ("venue",), "Frames, answers and rows that were put aside"),
    About("venue_known", "counter", ("venue",), "Trades that had been passed on before"),
    About("venue_reconnects", "counter", ("venue",), "Connections that were lost"),
    About("venue_resyncs", "counter", ("venue",), "Books that had to start anew"),
    About("venue_backfilled", "counter", ("venue",), "Trades that were read over REST"),
    About("venue_gaps", "counter", ("venue",), "Times of which trades stayed missing"),
    About("venue_gap_seconds", "counter", ("venue",), "How long those were, added up"),
    About(
        "venue_latency_seconds",
        "gauge",
        ("venue",),
        "Median from the venue's time of a live trade to its receipt, in the last second",
    ),
    About("venue_clock_offset_seconds", "gauge", ("venue",), "How far its clock is ahead of ours"),
    About("venue_clock_error_seconds", "gauge", ("venue",), "Give or take"),
    About("quotes", "gauge", ("state",), "Quotes that the API shows; state: fresh or stale"),
    About("view_lag_seconds", "gauge", (), "Age of the newest event when the API took it in"),
    About("live_clients", "gauge", (), "Clients of the live feed"),
    About("live_streams", "gauge", (), "Streams that they share"),
    About("live_indicators", "gauge", (), "Different indicators that they follow"),
)

OF_THE_PROCESS = (
    About("process_cpu_seconds", "counter", (), "CPU time, user and system"),
    About("process_resident_memory_bytes", "gauge", (), "Memory in RAM"),
    About("process_virtual_memory_bytes", "gauge", (), "Address space"),
    About("process_start_time_seconds", "gauge", (), "Start, in seconds since the epoch"),
    About("process_open_fds", "gauge", (), "Open files and sockets"),
    About("process_max_fds", "gauge", (), "As many may be open"),
)
"""What the library reads off /proc."""

Statuses: TypeAlias = Callable[[], Sequence[ActorStatus]]


class Metrics:
    """The numbers of one process.

    Args:
        statuses: Tells how its parts do.
        measured: Parts and others that may have ``measures()``.
        version: Of the program.
        process: What this process does.

    """

    def __init__(
        self, statuses: Statuses, measured: Iterable[object], *, version: str, process: str
    ) -> None:
        self.statuses = statuses
        self._measured = [one for one in measured if isinstance(one, Measured)]
        self._build = Measure("build", 1, (version, process))
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(self._measures))
        ProcessCollector(namespace=PREFIX.rstrip("_"), registry=self._registry)

    def text(self) -> bytes:
        """Return all numbers as Prometheus reads them."""
        return generate_latest(self._registry)

    def _measures(self) -> Iterator[Measure]:
        statuses = self.statuses()
        yield self._build
        yield Measure("healthy", not faults(statuses))
        for status in statuses:
            yield from _of_part(status)
        for one in self._measured:
            yield from one.measures()


class _Collector(Collector):
    """Sorts measures into the families of the catalogue."""

    def __init__(self, measures: Callable[[], Iterable[Measure]]) -> None:
        self._take = measures

    def describe(self) -> Iterable[Metric]:
        """Return the families, empty, so that nothing is read when this is registered."""
        return [_family(about) for about in CATALOGUE]

    def collect(self) -> Iterable[Metric]:
        """Return the families with what is so now; those that nobody tells of are left out."""
        families = {about.name: _family(about) for about in CATALOGUE}
        for measure in self._take():
            _add(families[measure.name], measure)
        return [family for family in families.values() if family.samples]


def _of_part(status: ActorStatus) -> Iterator[Measure]:
    part = status.actor
    yield from states_of("part_state", part, status.state, PART_STATES)
    yield Measure("part_handled", status.handled, (part,))
    yield Measure("part_dead_letters", status.dead, (part,))
    yield Measure("part_restarts", status.restarts, (part,))
    for account, count in status.counts.items():
        yield Measure("books_held" if account in HELD else "books", count, (part, account))
    for balance, difference in differences(status.counts).items():
        yield Measure("books_difference", difference, (part, balance))


def _family(about: About) -> Metric:
    name = f"{PREFIX}{about.name}"
    match about.kind:
        case "counter":
            return CounterMetricFamily(name, about.means, labels=about.labels)
        case "gauge":
            return GaugeMetricFamily(name, about.means, labels=about.labels)
        case "histogram":
            return HistogramMetricFamily(name, about.means, labels=about.labels)


def _add(family: Metric, measure: Measure) -> None:
    match family, measure.value:
        case HistogramMetricFamily(), Spread() as spread:
            family.add_metric(measure.labels, spread.buckets(), spread.total)
        case CounterMetricFamily() | GaugeMetricFamily(), (int() | float()) as value:
            family.add_metric(measure.labels, value)
        case _:
            raise TypeError(f"{measure.name} cannot be {measure.value!r}")
