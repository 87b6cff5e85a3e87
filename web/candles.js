// @ts-check
/** Candles of one market: history by REST, what follows from the feed. */
import { feed, serverTime } from "./store.js";

/** Seconds of each interval offered. */
export const INTERVALS = /** @type {Record<string, number>} */ ({
  "1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400,
});

const MINUTE_S = 60;
const MOST = 10_000;
const PAGE = 1000;
const PATIENCE_MS = 10_000;

/** @param {Candle} candle @returns {Bar} */
const barOf = ({ start, open, high, low, close, volume, trades, complete = true }) => ({
  time: Date.parse(start) / 1000,
  open: Number(open),
  high: Number(high),
  low: Number(low),
  close: Number(close),
  volume: Number(volume),
  trades: trades ?? 0,
  complete,
});

/**
 * Let the last bar go with the minutes, which are told more often.
 * @param {Bar[]} bars Rising in time. @param {Bar[]} minutes Rising too. @param {number} seconds
 */
export function broughtUpToDate(bars, minutes, seconds) {
  const fresh = [...bars];
  for (const minute of minutes) {
    const time = minute.time - (minute.time % seconds);
    const last = fresh.at(-1);
    if (last && time > last.time) fresh.push({ ...minute, time });
    else if (time === last?.time) {
      const [high, low] = [Math.max(last.high, minute.high), Math.min(last.low, minute.low)];
      fresh.splice(-1, 1, { ...last, high, low, close: minute.close });
    }
  }
  return fresh;
}

export class Candles {
  /** @type {Map<number, Bar>} */ #bars = new Map();
  /** @type {Map<number, Bar>} */ #minutes = new Map();
  #pages = Promise.resolve();
  #exhausted = false;
  /** @type {(() => void)[]} */ #leave = [];

  /** @param {CandlesWanted} wanted */
  constructor(wanted) {
    this.wanted = wanted;
  }

  /** Follow the market until `stop`; a snapshot after a reconnection fetches what was missed. */
  start() {
    const { seconds } = this.wanted;
    this.#follow(this.wanted.interval, this.#bars, () =>
      this.#read(Math.floor(serverTime() / 1000) + Math.max(seconds, MINUTE_S)));
    if (seconds > MINUTE_S) this.#follow("1m", this.#minutes, () => this.#tell());
  }

  /** @param {string} interval @param {Map<number, Bar>} kept @param {() => void} begun */
  #follow(interval, kept, begun) {
    const { venue, symbol, onProblem } = this.wanted;
    const request = { channel: "candles", venue: [venue], symbol: [symbol], interval, max_hz: 2 };
    this.#leave.push(feed.subscribe(request, {
      snapshot: (candles) => {
        keep(kept, candles);
        begun();
      },
      update: (candles) => {
        keep(kept, candles);
        this.#tell();
      },
      refused: onProblem,
    }));
  }

  stop() {
    this.#leave.forEach((leave) => leave());
    this.wanted = { ...this.wanted, onChange: () => {}, onProblem: () => {} };
  }

  /** Fetch what lies before the oldest bar, until there is no more. */
  async older() {
    const oldest = Math.min(...this.#bars.keys());
    if (this.#exhausted || !Number.isFinite(oldest) || this.#bars.size >= MOST) return;
    this.#exhausted = true;
    const before = this.#bars.size;
    await this.#read(oldest);
    this.#exhausted = this.#bars.size === before;
  }

  /** @param {number} end Seconds, exclusive. */
  #read(end) {
    this.#pages = this.#pages.then(() => this.#readPage(end));
    return this.#pages;
  }

  /** @param {number} end */
  async #readPage(end) {
    const { venue, symbol, interval, seconds } = this.wanted;
    const range = { start: instant(end - PAGE * seconds), end: instant(end) };
    const limit = String(PAGE);
    const question = { venue, symbol, interval, source: "any", order: "desc", limit, ...range };
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await fetch(`/v1/candles?${new URLSearchParams(question)}`, { signal });
      const told = await answer.json();
      if (answer.ok) keep(this.#bars, told.data);
      else this.wanted.onProblem(told);
    } catch (error) {
      this.wanted.onProblem({ title: String(error) });
    }
    this.#tell();
  }

  #tell() {
    const bars = inOrder(this.#bars);
    this.wanted.onChange(broughtUpToDate(bars, inOrder(this.#minutes), this.wanted.seconds));
  }
}

/** @param {Map<number, Bar>} kept @param {Candle[]} candles */
function keep(kept, candles) {
  for (const bar of candles.map(barOf)) {
    if (bar.trades >= (kept.get(bar.time)?.trades ?? 0)) kept.set(bar.time, bar);
  }
}

/** @param {Map<number, Bar>} bars */
const inOrder = (bars) => [...bars.values()].sort((one, other) => one.time - other.time);

/** @param {number} seconds */
const instant = (seconds) => new Date(seconds * 1000).toISOString();
