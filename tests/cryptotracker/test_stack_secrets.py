"""Secrets of the stack: made once, each where its owner looks, none twice."""

import base64
import json
from pathlib import Path

import pytest

from cryptotracker.definitions import broker_definitions
from cryptotracker.stack_secrets import SERVICES, make_secrets, put
from infrastructure.bus.amqp.definitions import password_hash


def test_a_secret_that_is_there_stays(tmp_path: Path) -> None:
    make_secrets(tmp_path, broker="rabbitmq:5672")
    made = _secrets(tmp_path)
    make_secrets(tmp_path, broker="rabbitmq:5672")

    assert _secrets(tmp_path) == made


def test_no_two_have_the_same_secret(tmp_path: Path) -> None:
    make_secrets(tmp_path, broker="rabbitmq:5672")

    secrets = [text for name, text in _secrets(tmp_path).items() if not name.endswith("bus_url")]
    assert len(set(secrets)) == len(secrets) == 3 + len(SERVICES)
    assert all(len(text) >= 40 for text in secrets)


def test_a_service_is_told_where_the_broker_is_and_as_whom_it_comes(tmp_path: Path) -> None:
    make_secrets(tmp_path, broker="rabbitmq:5672")

    password = (tmp_path / "serve" / "bus_password").read_text("utf-8")
    url = (tmp_path / "serve" / "bus_url").read_text("utf-8")
    assert url == f"amqp://serve:{password}@rabbitmq:5672/"


def test_the_broker_is_told_the_users_by_the_hashes_of_their_passwords(tmp_path: Path) -> None:
    make_secrets(tmp_path, broker="rabbitmq:5672")

    text = (tmp_path / "rabbitmq" / "definitions.json").read_text("utf-8")
    told = json.loads(text)
    assert told["permissions"] == broker_definitions()["permissions"]
    assert [user["name"] for user in told["users"]] == list(SERVICES)
    for user in told["users"]:
        password = (tmp_path / user["name"] / "bus_password").read_text("utf-8")
        assert password not in text
        assert user["password_hash"] == password_hash(
            password, base64.b64decode(user["password_hash"])[:4]
        )


def test_the_broker_is_given_a_queue_for_each_partition(tmp_path: Path) -> None:
    make_secrets(tmp_path, broker="rabbitmq:5672", partitions=3)

    told = json.loads((tmp_path / "rabbitmq" / "definitions.json").read_text("utf-8"))
    queues = {queue["name"] for queue in told["queues"]}
    assert {f"market.storage.writer.of-3.{number}" for number in range(3)} <= queues


def test_files_can_be_read_and_not_written(tmp_path: Path) -> None:
    put(tmp_path / "one", "first")
    put(tmp_path / "one", "second")

    assert (tmp_path / "one").read_text("utf-8") == "second"
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o444
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize("whose", ["stream", "operator"])
def test_a_service_has_nothing_of_another(whose: str, tmp_path: Path) -> None:
    make_secrets(tmp_path, broker="rabbitmq:5672")

    own = {path.read_text("utf-8") for path in (tmp_path / whose).iterdir()}
    of_others = {
        path.read_text("utf-8")
        for folder in tmp_path.iterdir()
        for path in folder.iterdir()
        if folder.name != whose
    }
    assert not own & of_others


def _secrets(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".json"
    }
