"""What docker-compose.yml promises, read off the file; no engine is needed."""

import re
from pathlib import Path

import pytest
import yaml

from cryptotracker.secret_files import IN_FILES, SUFFIX
from cryptotracker.settings import PREFIX, Settings, read_settings
from cryptotracker.setup_command import TOKENS
from cryptotracker.stack_secrets import SERVICES, make_secrets, put
from market.spread import ANY
from tests.docker.stack import (
    COMPOSE_FILE,
    ENV_EXAMPLE,
    ROOT,
    example,
    our_services,
    required,
    services,
    stack,
)
from tests.docker.stack import variables as asked_variables

EVERY_SERVICE = sorted(services())
ENDING = {"secrets", "tokens", "operator"}
"""Services that do one thing and end."""


def test_every_setting_can_be_made_for_the_services_and_nothing_else() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}

    passed_on = {
        name.removesuffix("_FILE") if is_secret(name) else name
        for each in our_services().values()
        for name in each.get("environment", ())
    }

    assert passed_on == known


def test_no_key_is_there_twice() -> None:
    """Compose refuses such a file; the reader of these tests takes the last."""
    nodes, twice = [yaml.compose(COMPOSE_FILE.read_text())], set[str]()
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            twice |= {key for key in keys if keys.count(key) > 1}
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value

    assert not twice


def is_secret(variable: str) -> bool:
    """Tell whether the variable names a file that a secret is in."""
    return variable in {f"{PREFIX}{name}{SUFFIX}".upper() for name in IN_FILES}


@pytest.mark.parametrize("name", ["stream", "store", "refresh", "serve", "operator", "simulator"])
def test_the_settings_of_a_service_can_be_read(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # away from a .env
    make_secrets(tmp_path, broker="rabbitmq:5672")
    put(tmp_path / name / "store_token", "a token")
    for variable, value in our_services()[name]["environment"].items():
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, str(value).replace("/run/secrets", str(tmp_path / name)))
    if name == "stream":
        monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS_FILE", "/dev/null")

    settings = read_settings()

    assert settings.mode == "simulated"
    assert settings.is_distributed is (name != "simulator")
    assert settings.store_url.startswith("influxdb://") is (name not in {"simulator", "stream"})


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

    if name in ENDING:
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"].endswith("s")
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_a_service_starts_once_those_it_depends_on_are_healthy(name: str) -> None:
    waits_for = services()[name].get("depends_on", {})

    for other, condition in waits_for.items():
        ready = "service_completed_successfully" if other in ENDING else "service_healthy"
        assert condition == {"condition": ready}
    assert not any("profiles" in services()[other] for other in waits_for)


def test_streams_start_once_everyone_who_keeps_events_listens() -> None:
    assert {"store", "refresh"} <= set(services()["stream"]["depends_on"])


def test_a_second_stream_stands_by_and_tells_nothing_twice() -> None:
    assert services()["stream"]["environment"]["CRYPTOTRACKER_STREAM_SHARD"] == f"{ANY}/1"


def test_only_api_and_grafana_are_published_and_only_on_loopback() -> None:
    published = {name: each["ports"] for name, each in services().items() if "ports" in each}

    assert published == {"serve": ["127.0.0.1:8000:8000"], "grafana": ["127.0.0.1:3000:3000"]}


def test_broker_and_database_are_out_of_reach_from_outside() -> None:
    assert stack()["networks"]["inside"] == {"internal": True}
    outside = {name for name, each in services().items() if each["networks"] != ["inside"]}

    assert outside == {"stream", "serve", "grafana"}


def test_a_service_sees_its_own_secrets_and_no_other() -> None:
    seen = {
        name: volume
        for name, each in services().items()
        for volume in each.get("volumes", [])
        if volume.startswith("secrets-") and name not in {"secrets", "tokens"}
    }

    owners = {*SERVICES, "rabbitmq", "influxdb", "grafana"}
    assert seen == {name: f"secrets-{name}:/run/secrets:ro" for name in owners}


def test_every_secret_is_made_where_its_owner_looks_for_it() -> None:
    made = services()["secrets"]["volumes"]

    assert sorted(made) == sorted(
        f"secrets-{name}:/secrets/{name}" for name in (*SERVICES, "rabbitmq", "influxdb", "grafana")
    )
    assert set(services()["tokens"]["volumes"]) == {
        "secrets-influxdb:/run/secrets:ro",
        *(f"secrets-{name}:/secrets/{name}" for name in TOKENS),
    }


def test_no_secret_stands_in_an_environment() -> None:
    for each in services().values():
        for variable in each.get("environment", ()):
            if any(word in variable for word in ("PASS", "TOKEN", "BUS_URL", "CREDENTIALS")):
                assert variable.endswith("_FILE"), variable


def test_every_service_that_waits_on_a_server_is_asked_for_its_metrics() -> None:
    read = yaml.safe_load((ROOT / "infrastructure/docker/prometheus/prometheus.yml").read_text())
    ours, *others = read["scrape_configs"]
    (found,) = ours["dns_sd_configs"]

    telling = {
        name
        for name, each in our_services().items()
        if each.get("environment", {}).get("CRYPTOTRACKER_METRICS") == f"0.0.0.0:{found['port']}"
    }

    assert telling == set(found["names"])
    for job in others:
        (target,) = (target for each in job["static_configs"] for target in each["targets"])
        assert target.partition(":")[0] in {*services(), "127.0.0.1"}


def test_images_are_of_a_certain_version() -> None:
    tags = [each["image"].partition(":")[2] for each in services().values() if "build" not in each]

    assert all(re.match(r"v?\d", tag) for tag in tags)


def test_files_that_are_mounted_exist_and_cannot_be_changed() -> None:
    mounted = [volume for each in services().values() for volume in each.get("volumes", [])]
    files = [volume.split(":") for volume in mounted if volume.startswith("./")]

    assert files
    for path, _, mode in files:
        assert (ROOT / path).exists()
        assert mode == "ro"


def test_every_variable_has_a_default_so_that_any_env_file_will_do() -> None:
    assert not required()


def test_no_secret_stands_in_the_file_or_in_the_example() -> None:
    assert not re.search(r"PASS|TOKEN", ENV_EXAMPLE.read_text())
    assert not [name for name, *_ in asked_variables() if re.search(r"PASS|TOKEN|SECRET", name)]


def test_the_example_starts_a_simulator_where_the_venues_are_simulated() -> None:
    assert example()["CRYPTOTRACKER_MODE"] == example()["COMPOSE_PROFILES"]
    assert services()["simulator"]["profiles"] == ["simulated"]
    assert services()["stream"]["environment"]["CRYPTOTRACKER_SIMULATOR"] == "simulator:9100"
    assert services()["simulator"]["command"][1].endswith(":9100")
