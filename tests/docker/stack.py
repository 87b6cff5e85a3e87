"""docker-compose.yml as Compose would read it: merged, with the values of .env.example."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"
OURS = "cryptotracker"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[-?])(?P<text>[^}]*)\}")


def stack(env: Mapping[str, str | None] | None = None) -> dict[str, Any]:
    """Return the file with the variables of ``env`` put in; default: those of .env.example."""
    given = example() if env is None else env

    def value(variable: re.Match[str]) -> str:
        return given.get(variable["name"]) or variable["text"]

    read: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(value, COMPOSE_FILE.read_text()))
    return read


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = stack()["services"]
    return found


def our_services() -> dict[str, dict[str, Any]]:
    """Return those that run our image."""
    return {name: each for name, each in services().items() if each["image"] == OURS}


def example() -> dict[str, str | None]:
    """Return the variables of .env.example."""
    return dotenv_values(ENV_EXAMPLE)


def variables() -> Iterator[tuple[str, bool, str]]:
    """Return each variable that the file asks for, whether it must be set, default or message."""
    for found in _VARIABLE.finditer(COMPOSE_FILE.read_text()):
        yield found["name"], found["kind"] == "?", found["text"]


def required() -> list[str]:
    """Return the variables without a default."""
    return sorted({name for name, is_required, _ in variables() if is_required})
