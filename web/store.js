// @ts-check
/** What the page shows: tables filled by the live feed, frozen while paused or disconnected. */
import { batch, computed, effect, signal } from "@preact/signals";
import { LiveFeed } from "./live.js";

const GAPS_KEPT = 200;

/** @type {Signal<Phase>} */
export const phase = signal({ name: "connecting" });
/** "simulated", "live" or "replay"; null until the server has said it. */
export const mode = signal(/** @type {string | null} */ (null));
/** Holes in this page's feed and in the venues' data since the page was opened. */
export const gaps = signal({ feed: 0, venues: 0 });
/** The newest gaps that venues' data had since the page was opened, oldest first. */
export const recentGaps = signal(/** @type {Gap[]} */ ([]));
/** The server's clock less ours, in ms. */
export const clockOffsetMs = signal(0);
export const paused = signal(false);
/** Server time, epoch ms; goes on once a second whatever happens. */
export const wall = signal(Date.now());
/** Goes on once a second while the numbers move; compare with `at` of a row. */
export const now = signal(performance.now());
/** Server time up to which the numbers are true, epoch ms. */
export const asOf = signal(0);

const moving = computed(() => phase.value.name === "live" && !paused.value);

/** @type {LiveTable<any>[]} */
const tables = [];

/** @type {LiveTable<Route>} */
export const routes = liveTable((route) => route.id);
/**
 * The one route in the detail, with all its parts.
 * @type {LiveTable<Route>}
 */
export const detailed = liveTable((route) => route.id);
/** @type {LiveTable<Premium>} */
export const premiums = liveTable(premiumKey);
/** @type {LiveTable<Quote>} */
export const quotes = liveTable((quote) => `${quote.venue}:${quote.symbol}`);
/** @type {LiveTable<Status>} */
export const status = liveTable((item) => item.subject, countVenueGaps);

/** Venues by name, in alphabetical order. */
export const venues = computed(() => {
  const known = [...(status.rows.value?.values() ?? [])].flatMap((item) => item.venue ?? []);
  known.sort((one, other) => one.venue.localeCompare(other.venue));
  return new Map(known.map((venue) => [venue.venue, venue]));
});

export const feed = new LiveFeed(`${location.origin.replace(/^http/, "ws")}/v1/live`, {
  phase: (value) => (phase.value = value),
  mode: (value) => (mode.value = value),
  gap: () => (gaps.value = { ...gaps.value, feed: gaps.value.feed + 1 }),
  clock: (offsetMs) => (clockOffsetMs.value = offsetMs),
});

/** Server time now, epoch ms. */
export const serverTime = () => Date.now() + clockOffsetMs.value;

/** Dial, subscribe to what every part of the page needs, and let the clock go. */
export function startFeed() {
  feed.subscribe({ channel: "status" }, status.listener);
  feed.subscribe({ channel: "quotes", max_hz: 4 }, quotes.listener);
  feed.dial();
  feed.followVisibility();
  window.addEventListener("online", () => phase.value.name === "lost" && feed.dial());
  setInterval(tick, 1000);
  effect(() => {
    const frozen = phase.value.name !== "live" && asOf.peek() > 0;
    document.documentElement.toggleAttribute("data-frozen", frozen);
  });
  effect(() => {
    if (moving.value) batch(() => tables.forEach((table) => table.show()));
  });
}

function tick() {
  batch(() => {
    wall.value = serverTime();
    if (!moving.value) return;
    now.value = performance.now();
    asOf.value = wall.value;
  });
}

/**
 * Keep what a stream tells by key, the newest rows where there are too many.
 * @template {Heard} T
 * @param {(item: T) => string} keyOf @param {(items: T[]) => void} [onUpdate] @param {number} [most]
 * @returns {LiveTable<T>}
 */
export function liveTable(keyOf, onUpdate, most = Infinity) {
  const rows = signal(/** @type {Map<string, T> | null} */ (null));
  const problem = signal(/** @type {Problem | null} */ (null));
  const hidden = signal(0);
  /** @type {Map<string, T> | null} */ let latest = null;

  const show = () => {
    if (latest) rows.value = new Map(latest);
  };
  /** @param {T[]} items */
  const upsert = (items) => {
    const at = performance.now();
    latest ??= new Map();
    for (const item of items) latest.set(keyOf(item), { ...item, at });
    for (const key of latest.keys()) if (latest.size > most) latest.delete(key);
    if (moving.peek()) show();
  };
  /** @type {LiveTable<T>} */ const table = {
    rows,
    problem,
    hidden,
    show,
    listener: {
      snapshot(items, count = 0) {
        latest = new Map();
        problem.value = null;
        hidden.value = count;
        upsert(items);
      },
      update(items, gone, count = 0) {
        for (const key of gone) latest?.delete(key);
        hidden.value = count;
        upsert(items);
        onUpdate?.(items);
      },
      refused: (refusal) => (problem.value = refusal),
    },
  };
  tables.push(table);
  return table;
}

/** As `gone` names it. @param {Premium} premium */
function premiumKey({ venue, symbol, reference_venue: other, reference_symbol: reference, basis }) {
  return `${venue}:${symbol}>${other}:${reference}:${basis}`;
}

/** @param {Status[]} items */
function countVenueGaps(items) {
  const seen = items.flatMap(({ gap }) => gap ?? []);
  if (seen.length === 0) return;
  gaps.value = { ...gaps.value, venues: gaps.value.venues + seen.length };
  recentGaps.value = [...recentGaps.value, ...seen].slice(-GAPS_KEPT);
}
