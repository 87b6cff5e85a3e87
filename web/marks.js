// @ts-check
/** Signals of one market as arrows on its chart: those on record by REST, the newest from the feed. */
import { useEffect, useState } from "preact/hooks";
import { createSeriesMarkers } from "lightweight-charts";
import { palette, theme } from "./settings.js";
import { feed } from "./store.js";

const PATIENCE_MS = 10_000;
const AT_MOST = "1000";
const LIVE_AT_MOST = 200;
const NAMED_AT_MOST = 8;
const LOOKS = /** @type {const} */ ({
  buy: { shape: "arrowUp", position: "belowBar", colour: "--up" },
  sell: { shape: "arrowDown", position: "aboveBar", colour: "--down" },
});

/** What it is known by; one that is corrected takes the place of what was said. @param {Advice} advice */
export function adviceKey({ venue, symbol, strategy, parameters, interval, start }) {
  return `${venue}:${symbol}:${strategy} ${parameters}@${interval}:${start}`;
}

/** @param {MarksWanted} wanted */
export function Marks({ drawing, market, from, seconds }) {
  const [venue, symbol] = market.split(":");
  const told = useAdvice(venue, symbol, from);
  useEffect(() => {
    const marks = marksOf([...told.values()], from ?? Infinity, seconds);
    const layer = createSeriesMarkers(drawing.candles, drawn(marks, drawing.place));
    drawing.place.dataset.marks = String(marks.length);
    return () => {
      layer.detach();
      delete drawing.place.dataset.marks;
    };
  }, [drawing, told, from, seconds, theme.value, palette.value]);
  return null;
}

/**
 * Return what was said of a market from a time on, in seconds.
 * @param {string} venue @param {string} symbol @param {number | null} from
 */
function useAdvice(venue, symbol, from) {
  const [known, setKnown] = useState(/** @type {Map<string, Advice>} */ (new Map()));
  /** @param {Advice[]} told */
  const add = (told) => setKnown((before) => {
    const all = new Map(before);
    for (const one of told) all.set(adviceKey(one), one);
    return all;
  });
  const start = from === null ? null : new Date(from * 1000).toISOString();
  useEffect(() => {
    /** @type {StreamRequest} */
    const wanted = { channel: "signals", delivery: "all", venue: [venue], symbol: [symbol], limit: LIVE_AT_MOST };
    return feed.subscribe(wanted, { snapshot: add, update: add, refused: (why) => console.info(why) });
  }, [venue, symbol]);
  useEffect(() => {
    let left = false;
    if (start !== null) read({ venue, symbol, start }).then((told) => left || add(told));
    return () => {
      left = true;
    };
  }, [venue, symbol, start]);
  return known;
}

/**
 * Marks rise in time; what was taken back has none.
 * @param {Advice[]} told @param {number} from @param {number} seconds @returns {Mark[]}
 */
export function marksOf(told, from, seconds) {
  return told
    .flatMap(({ side, start, strategy }) => {
      const at = Date.parse(start) / 1000;
      const time = at - (at % seconds);
      return side === "hold" || time < from ? [] : [{ time, side, text: strategy }];
    })
    .sort((one, other) => one.time - other.time);
}

/** A few are named; more would cover one another. @param {Mark[]} marks @param {HTMLElement} place */
function drawn(marks, place) {
  /** A colour of the page, resolved for its theme. @param {string} name */
  const resolved = (name) => {
    place.style.color = `var(${name})`;
    return getComputedStyle(place).color;
  };
  const colours = { buy: resolved(LOOKS.buy.colour), sell: resolved(LOOKS.sell.colour) };
  return marks.map(({ time, side, text }) => {
    const { shape, position } = LOOKS[side];
    const color = colours[side];
    const name = marks.length > NAMED_AT_MOST ? "" : text;
    return { time: /** @type {any} */ (time), shape, position, color, text: name };
  });
}

/** @param {{venue: string, symbol: string, start: string}} wanted @returns {Promise<Advice[]>} */
async function read({ venue, symbol, start }) {
  const question = new URLSearchParams({ venue, symbol, start, limit: AT_MOST, order: "desc" });
  try {
    const answer = await fetch(`/v1/signals?${question}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.ok ? (await answer.json()).data : [];
  } catch (error) {
    console.info("no signals of the past", error);
    return [];
  }
}
