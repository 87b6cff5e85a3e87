"""What the stack in Docker does once, before its services start."""

from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from cryptotracker.cli import app
from cryptotracker.setup_command import TOKENS
from infrastructure.timeseries.influx import bucket_names
from tests.servers.influxdb import Access

DAY_S = 86_400


@pytest.mark.influxdb
def test_with_an_archive_nothing_expires_before_it_is_archived(
    influx: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's own token may not change its buckets, so whoever makes them sees to it."""
    monkeypatch.chdir(tmp_path)  # away from a .env
    for name, value in {
        "STORE_URL": influx.url.replace("http", "influxdb", 1),
        "STORE_TOKEN": influx.token,
        "STORE_ORG": influx.org,
        "ARCHIVE": str(tmp_path / "archive"),
    }.items():
        monkeypatch.setenv(f"CRYPTOTRACKER_{name}", value)
    for whose in TOKENS:
        (tmp_path / whose).mkdir()

    done = CliRunner().invoke(app, ["setup", "tokens", str(tmp_path)], catch_exceptions=False)

    assert done.exit_code == 0
    assert [retention_s(influx, name) for name in bucket_names()] == [3 * DAY_S, 0]
    assert all((tmp_path / whose / "store_token").read_text() for whose in TOKENS)


def retention_s(influx: Access, bucket: str) -> int:
    """Return for how long the bucket keeps what is in it; 0: for ever."""
    answer = httpx2.get(
        f"{influx.url}/api/v2/buckets",
        params={"name": bucket},
        headers={"Authorization": f"Token {influx.token}"},
    )
    (found,) = answer.json()["buckets"]
    rules: list[dict[str, int]] = found["retentionRules"]
    return min((rule["everySeconds"] for rule in rules), default=0)
