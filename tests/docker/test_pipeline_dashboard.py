"""Every question in PromQL, of panels and alerts, asked of a Prometheus that asks a real system.

RabbitMQ is a private node, the system one process of ours with simulated venues, and Prometheus
asks both. What Grafana puts in for ``$__rate_interval`` is put in here.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure.grafana.files import files
from infrastructure.metrics import CATALOGUE, OF_THE_PROCESS, PREFIX
from tests.docker.grafana import read_dashboard
from tests.docker.stack import ROOT
from tests.processes import Service
from tests.servers.prometheus import PrometheusServer, Target
from tests.servers.rabbitmq import REQUIRE_VARIABLE
from tests.servers.rabbitmq_node import RabbitMQServer, free_ports

RULES = ROOT / "infrastructure" / "docker" / "prometheus" / "alerts.yml"
CONFIG = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
EMPTY_WHILE_ALL_IS_WELL = {"Alerts that fire"}
RATE_INTERVAL = "6s"


@pytest.fixture
def metrics_port() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture
async def _system(
    the_rabbitmq_node: RabbitMQServer, metrics_port: int, tmp_path: Path
) -> AsyncIterator[None]:
    vhost = f"shown-{secrets.token_hex(4)}"
    for told in (("add_vhost", vhost), ("set_permissions", "-p", vhost, "guest", *3 * (".*",))):
        await asyncio.to_thread(the_rabbitmq_node.ctl, *told)
    settings = {
        "bus_url": f"{the_rabbitmq_node.url}{vhost}",
        "store_url": "duckdb:",
        "port": "0",
        "metrics": f"127.0.0.1:{metrics_port}",
        "simulator_events_per_s": "200",
    }
    system = Service("up", settings=settings, log=tmp_path / "log")
    await system.start()
    try:
        yield
    finally:
        await system.end()
        await asyncio.to_thread(the_rabbitmq_node.ctl, "delete_vhost", vhost)


@pytest.fixture
def prometheus(
    the_rabbitmq_node: RabbitMQServer, metrics_port: int, _system: None
) -> Iterator[PrometheusServer]:
    """Prometheus that asks as the stack's does, once a second."""
    if why_not := PrometheusServer.why_not():
        if os.environ.get(REQUIRE_VARIABLE) == "1":
            pytest.fail(why_not)
        pytest.skip(why_not)
    broker = the_rabbitmq_node.tell_metrics()
    (detailed,) = (job for job in CONFIG["scrape_configs"] if job["job_name"] == "rabbitmq_queues")
    targets = [
        Target("cryptotracker", "store", f"127.0.0.1:{metrics_port}"),
        Target("rabbitmq", "rabbitmq", broker),
        Target("rabbitmq_queues", "rabbitmq", broker, detailed["metrics_path"], detailed["params"]),
    ]
    server = PrometheusServer(targets, rules=RULES)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.mark.rabbitmq
async def test_every_question_is_answered(prometheus: PrometheusServer) -> None:
    asked = dict(_questions())
    unanswered = dict(asked)

    async with asyncio.timeout(60):
        while set(unanswered) - EMPTY_WHILE_ALL_IS_WELL:
            await asyncio.sleep(1)  # Prometheus asks once a second
            for title, query in list(unanswered.items()):
                if await asyncio.to_thread(_answer, prometheus, query):
                    del unanswered[title]

    assert len(asked) > 40
    rules = (await asyncio.to_thread(prometheus.ask, "rules"))["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} == {"ok"}


def test_every_metric_that_is_asked_for_is_one_of_ours_or_of_rabbitmq() -> None:
    ours = {f"{PREFIX}{one.name}": one.kind for one in CATALOGUE}
    ours |= {f"{PREFIX}{one.name}": one.kind for one in OF_THE_PROCESS}
    names = {
        f"{name}{ending}"
        for name, kind in ours.items()
        for ending in (("_bucket", "_sum", "_count") if kind == "histogram" else _endings(kind))
    }
    alerts = [rule["expr"] for group in _alert_groups() for rule in group["rules"]]

    asked = {
        name
        for query in [*alerts, *(query for _, query in _questions())]
        for name in re.findall(r"cryptotracker_\w+", query)
    }

    assert asked <= names


def _endings(kind: str) -> tuple[str, ...]:
    return ("_total", "") if kind == "counter" else ("",)


def _questions() -> Iterator[tuple[str, str]]:
    """Return what panels ask of Prometheus, by their titles."""
    for name in files():
        for panel in read_dashboard(name.removesuffix(".json"))["panels"]:
            for target in panel.get("targets", ()):
                if target["datasource"]["type"] == "prometheus":
                    yield f"{panel['title']} {target['refId']}".removesuffix(" A"), target["expr"]


def _alert_groups() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return groups


def _answer(prometheus: PrometheusServer, query: str) -> list[Any]:
    filled = query.replace("$__rate_interval", RATE_INTERVAL)
    assert "$" not in filled
    now = time.time()
    asked = {"query": filled, "start": str(now - 10), "end": str(now), "step": "1"}
    found: list[Any] = prometheus.ask("query_range", **asked)["result"]
    return found
