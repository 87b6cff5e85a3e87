"""The rules of the alerts, each tried on invented numbers by Prometheus's own promtool."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.docker.stack import ROOT

PROMETHEUS = ROOT / "infrastructure" / "docker" / "prometheus"
ALERTS = PROMETHEUS / "alerts.yml"
OPERATIONS = ROOT / "docs" / "OPERATIONS.md"

STEADY = {
    **{
        f'up{{job="cryptotracker", service="{service}", instance="{service}:9464"}}': "1x80"
        for service in ("stream", "store", "refresh", "serve")
    },
    'up{job="rabbitmq", service="rabbitmq"}': "1x80",
    'up{job="influxdb", service="influxdb"}': "1x80",
    'cryptotracker_healthy{service="store"}': "1x80",
    'cryptotracker_process_start_time_seconds{service="store"}': "1000x80",
    'cryptotracker_part_restarts_total{service="store", part="storage.writer"}': "0x80",
    'cryptotracker_part_dead_letters_total{service="store", part="storage.writer"}': "0x80",
    'cryptotracker_probe_up{service="stream", part="bus.stream"}': "1x80",
    'cryptotracker_probe_up{service="store", part="store.store"}': "1x80",
    "rabbitmq_alarms_free_disk_space_watermark": "0x80",
    "rabbitmq_alarms_memory_used_watermark": "0x80",
    "rabbitmq_disk_space_available_bytes": "50000000000x80",
    "rabbitmq_disk_space_available_limit_bytes": "1000000000x80",
    'rabbitmq_detailed_queue_messages_ready{queue="market.storage.writer"}': "3x80",
    'rabbitmq_detailed_queue_messages_ready{queue="market.unrouted"}': "0x80",
    'cryptotracker_bus_waiting{service="stream"}': "40x80",
    'cryptotracker_bus_spooled_bytes{service="stream"}': "0x80",
    'cryptotracker_venue_state{service="stream", venue="kraken", state="live"}': "1x80",
    'cryptotracker_venue_state{service="stream", venue="kraken", state="down"}': "0x80",
    'cryptotracker_venue_instruments{service="stream", venue="kraken"}': "40x80",
    'cryptotracker_venue_troubled{service="stream", venue="kraken"}': "2x80",
    'cryptotracker_venue_gap_seconds_total{service="stream", venue="kraken"}': "0x80",
    'cryptotracker_venue_clock_offset_seconds{service="stream", venue="kraken"}': "-0.02x80",
    'cryptotracker_venue_refused_total{service="stream", venue="kraken"}': "0x80",
    'cryptotracker_venue_events_total{service="stream", venue="kraken"}': "0+3000x80",
    'cryptotracker_books_total{service="store", part="storage.writer", kind="stored"}': "0+900x80",
    'cryptotracker_books_total{service="stream", part="stream.kraken", kind="letters_lost"}': (
        "0x80"
    ),
    'cryptotracker_books_difference{service="stream", part="stream.kraken", kind="events"}': "0x80",
    'cryptotracker_store_latency_seconds_bucket{service="store", venue="kraken", le="1"}': (
        "0+100x80"
    ),
    'cryptotracker_store_latency_seconds_bucket{service="store", venue="kraken", le="30"}': (
        "0+100x80"
    ),
    'cryptotracker_store_latency_seconds_bucket{service="store", venue="kraken", le="+Inf"}': (
        "0+100x80"
    ),
}
"""What is scraped while all is well, every quarter of a minute for twenty minutes."""


class Trouble(NamedTuple):
    """An alert, the numbers that call it once they differ from `STEADY`, whom it names."""

    alert: str
    series: str
    values: str
    label: str = ""
    value: str = ""


TROUBLES = (
    Trouble("ServiceAway", "up", "1x20 0x60", "service", "store"),
    Trouble("ServiceUnwell", "cryptotracker_healthy", "1x20 0x60", "service", "store"),
    Trouble(
        "ProcessRestarts",
        "cryptotracker_process_start_time_seconds",
        "1000x30 2000x10 3000x40",
        "service",
        "store",
    ),
    Trouble("PartRestarts", "cryptotracker_part_restarts_total", "0+1x80", "part"),
    Trouble("BrokerAway", 'up{job="rabbitmq"', "1x20 0x60", "service", "rabbitmq"),
    Trouble("BrokerProbeRed", "cryptotracker_probe_up", "1x20 0x60", "part", "bus.stream"),
    Trouble("BrokerDiskAlarm", "rabbitmq_alarms_free_disk_space_watermark", "0x20 1x60"),
    Trouble("BrokerDiskFills", "rabbitmq_disk_space_available_bytes", "2900000000x80"),
    Trouble("BrokerMemoryAlarm", "rabbitmq_alarms_memory_used_watermark", "0x20 1x60"),
    Trouble(
        "Unroutable",
        "rabbitmq_detailed_queue_messages_ready",
        "0x40 5x40",
        "queue",
        "market.unrouted",
    ),
    Trouble("OutboxFills", "cryptotracker_bus_waiting", "40x20 60000x60", "service"),
    Trouble("OutboxSpools", "cryptotracker_bus_spooled_bytes", "0x20 4096x60", "service"),
    Trouble(
        "VenueDown",
        'cryptotracker_venue_state{service="stream", venue="kraken", state="live"',
        "1x20 0x60",
        "venue",
        "kraken",
    ),
    Trouble("VenueStale", "cryptotracker_venue_troubled", "2x20 11x60", "venue"),
    Trouble("GapsRise", "cryptotracker_venue_gap_seconds_total", "0x40 90x40", "venue"),
    Trouble("ClockOff", "cryptotracker_venue_clock_offset_seconds", "-1.5x80", "venue"),
    Trouble("FramesRefused", "cryptotracker_venue_refused_total", "0x40 50x40", "venue"),
    Trouble("InfluxAway", 'up{job="influxdb"', "1x20 0x60", "service", "influxdb"),
    Trouble("StoreNotWriting", 'cryptotracker_books_total{service="store"', "0+900x20 18000x60"),
    Trouble("StoreProbeRed", "cryptotracker_probe_up", "1x20 0x60", "part", "store.store"),
    Trouble("StoreBehind", 'le="1"', "0x80", "venue", "kraken"),
    Trouble("QueueGrows", "rabbitmq_detailed_queue_messages_ready", "0+100x80", "queue"),
    Trouble("BooksOutOfBalance", "cryptotracker_books_difference", "0x20 7x60", "part"),
    Trouble("DeadLettersGrow", "cryptotracker_part_dead_letters_total", "0x40 1x40", "part"),
    Trouble("LettersLost", 'kind="letters_lost"', "0x40 1x40", "part", "stream.kraken"),
)


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus's own tool for what it is configured with."""
    if found := shutil.which("promtool"):
        return found
    missing = "promtool is missing: apt-get install prometheus"
    if os.environ.get("CRYPTOTRACKER_REQUIRE_SERVERS") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


def test_prometheus_accepts_its_configuration_and_every_rule(promtool: str) -> None:
    said = _run(promtool, "check", "config", "--lint-fatal", str(PROMETHEUS / "prometheus.yml"))

    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(_alerts())} rules found" in said.stdout


def test_alerts_fire_when_they_should_and_at_no_other_time(promtool: str, tmp_path: Path) -> None:
    tests = [_nothing_fires(), *(_fires(trouble) for trouble in TROUBLES)]
    written = tmp_path / "tests.yml"
    written.write_text(
        json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "15s", "tests": tests})
    )

    said = _run(promtool, "test", "rules", str(written))

    assert said.returncode == 0, said.stdout + said.stderr


def test_a_service_that_is_gone_is_away_too(promtool: str, tmp_path: Path) -> None:
    gone = {name: values for name, values in STEADY.items() if 'service="serve"' not in name}
    fires = {**_test(gone), "promql_expr_test": [_expected("ServiceAway", {"service": "serve"})]}
    written = tmp_path / "tests.yml"
    written.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [fires]}))

    said = _run(promtool, "test", "rules", str(written))

    assert said.returncode == 0, said.stdout + said.stderr


def test_each_alert_was_tried() -> None:
    assert [trouble.alert for trouble in TROUBLES] == [alert["alert"] for alert in _alerts()]


def test_each_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    for alert in _alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"].count(". ") >= 1, alert["alert"]


def test_each_alert_is_in_the_handbook() -> None:
    described = re.findall(r"^\| `(\w+)` \|", OPERATIONS.read_text(), re.MULTILINE)

    assert [name for name in described if name[0].isupper()] == [
        alert["alert"] for alert in _alerts()
    ]


def _alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _nothing_fires() -> dict[str, Any]:
    none = {"expr": "ALERTS", "eval_time": "20m", "exp_samples": []}
    return {**_test(STEADY), "promql_expr_test": [none]}


def _fires(trouble: Trouble) -> dict[str, Any]:
    named = f'"{trouble.value}"'
    changed = [
        series
        for series in STEADY
        if trouble.series in series and (not trouble.value or named in series)
    ]
    assert changed, trouble
    numbers = STEADY | {changed[0]: trouble.values}
    labels = {trouble.label: trouble.value} if trouble.value else {}
    return {**_test(numbers), "promql_expr_test": [_expected(trouble.alert, labels)]}


def _expected(alert: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return that the alert fires; of its labels those that are given."""
    by = ", ".join(("alertname", *labels))
    shown = "".join(f', {name}="{value}"' for name, value in labels.items())
    return {
        "expr": f'count by ({by}) (ALERTS{{alertname="{alert}", alertstate="firing"}})',
        "eval_time": "20m",
        "exp_samples": [{"labels": f'{{alertname="{alert}"{shown}}}', "value": 1}],
    }


def _test(numbers: dict[str, str]) -> dict[str, Any]:
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": text} for name, text in numbers.items()],
    }


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # a command of our own
        command, capture_output=True, text=True, timeout=60, check=False
    )
