"""Which venues the settings choose, and the keys that they give them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from cryptotracker.settings import PREFIX, Settings
from market import SettingsError
from stream_service.polled import PolledVenue
from stream_service.venue import Venue
from stream_service.venues import load_polled, load_venues

ALL = "all"

V = TypeVar("V", Venue, PolledVenue)


def chosen_venues(settings: Settings) -> list[Venue]:
    """Return the streamed venues that the settings name, without keys.

    Raises:
        SettingsError: there is no venue, or no credential, of a name that they use.

    """
    _check_names(settings)
    return _chosen(settings, load_venues())


def chosen_polled(settings: Settings) -> list[PolledVenue]:
    """Return the polled services that the settings name, without keys.

    Raises:
        SettingsError: as `chosen_venues`.

    """
    _check_names(settings)
    return _chosen(settings, load_polled())


def with_keys(settings: Settings, venues: Sequence[V]) -> list[V]:
    """Return those of ``venues`` that can be connected to, with their keys.

    One that needs a key which is not there is left out where all venues are meant; simulated ones
    need none.

    Raises:
        SettingsError: a venue is named whose key is missing; the text names the variable.

    """
    if settings.mode == "simulated":
        return list(venues)
    with_theirs = keyed(settings, venues)
    for venue in with_theirs:
        missing = missing_credentials(venue)
        if missing and venue.name in settings.venues:
            raise SettingsError(
                f"{venue.name} needs {' and '.join(missing)}: set "
                f"{' and '.join(_variable(venue.name, name) for name in missing)}, "
                f"or leave it out of {PREFIX}VENUES."
            )
    return [venue for venue in with_theirs if not missing_credentials(venue)]


def keyed(settings: Settings, venues: Sequence[V]) -> list[V]:
    """Return ``venues`` with what keys there are, also those that lack some."""
    return [_with_keys(settings, venue) for venue in venues]


def missing_credentials(venue: Venue | PolledVenue) -> tuple[str, ...]:
    """Return the names of the credentials that a venue needs and has not."""
    if isinstance(venue, PolledVenue):
        return venue.missing
    return tuple(name for name in venue.credentials if not venue.keys.get(name))


def _with_keys(settings: Settings, venue: V) -> V:
    given = settings.credentials.get(venue.name, {})
    keys = {name: secret.get_secret_value() for name, secret in given.items()}
    return replace(venue, keys=keys)


def _chosen(settings: Settings, known: Mapping[str, V]) -> list[V]:
    names = known if ALL in settings.venues else dict.fromkeys(settings.venues)
    return [known[name] for name in names if name in known]


def _check_names(settings: Settings) -> None:
    streamed, polled = load_venues(), load_polled()
    known: dict[str, Venue | PolledVenue] = {**streamed, **polled}
    _refuse_unknown("VENUES", set(settings.venues) - {*known, ALL}, (*known, ALL))
    charging = {name.partition(".")[0] for name in settings.taker_fee_bps}
    _refuse_unknown("TAKER_FEE_BPS", charging - set(streamed), streamed)
    keyed = {name: venue.credentials for name, venue in known.items() if venue.credentials}
    _refuse_unknown("CREDENTIALS", set(settings.credentials) - set(keyed), keyed)
    for name, given in settings.credentials.items():
        _refuse_unknown(f"CREDENTIALS__{name}".upper(), set(given) - set(keyed[name]), keyed[name])


def _refuse_unknown(setting: str, unknown: set[str], known: Iterable[str]) -> None:
    if unknown:
        names = ", ".join(map(repr, sorted(unknown)))
        raise SettingsError(
            f"{PREFIX}{setting} names {names}, which there is not. Known: {', '.join(known)}."
        )


def _variable(venue: str, credential: str) -> str:
    return f"{PREFIX}CREDENTIALS__{venue}__{credential}".upper()
