"""What a code stands for where a service does not say: money, a coin, or something else."""

from market import Instrument

MONEY = frozenset(
    (  # noqa: SIM905  # a list would be a line each
        "EUR GBP AUD NZD USD CAD CHF SGD HKD CNY JPY KRW AED ARS BDT BHD BMD BRL CLP CZK DKK GEL "
        "HUF IDR ILS INR KWD LKR MMK MXN MYR NGN NOK PHP PKR PLN RUB SAR SEK THB TRY TWD UAH VEF "
        "VND ZAR"
    ).split()
)
"""National currencies, by ISO 4217."""

BEFORE_OTHERS = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF")
"""Of two currencies the earlier one of these is the base, by the custom of the market."""

COINS = {
    "BTC": "bitcoin",
    "ETH": "ethereum",
    "USDT": "tether",
    "XRP": "ripple",
    "BNB": "binancecoin",
    "SOL": "solana",
    "USDC": "usd-coin",
    "DOGE": "dogecoin",
    "ADA": "cardano",
    "TRX": "tron",
    "AVAX": "avalanche-2",
    "LINK": "chainlink",
    "TON": "the-open-network",
    "SHIB": "shiba-inu",
    "DOT": "polkadot",
    "BCH": "bitcoin-cash",
    "LTC": "litecoin",
    "XLM": "stellar",
    "HBAR": "hedera-hashgraph",
    "UNI": "uniswap",
    "ETC": "ethereum-classic",
    "XMR": "monero",
    "NEAR": "near",
    "APT": "aptos",
    "SUI": "sui",
    "ICP": "internet-computer",
    "AAVE": "aave",
    "FIL": "filecoin",
    "ARB": "arbitrum",
    "OP": "optimism",
    "ATOM": "cosmos",
    "ALGO": "algorand",
    "VET": "vechain",
    "PEPE": "pepe",
    "INJ": "injective-protocol",
    "DAI": "dai",
    "MKR": "maker",
    "SAND": "the-sandbox",
    "MANA": "decentraland",
    "AXS": "axie-infinity",
    "XTZ": "tezos",
    "EOS": "eos",
    "ZEC": "zcash",
    "DASH": "dash",
    "COMP": "compound-governance-token",
    "CRV": "curve-dao-token",
    "BAT": "basic-attention-token",
    "1INCH": "1inch",
}
"""Coins that everybody calls by these codes, with their ids at CoinGecko, which are unique."""


def is_money(instrument: Instrument) -> bool:
    """Tell whether both of its codes are national currencies."""
    return instrument.base in MONEY and instrument.quote_currency in MONEY


def may_be_stock(instrument: Instrument) -> bool:
    """Tell whether the base may be a share listed in the US: no known coin or money, in USD."""
    return (
        instrument.quote_currency == "USD"
        and instrument.base not in MONEY
        and instrument.base not in COINS
    )


def by_custom(instrument: Instrument) -> Instrument:
    """Return two currencies in the order in which the market quotes them, such as USD-KRW."""
    codes = sorted((instrument.base, instrument.quote_currency), key=_rank)
    return Instrument(codes[0], codes[1])


def _rank(code: str) -> tuple[int, str]:
    place = BEFORE_OTHERS.index(code) if code in BEFORE_OTHERS else len(BEFORE_OTHERS)
    return place, code
