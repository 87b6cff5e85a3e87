"""Secrets out of files, as Docker and systemd hand them over: CRYPTOTRACKER_BUS_URL_FILE."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from market import SettingsError

SUFFIX = "_file"
IN_FILES = ("bus_url", "store_token", "credentials")
"""Settings that hold a secret. Each may be named by a file that it is alone in."""


def read_secrets(prefix: str, variables: Mapping[str, str]) -> dict[str, object]:
    """Return the settings that ``variables`` name a file of; an empty file says nothing.

    Args:
        prefix: That of all variables.
        variables: By name in lower case.

    Raises:
        SettingsError: a file cannot be read, or the setting itself is there as well.

    """
    secrets: dict[str, object] = {}
    for name in IN_FILES:
        variable = f"{prefix}{name}{SUFFIX}"
        path = variables.get(variable.lower())
        if not path:
            continue
        if variables.get(f"{prefix}{name}".lower()):
            raise SettingsError(
                f"{variable.upper()} and {prefix}{name.upper()} are both there: leave one out."
            )
        if text := _read(variable.upper(), path):
            secrets[name] = _decoded(variable.upper(), text) if name == "credentials" else text
    return secrets


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{variable} is {path!r}, which cannot be read ({error}): name a file that this user "
            "may read and that holds nothing but the secret."
        ) from None


def _decoded(variable: str, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # what it says may quote the secret
        raise SettingsError(
            f"{variable} names a file that is not JSON, such as "
            '{"alpaca": {"key": "…", "secret": "…"}}.'
        ) from None
