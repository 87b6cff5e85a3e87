"""Strategies that do not ship: of installed packages, and of files that a user wrote."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import cast

import msgspec

from analytics.strategies import AnyStrategy, QuoteStrategy, Strategy
from market import SettingsError

GROUP = "cryptotracker.strategies"
"""Entry points by which installed packages offer theirs."""


def of_packages() -> Iterator[tuple[str, type[AnyStrategy]]]:
    """Yield what installed packages offer, by name.

    Raises:
        SettingsError: one cannot be loaded, or is no strategy.

    """
    for point in entry_points(group=GROUP):
        try:
            found = point.load()
        except Exception as error:
            raise SettingsError(
                f"the strategy {point.name!r} of {point.value} cannot be loaded: {error!r}; mend "
                "or uninstall the package that offers it"
            ) from error
        strategy = _checked(found, f"{point.name!r} of {point.value}")
        yield strategy.name, strategy


def of_file(path: Path, title: str) -> type[AnyStrategy]:
    """Return the class of a file.

    Raises:
        SettingsError: there is no such file or class, or it is no strategy.

    """
    where = f"{path}:{title}"
    if not path.is_file():
        raise SettingsError(f"{where!r} is no strategy: there is no file {path.absolute()}")
    found = getattr(_module(path), title, None)
    if found is None:
        raise SettingsError(f"{where!r} is no strategy: the file has no {title!r}")
    return _checked(found, f"{where!r}")


def _module(path: Path) -> ModuleType:
    """Run the file once, as a module that others cannot import."""
    name = f"cryptotracker_own:{path.absolute()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{path} is no Python file: its name must end in .py")
    sys.modules[name] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise SettingsError(f"{path} cannot be run: {error!r}") from error
    return module


def _checked(found: object, where: str) -> type[AnyStrategy]:
    """Return the class if it has what a strategy has."""
    if not isinstance(found, type):
        raise SettingsError(f"{where} is no strategy: it is no class")
    if not _is_name(getattr(found, "name", None)):
        raise SettingsError(
            f'{where} needs a name of letters, digits and dashes: name = "my-strategy"'
        )
    parameters = getattr(found, "Parameters", None)
    if not (isinstance(parameters, type) and issubclass(parameters, msgspec.Struct)):
        raise SettingsError(f"{where} needs Parameters: a subclass of msgspec.Struct")
    if any(field.required for field in msgspec.structs.fields(parameters)):
        raise SettingsError(f"{where}: each of its Parameters needs a default")
    made = _made(cast("type[AnyStrategy]", found), where)
    if not isinstance(made, Strategy | QuoteStrategy):
        raise SettingsError(f"{where} needs warm_up, why, and on_candle or on_quote")
    return cast("type[AnyStrategy]", found)


def _made(found: type[AnyStrategy], where: str) -> object:
    try:
        return found(found.Parameters())
    except Exception as error:
        raise SettingsError(
            f"{where} cannot be made of its default parameters: {error!r}"
        ) from error


def _is_name(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[\w.-]+", name) is not None
