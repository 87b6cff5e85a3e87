"""Secrets of the stack in Docker: each is made once, and lies in the folder of who needs it.

    FOLDER/rabbitmq/definitions.json     what RabbitMQ is given: see `cryptotracker.definitions`
    FOLDER/influxdb/password, token      what InfluxDB is set up with; the token opens all of it
    FOLDER/grafana/password              of Grafana's user admin
    FOLDER/<service>/bus_url             where the service finds the broker, and as whom

Each folder is a volume that its owner alone mounts, so that a service sees no secret but its own.
Files can be read by everybody who sees them: their readers run as different users.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptotracker.definitions import RIGHTS, broker_definitions, written
from infrastructure.bus.amqp.definitions import with_users

SERVICES = tuple(rights.user for rights in RIGHTS)
"""Users of the broker; each has a folder."""

BYTES = 32
"""Of randomness in a secret."""


def make_secrets(folder: Path, *, broker: str, partitions: int = 1) -> None:
    """Make what is not there yet, and what follows from it anew.

    Args:
        folder: Holds a folder for each who has secrets.
        broker: host:port of RabbitMQ as the services see it.
        partitions: Parts that split mailboxes have.

    """
    for secret in ("influxdb/password", "influxdb/token", "grafana/password"):
        kept(folder / secret)
    passwords = {name: kept(folder / name / "bus_password") for name in SERVICES}
    for name, password in passwords.items():
        put(folder / name / "bus_url", f"amqp://{name}:{password}@{broker}/")
    given = with_users(broker_definitions(partitions), passwords)
    put(folder / "rabbitmq" / "definitions.json", written(given))


def kept(path: Path) -> str:
    """Return the secret in the file; a new one if there is none."""
    if path.exists():
        return path.read_text("utf-8").strip()
    secret = secrets.token_urlsafe(BYTES)
    put(path, secret)
    return secret


def put(path: Path, text: str) -> None:
    """Write the file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with unfinished.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.chmod(0o444)
    unfinished.replace(path)
