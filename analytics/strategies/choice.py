"""Which strategy with which parameters, and what it is told of: ``sma-cross(fast=10)@1m``."""

import msgspec

from analytics.strategies.strategy import AnyStrategy

QUOTES = "quotes"
"""Stands where the interval of candles does, for a strategy that is told of quotes."""


class Choice(msgspec.Struct, frozen=True):
    """A strategy, an instance of its parameters, and an interval or `QUOTES`."""

    strategy: type[AnyStrategy]
    parameters: msgspec.Struct
    interval: str

    def __str__(self) -> str:
        given = self.text.replace(" ", ", ")
        return f"{self.strategy.name}({given})@{self.interval}"

    @property
    def text(self) -> str:
        """The parameters, all of them: ``fast=10 slow=200``."""
        values = msgspec.structs.asdict(self.parameters)
        return " ".join(f"{name}={value}" for name, value in values.items())

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from other choices."""
        return self.strategy.name, self.text, self.interval

    @property
    def reads_premium(self) -> bool:
        """Whether the strategy says that it looks at premiums; for others none is found out."""
        return bool(getattr(self.strategy, "reads_premium", False))

    def made(self) -> AnyStrategy:
        """Return a new strategy, which knows nothing yet."""
        return self.strategy(self.parameters)
