// @ts-check
/** Routes in, their order on the page out: what is stale or hidden leaves the ranking. */
import { computed, effect, signal } from "@preact/signals";
import { settings } from "./settings.js";
import { now, routes, venues } from "./store.js";

export const OLD_MS = 1000;
const STALE_MS = 5000;
const SHOWN = 50;
const RESORT_MS = 1000;

/** Whether suspicious routes are shown as well. */
export const showSuspicious = signal(false);
/** Whether the pointer or the focus is in the table, so that no row may move. */
export const held = signal(false);
/** Ids in the order shown. */
export const order = signal(/** @type {string[]} */ ([]));

const SORTS = /** @type {Record<string, (route: Route) => number>} */ ({
  net: (route) => -route.net_bps,
  gross: (route) => -route.gross_bps,
  age: (route) => route.age_ms,
  open: (route) => -route.open_s,
});

/** What would be shown if nothing held the rows. */
export const wanted = computed(() => {
  const all = [...(routes.rows.value?.values() ?? [])];
  const plain = all.filter((route) => showSuspicious.value || !isSuspicious(route));
  const fitting = plain.filter(fits);
  const fresh = fitting.filter((route) => !staleness(route));
  const stale = fitting.filter(staleness);
  const sort = SORTS[settings.sort.value] ?? SORTS.net;
  for (const part of [fresh, stale]) part.sort((one, other) => sort(one) - sort(other));
  return {
    ids: [...fresh, ...stale].slice(0, SHOWN).map((route) => route.id),
    best: plain.filter((route) => !staleness(route)).sort((a, b) => b.net_bps - a.net_bps)[0],
    stale: stale.length,
    suspicious: all.filter(isSuspicious).length,
  };
});

/** Rows that stand elsewhere than they would if nothing held them. */
export const moved = computed(() => {
  if (!held.value) return 0;
  return wanted.value.ids.filter((id, place) => order.value[place] !== id).length;
});

/** The routes in the order shown; one that is gone stays until rows may move. */
export const shown = computed(() => {
  const rows = routes.rows.value;
  return order.value.flatMap((id) => {
    const route = rows?.get(id) ?? seen.get(id);
    if (route) seen.set(id, route);
    return route ? [{ route, gone: !rows?.has(id) }] : [];
  });
});

/** @type {Map<string, Route>} */
const seen = new Map();
let sortedAt = -RESORT_MS;
let due = 0;

/** Take the wanted order now. */
export function resort() {
  clearTimeout(due);
  sortedAt = performance.now();
  order.value = wanted.peek().ids;
  for (const id of seen.keys()) if (!order.value.includes(id)) seen.delete(id);
}

/** Follow the wanted order, at most once a second and never while the rows are held. */
export function keepOrder() {
  effect(() => {
    const { ids } = wanted.value;
    clearTimeout(due);
    if ((held.value && order.peek().length > 0) || sameOrder(ids, order.peek())) return;
    due = setTimeout(resort, Math.max(0, sortedAt + RESORT_MS - performance.now()));
  });
  effect(() => {
    for (const name of /** @type {const} */ (["q", "min", "takeable", "sort"])) settings[name].value;
    showSuspicious.value;
    resort();
  });
}

/** Age of the oldest quote that a route rests on, in ms. @param {Route} route */
export const ageOf = (route) => route.age_ms + Math.max(0, now.value - route.at);

/** Why its prices cannot be trusted now, or null. @param {Route} route @returns {Staleness | null} */
export function staleness(route) {
  for (const leg of [route.buy, route.sell]) {
    const venue = venues.value.get(leg.venue);
    if (venue && venue.state !== "live") return { venue };
  }
  const ageMs = ageOf(route);
  return ageMs > STALE_MS ? { ageMs } : null;
}

/** @param {Route} route */
const isSuspicious = (route) => route.why_not.includes("suspicious");

/** @param {Route} route */
function fits(route) {
  const min = settings.min.value;
  if (min !== "" && route.net_bps < Number(min)) return false;
  if (settings.takeable.value && !route.takeable) return false;
  const words = settings.q.value.toLowerCase().split(/\s+/);
  const text = `${route.asset} ${route.buy.venue} ${route.sell.venue}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** @param {string[]} one @param {string[]} other */
const sameOrder = (one, other) =>
  one.length === other.length && one.every((id, place) => id === other[place]);
