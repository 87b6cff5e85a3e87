// @ts-check
/** One-minute candles of one market: history by REST, what follows from the feed, in one sorted list. */
import { feed, serverTime } from "./store.js";

/** Seconds of each interval offered; all are rolled up from one-minute candles. */
export const INTERVALS = /** @type {Record<string, number>} */ ({ "1m": 60, "5m": 300, "15m": 900, "1h": 3600 });

const MINUTE_S = 60;
const MOST = 10_000;
const PATIENCE_MS = 10_000;

/** @param {Candle} candle @returns {Bar} */
const barOf = ({ start, open, high, low, close, volume, trades }) => ({
  time: Date.parse(start) / 1000,
  open: Number(open),
  high: Number(high),
  low: Number(low),
  close: Number(close),
  volume: Number(volume),
  trades: trades ?? 0,
});

/**
 * Join minutes to longer bars.
 * @param {Bar[]} minutes Rising in time. @param {number} seconds
 */
export function rolledUp(minutes, seconds) {
  /** @type {Bar[]} */ const bars = [];
  for (const minute of minutes) {
    const time = minute.time - (minute.time % seconds);
    const last = bars.at(-1);
    if (last?.time !== time) bars.push({ ...minute, time });
    else {
      last.high = Math.max(last.high, minute.high);
      last.low = Math.min(last.low, minute.low);
      last.close = minute.close;
      last.volume += minute.volume;
      last.trades += minute.trades;
    }
  }
  return bars;
}

export class Candles {
  /** @type {Map<number, Bar>} */ #minutes = new Map();
  #pages = Promise.resolve();
  #exhausted = false;
  #leave = () => {};

  /** @param {CandlesWanted} wanted */
  constructor(wanted) {
    this.wanted = wanted;
    this.page = Math.min(MOST, 1000 * Math.ceil(wanted.seconds / 120));
  }

  /** Follow the market until `stop`; a snapshot after a reconnection fetches what was missed. */
  start() {
    const { venue, symbol, onProblem } = this.wanted;
    const request = { channel: "candles", venue: [venue], symbol: [symbol], interval: "1m", max_hz: 2 };
    this.#leave = feed.subscribe(request, {
      snapshot: (candles) => {
        this.#keep(candles);
        this.#read(Math.floor(serverTime() / 1000) + MINUTE_S);
      },
      update: (candles) => {
        this.#keep(candles);
        this.#tell();
      },
      refused: onProblem,
    });
  }

  stop() {
    this.#leave();
    this.wanted = { ...this.wanted, onChange: () => {}, onProblem: () => {} };
  }

  /** Fetch what lies before the oldest bar, until there is no more. */
  async older() {
    const oldest = Math.min(...this.#minutes.keys());
    if (this.#exhausted || !Number.isFinite(oldest) || this.#minutes.size >= MOST) return;
    this.#exhausted = true;
    const before = this.#minutes.size;
    await this.#read(oldest);
    this.#exhausted = this.#minutes.size === before;
  }

  /** @param {number} end Seconds, exclusive. */
  #read(end) {
    this.#pages = this.#pages.then(() => this.#readPage(end));
    return this.#pages;
  }

  /** @param {number} end */
  async #readPage(end) {
    const { venue, symbol } = this.wanted;
    const range = { start: instant(end - this.page * MINUTE_S), end: instant(end) };
    const limit = String(this.page);
    const question = { venue, symbol, interval: "1m", order: "desc", limit, ...range };
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await fetch(`/v1/candles?${new URLSearchParams(question)}`, { signal });
      const told = await answer.json();
      if (answer.ok) this.#keep(told.data);
      else this.wanted.onProblem(told);
    } catch (error) {
      this.wanted.onProblem({ title: String(error) });
    }
    this.#tell();
  }

  /** Of one minute, what was told with more trades is newer. @param {Candle[]} candles */
  #keep(candles) {
    for (const bar of candles.map(barOf)) {
      if (bar.trades >= (this.#minutes.get(bar.time)?.trades ?? 0)) this.#minutes.set(bar.time, bar);
    }
  }

  #tell() {
    this.wanted.onChange([...this.#minutes.values()].sort((one, other) => one.time - other.time));
  }
}

/** @param {number} seconds */
const instant = (seconds) => new Date(seconds * 1000).toISOString();
