"""What Prometheus and health checks are told, over a real socket."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from infrastructure.measures import Measure, Spread
from infrastructure.metrics import CATALOGUE, OF_THE_PROCESS, PREFIX, Metrics
from infrastructure.metrics_server import MetricsServer, listen
from market import ActorStatus, PortError
from tests.making import an_actor_status

DOCUMENT = Path(__file__).parents[2] / "docs" / "METRICS.md"
LABELS = {"venue", "part", "kind", "state"}
ROW = re.compile(r"^\| `(cryptotracker_\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


class Writer:
    """Stands for a part that measures itself."""

    def __init__(self) -> None:
        self.latencies = Spread((0.1, 1.0))

    def measures(self) -> Iterable[Measure]:
        yield Measure("store_latency_seconds", self.latencies, ("kraken",))


def test_every_metric_is_documented_as_it_is() -> None:
    documented = {(name, kind, labels, means) for name, kind, labels, means in _documented()}

    known = {
        (
            f"{PREFIX}{about.name}{'_total' if about.kind == 'counter' else ''}",
            about.kind,
            ", ".join(about.labels) or "-",
            about.means,
        )
        for about in (*CATALOGUE, *OF_THE_PROCESS)
    }
    assert documented == known


def test_labels_are_few_and_no_instruments() -> None:
    labels = {label for about in CATALOGUE for label in about.labels if about.name != "build"}

    assert labels == LABELS


async def test_parts_their_books_and_what_they_measure_are_told() -> None:
    writer = Writer()
    writer.latencies.note(0.05)
    writer.latencies.note(0.5)
    counts = {"received": 7, "handled": 4, "dead": 1, "given_back": 0, "in_hand": 1}

    async with _served([an_actor_status(counts=counts)], [writer]) as port:
        _, _, body = await _asked(port, "/metrics")

    told = _samples(body)
    assert told["cryptotracker_part_state", "storage.writer", "running"] == 1
    assert told["cryptotracker_part_state", "storage.writer", "waiting"] == 0
    assert told["cryptotracker_books_total", "handled", "storage.writer"] == 4
    assert told["cryptotracker_books_held", "in_hand", "storage.writer"] == 1
    assert told["cryptotracker_books_difference", "mailbox", "storage.writer"] == 1
    assert told["cryptotracker_store_latency_seconds_bucket", "0.1", "kraken"] == 1
    assert told["cryptotracker_store_latency_seconds_bucket", "+Inf", "kraken"] == 2
    assert told["cryptotracker_store_latency_seconds_sum", "kraken"] == 0.55
    assert told["cryptotracker_build", "store", "1.2"] == 1
    assert told["cryptotracker_process_resident_memory_bytes",] > 1e6


async def test_a_process_whose_parts_run_or_stand_by_is_healthy() -> None:
    stands_by = an_actor_status(
        "waiting", "standing by: another process builds", actor="refresher.candles"
    )

    async with _served([an_actor_status(), stands_by]) as port:
        status, _, body = await _asked(port, "/healthz")

    assert (status, body) == ("200", "ok\n")


async def test_what_is_wrong_and_what_to_do_is_told_to_health_checks() -> None:
    why = "RabbitMQ at rabbit:5672 confirms no message: restart the broker"

    async with _served(
        [an_actor_status(), an_actor_status("waiting", why, actor="bus.store")]
    ) as port:
        status, _, body = await _asked(port, "/healthz")

    assert (status, body) == ("503", f"bus.store is waiting: {why}\n")


@pytest.mark.parametrize(("path", "status"), [("/", "404"), ("/metrics/../x", "404")])
async def test_there_is_nothing_else(path: str, status: str) -> None:
    async with _served([]) as port:
        assert (await _asked(port, path))[0] == status


async def test_nothing_can_be_posted_and_garbage_gets_no_answer() -> None:
    async with _served([]) as port:
        posted, _, _ = await _asked(port, "/metrics", method="POST")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 20_000)

        answered = await reader.read()

    writer.close()
    assert (posted, answered) == ("405", b"")


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with closing(listen("127.0.0.1:0")) as first:
        taken = first.getsockname()[1]

        with pytest.raises(PortError, match=f"127.0.0.1:{taken}.*CRYPTOTRACKER_METRICS"):
            listen(f"127.0.0.1:{taken}")


def test_a_spread_counts_up_to_and_with_each_bound() -> None:
    spread = Spread((1, 10))

    for value in (0.5, 1, 5, 11):
        spread.note(value)

    assert spread.buckets() == [("1", 2), ("10", 3), ("+Inf", 4)]
    assert spread.total == 17.5


@asynccontextmanager
async def _served(
    statuses: list[ActorStatus], measured: Iterable[object] = ()
) -> AsyncIterator[int]:
    metrics = Metrics(lambda: statuses, measured, version="1.2", process="store")
    with closing(listen("127.0.0.1:0")) as listener:
        server = MetricsServer(metrics, listener)
        task = asyncio.create_task(server.run())
        await server.listening.wait()
        yield listener.getsockname()[1]
        task.cancel()
        await asyncio.wait([task])


async def _asked(port: int, path: str, *, method: str = "GET") -> tuple[str, str, str]:
    """Return status, head and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.split(" ")[1], head, body


def _samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _documented() -> list[tuple[str, str, str, str]]:
    return [
        (name, kind, labels.strip(), means.strip())
        for name, kind, labels, means in ROW.findall(DOCUMENT.read_text())
    ]
