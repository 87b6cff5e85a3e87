// @ts-check
/** Quotes in, one board in one currency out. Pure: no signal is read here. */

/** What rates are read off; one through a coin would hide the very premium that is looked for. */
const MONEY = ["EUR", "GBP", "JPY", "KRW", "USD", "USDC", "USDT"];
const TINTS_BPS = [0.05, 2, 5, 10, 25, 75];

/**
 * Units of `target` for one unit of each currency, read off the fresh quotes between currencies.
 * @param {Quote[]} quotes @param {string} target
 */
export function ratesTo(quotes, target) {
  const between = ratesBetween(quotes.filter((quote) => !quote.stale));
  const found = new Map([[target, 1]]);
  for (const [currency, worth] of found) {
    for (const [other, rate] of between.get(currency) ?? []) {
      if (!found.has(other)) found.set(other, worth * rate);
    }
  }
  return found;
}

/** Currencies that something is priced in, the most used first. @param {Quote[]} quotes */
export function currencies(quotes) {
  /** @type {Record<string, number>} */ const uses = {};
  for (const { quote_currency: each } of quotes) uses[each] = (uses[each] ?? 0) + 1;
  return Object.keys(uses).sort((one, other) => uses[other] - uses[one]);
}

/**
 * Compare what an asset costs (or earns) at every venue; rows with the most venues come first.
 * @param {Quote[]} all @param {string} currency @param {Side} side
 */
export function boardOf(all, currency, side) {
  const rates = ratesTo(all, currency);
  /** @type {Map<string, Map<string, Cell>>} */ const assets = new Map();
  for (const quote of all) {
    if (quote.base === currency) continue;
    const cells = assets.get(quote.base) ?? new Map();
    assets.set(quote.base, cells);
    const cell = cellOf(quote, rates, side);
    if (isBetter(cell, cells.get(quote.venue), side)) cells.set(quote.venue, cell);
  }
  const rows = [...assets].map(([asset, cells]) => compared(asset, cells, side));
  rows.sort((one, other) => other.cells.size - one.cells.size || one.asset.localeCompare(other.asset));
  return { venues: [...new Set(all.map((quote) => quote.venue))].sort(), rows };
}

/** For one unit of a currency: units of each other one. @param {Quote[]} quotes */
function ratesBetween(quotes) {
  /** @type {Map<string, Map<string, number>>} worth of the inner in units of the outer */
  const between = new Map();
  for (const { base, quote_currency: priced, bid, ask } of quotes) {
    if (!MONEY.includes(base) || !MONEY.includes(priced)) continue;
    const middle = (Number(bid) + Number(ask)) / 2;
    note(between, priced, base, middle);
    note(between, base, priced, 1 / middle);
  }
  return between;
}

/** @param {Map<string, Map<string, number>>} between @param {string} outer @param {string} inner @param {number} worth */
function note(between, outer, inner, worth) {
  const row = between.get(outer) ?? new Map();
  between.set(outer, row.set(inner, worth));
}

/** @param {Quote} quote @param {Map<string, number>} rates @param {Side} side @returns {Cell} */
function cellOf(quote, rates, side) {
  const rate = rates.get(quote.quote_currency);
  const price = rate === undefined ? null : rate * Number(side === "buy" ? quote.ask : quote.bid);
  return { quote, price, bps: null, tint: 0 };
}

/** @param {Cell} cell @param {Cell | undefined} other @param {Side} side */
function isBetter(cell, other, side) {
  if (!other || other.price === null || cell.price === null) return !other || cell.price !== null;
  if (cell.quote.stale !== other.quote.stale) return !cell.quote.stale;
  return side === "buy" ? cell.price < other.price : cell.price > other.price;
}

/** @param {string} asset @param {Map<string, Cell>} cells @param {Side} side @returns {BoardRow} */
function compared(asset, cells, side) {
  /** @type {Cell | undefined} */ let top;
  for (const cell of cells.values()) {
    if (cell.quote.stale || cell.price === null) continue;
    if (isBetter(cell, top, side)) top = cell;
  }
  if (!top || top.price === null) return { asset, best: null, cells };
  for (const cell of cells.values()) {
    if (cell.price === null || cell.quote.stale) continue;
    cell.bps = (cell.price / top.price - 1) * 10_000;
    const distance = Math.abs(cell.bps);
    cell.tint = TINTS_BPS.filter((bound) => distance >= bound).length;
  }
  return { asset, best: { price: top.price, venue: top.quote.venue }, cells };
}
