"""What trades and transfers cost, from the table that ships, the operator's file and settings."""

from importlib.resources import files
from pathlib import Path

from analytics.routes.costs import Costs, Facts, Fee, fee_key
from cryptotracker.costs.table import read_table
from cryptotracker.settings import PREFIX, Settings
from market import SettingsError
from stream_service.venues import load_venues

TABLES = ("fees.toml", "transfers.toml", "identities.toml")

NOTHING = Facts()


def read_costs(settings: Settings, live: Facts = NOTHING) -> Costs:
    """Lay settings over the file, that over what venues say now, that over the table that ships.

    Args:
        settings: ``taker_fee_bps`` and ``fees_file`` of them.
        live: What venues were asked for, see `ask_wallets`.

    Raises:
        SettingsError: an entry is wrong; the text names file, entry, value and remedy.

    """
    told = _of_file(settings).over(live.over(shipped_facts()))
    return Costs(_of_settings(settings).over(told))


def shipped_facts() -> Facts:
    """Read the table that ships."""
    facts, venues = NOTHING, load_venues()
    for name in TABLES:
        text = files(__name__).joinpath(name).read_text("utf-8")
        facts = read_table(text, where=name, venues=venues).over(facts)
    return facts


def _of_file(settings: Settings) -> Facts:
    if not settings.fees_file:
        return NOTHING
    path, variable = Path(settings.fees_file), f"{PREFIX}FEES_FILE"
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise SettingsError(
            f"{variable} is {settings.fees_file!r}, which cannot be read ({reason}): name a TOML "
            "file as docs/COSTS.md describes it, or leave the setting out."
        ) from error
    return read_table(text, where=settings.fees_file, venues=load_venues())


def _of_settings(settings: Settings) -> Facts:
    source = f"{PREFIX}TAKER_FEE_BPS"
    named = settings.taker_fee_bps.items()
    return Facts(fees={fee_key(name): Fee(bps=bps, source=source) for name, bps in named})
