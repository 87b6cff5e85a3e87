"""Secrets of the stack in Docker: each is made once, and lies in the folder of who needs it.

    FOLDER/rabbitmq/definitions.json     users with the hashes of their passwords, and their rights
    FOLDER/influxdb/password, token      what InfluxDB is set up with; the token opens all of it
    FOLDER/grafana/password              of Grafana's user admin
    FOLDER/<service>/bus_url             where the service finds the broker, and as whom

Each folder is a volume that its owner alone mounts, so that a service sees no secret but its own.
Files can be read by everybody who sees them: their readers run as different users.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

SERVICES = ("stream", "store", "refresh", "serve", "operator")
"""Users of the broker; each has a folder."""

BYTES = 32
"""Of randomness in a secret."""

SALT_BYTES = 4
"""RabbitMQ's choice."""


def make_secrets(folder: Path, definitions: Mapping[str, object], *, broker: str) -> None:
    """Make what is not there yet, and what follows from it anew.

    Args:
        folder: Holds a folder for each who has secrets.
        definitions: What RabbitMQ is given when it starts, without users.
        broker: host:port of RabbitMQ as the services see it.

    """
    for secret in ("influxdb/password", "influxdb/token", "grafana/password"):
        kept(folder / secret)
    passwords = {name: kept(folder / name / "bus_password") for name in SERVICES}
    for name, password in passwords.items():
        put(folder / name / "bus_url", f"amqp://{name}:{password}@{broker}/")
    users = [_user(name, password) for name, password in passwords.items()]
    given = msgspec.json.encode({**definitions, "users": users})
    put(folder / "rabbitmq" / "definitions.json", msgspec.json.format(given).decode())


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


def password_hash(password: str, salt: bytes) -> str:
    """Return what RabbitMQ keeps of a password.

    See https://www.rabbitmq.com/docs/passwords#this-is-the-algorithm.
    """
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _user(name: str, password: str) -> Mapping[str, object]:
    return {
        "name": name,
        "password_hash": password_hash(password, secrets.token_bytes(SALT_BYTES)),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }
