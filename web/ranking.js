// @ts-check
/** Routes in, their order on the page out: what is stale or hidden leaves the ranking. */
import { computed, effect, signal } from "@preact/signals";
import { settings } from "./settings.js";
import { now, routes, venues } from "./store.js";
import { venuesOf } from "./way.js";

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

/** What the server calls each order, and how it is made here. */
const SORTS = /** @type {Record<string, {asked: string, by: (route: Route) => number[]}>} */ ({
  best: {
    asked: "best",
    by: (route) => {
      const [profit, net] = [dollars(route), netOf(route)];
      const pays = profit === null ? net > 0 : profit > 0;
      const last = [!route.takeable, !pays, route.kind === "fx"].map(Number);
      return [...last, -Math.max(profit ?? 0, 0), -net];
    },
  },
  profit: { asked: "-profit_usd", by: (route) => [-(dollars(route) ?? -Infinity), -netOf(route)] },
  net: { asked: "-net_bps", by: (route) => [-netOf(route)] },
  return: { asked: "-return_bps", by: (route) => [-route.return_bps] },
  gross: { asked: "-gross_bps", by: (route) => [-route.gross_bps] },
  age: { asked: "age_ms", by: (route) => [route.age_ms] },
  open: { asked: "-open_s", by: (route) => [-route.open_s] },
});

/** The order chosen, or the usual one. */
export const sorting = () => SORTS[settings.sort.value] ?? SORTS.best;

/** What would be shown if nothing held the rows. */
export const wanted = computed(() => {
  const all = [...(routes.rows.value?.values() ?? [])];
  const fitting = all.filter(fits);
  const fresh = fitting.filter((route) => !staleness(route));
  const stale = fitting.filter(staleness);
  for (const part of [fresh, stale]) sort(part, sorting());
  const plain = all.filter((route) => !isSuspicious(route) && !staleness(route));
  return {
    ids: [...fresh, ...stale].slice(0, SHOWN).map((route) => route.id),
    best: sort(plain, SORTS.best)[0],
    stale: stale.length,
    suspicious: routes.hidden.value + all.filter(isSuspicious).length,
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
    for (const name of FILTERS) settings[name].value;
    settings.sort.value;
    showSuspicious.value;
    resort();
  });
}

/** Settings that leave routes out. */
export const FILTERS = /** @type {const} */ (["q", "min", "takeable", "kind", "mode", "notional"]);

/** Age of the oldest quote that a route rests on, in ms. @param {Route} route */
export const ageOf = (route) => route.age_ms + Math.max(0, now.value - route.at);

/** Net return, of the notional where one was asked for. @param {Route} route */
export const netOf = (route) => route.at_notional?.return_bps ?? route.net_bps;

/** Why its prices cannot be trusted now, or null. @param {Route} route @returns {Staleness | null} */
export function staleness(route) {
  for (const name of venuesOf(route)) {
    const venue = venues.value.get(name);
    if (venue && venue.state !== "live") return { venue };
  }
  const ageMs = ageOf(route);
  return ageMs > STALE_MS || route.why_not.includes("stale") ? { ageMs } : null;
}


/** Profit in dollars, of the notional where one was asked for; null: not known. @param {Route} route */
const dollars = (route) => (route.at_notional ?? route).profit_usd;

/** @param {Route[]} routes @param {{by: (route: Route) => number[]}} order */
function sort(routes, { by }) {
  const keys = new Map(routes.map((route) => [route, by(route)]));
  return routes.sort((one, other) => {
    const others = keys.get(other) ?? [];
    return (keys.get(one) ?? []).map((part, place) => part - others[place]).find(Boolean) ?? 0;
  });
}

/** @param {Route} route */
const isSuspicious = (route) =>
  route.why_not.includes("suspicious") || route.why_not.includes("identity_unverified");

/** @param {Route} route */
function fits(route) {
  const { q, min, takeable, kind, mode, notional } = settings;
  if (isSuspicious(route) && !showSuspicious.value) return false;
  if (notional.value !== "" && !route.at_notional) return false;
  if (min.value !== "" && netOf(route) < Number(min.value)) return false;
  if (takeable.value && !route.takeable) return false;
  if (![route.kind, ""].includes(kind.value) || ![route.mode, ""].includes(mode.value)) return false;
  const text = `${route.asset} ${venuesOf(route).join(" ")}`.toLowerCase();
  return q.value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** @param {string[]} one @param {string[]} other */
const sameOrder = (one, other) =>
  one.length === other.length && one.every((id, place) => id === other[place]);
