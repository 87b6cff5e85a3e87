"""What docker-compose.yml promises, read off the file; no engine is needed."""

import string
from pathlib import Path

import pytest

from cryptotracker.settings import PREFIX, Settings, read_settings
from tests.docker.stack import COMPOSE_FILE, ROOT, example, our_services, required, services, stack
from tests.docker.stack import variables as asked_variables

SECRETS = ("PASS", "TOKEN")
EVERY_SERVICE = sorted(services())


def test_every_setting_can_be_made_for_the_services_and_nothing_else() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}

    passed_on = {name for each in our_services().values() for name in each["environment"]}

    assert passed_on == known


@pytest.mark.parametrize("name", sorted(our_services()))
def test_the_settings_of_a_service_can_be_read(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # away from a .env
    for variable, value in our_services()[name]["environment"].items():
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, str(value))

    settings = read_settings()

    assert settings.mode == "simulated"
    assert settings.is_distributed is (name != "simulator")
    assert settings.store_url.startswith("influxdb://") is (name in {"store", "refresh", "serve"})


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_a_service_can_change_nothing_but_its_volumes(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_a_service_is_watched_restarted_and_given_time_to_stop(name: str) -> None:
    service = services()[name]

    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"].endswith("s")
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_a_service_starts_once_those_it_depends_on_are_healthy(name: str) -> None:
    waits_for = services()[name].get("depends_on", {})

    assert all(each == {"condition": "service_healthy"} for each in waits_for.values())
    assert not any("profiles" in services()[other] for other in waits_for)


def test_streams_start_once_everyone_who_keeps_events_listens() -> None:
    assert {"store", "refresh"} <= set(services()["stream"]["depends_on"])


def test_only_api_and_grafana_are_published_and_only_on_loopback() -> None:
    published = {name: each["ports"] for name, each in services().items() if "ports" in each}

    assert published == {"serve": ["127.0.0.1:8000:8000"], "grafana": ["127.0.0.1:3000:3000"]}


def test_broker_and_database_are_out_of_reach_from_outside() -> None:
    assert stack()["networks"]["inside"] == {"internal": True}
    for name in ("rabbitmq", "influxdb", "simulator", "store", "refresh"):
        assert services()[name]["networks"] == ["inside"]


def test_a_service_knows_no_secret_that_it_has_no_use_for() -> None:
    secrets = {
        name: {variable for variable in each["environment"] if variable.endswith("_TOKEN")}
        | {variable for variable in each["environment"] if variable.endswith("BUS_URL")}
        for name, each in our_services().items()
    }

    assert secrets["simulator"] == set()
    assert secrets["stream"] == {"CRYPTOTRACKER_BUS_URL"}


def test_images_are_of_a_certain_version() -> None:
    tags = [each["image"].partition(":")[2] for each in services().values() if "build" not in each]

    assert all(tag[0].isdigit() for tag in tags)


def test_files_that_are_mounted_exist_and_cannot_be_changed() -> None:
    mounted = [volume for each in services().values() for volume in each.get("volumes", [])]
    files = [volume.split(":") for volume in mounted if volume.startswith("./")]

    assert files
    for path, _, mode in files:
        assert (ROOT / path).exists()
        assert mode == "ro"


def test_a_variable_without_default_is_named_in_its_message_and_in_the_example() -> None:
    for name, is_required, message in asked_variables():
        if is_required:
            assert name in message
            assert ".env.example" in message
    assert set(required()) <= set(example())


def test_no_secret_stands_in_the_file() -> None:
    secret = {name for name, *_ in asked_variables() if any(word in name for word in SECRETS)}

    assert set(required()) == secret
    assert "change-me" not in COMPOSE_FILE.read_text()


@pytest.mark.parametrize("name", required())
def test_an_example_secret_asks_to_be_changed_and_fits_into_a_url(name: str) -> None:
    secret = example()[name]

    assert secret is not None
    assert secret.startswith("change-me")
    assert len(secret) >= 8
    assert set(secret) <= set(string.ascii_letters + string.digits + "-_")


def test_the_example_starts_a_simulator_where_the_venues_are_simulated() -> None:
    assert example()["CRYPTOTRACKER_MODE"] == example()["COMPOSE_PROFILES"]
    assert services()["simulator"]["profiles"] == ["simulated"]
    assert services()["stream"]["environment"]["CRYPTOTRACKER_SIMULATOR"] == "simulator:9100"
    assert services()["simulator"]["command"][1].endswith(":9100")
