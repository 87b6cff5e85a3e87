// @ts-check
/** The table of the best routes: values change in place, rows move only when nobody looks closely. */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import {
  OLD_MS, ageOf, held, moved, resort, showSuspicious, shown, staleness, wanted,
} from "./ranking.js";
import { set, settings } from "./settings.js";
import { feed, paused, phase, routes, venues } from "./store.js";
import { Moving, Panel, Skeleton, Trouble, announce, html } from "./ui.js";
import { amount, arrow, direction, moneyDigits, named, signed, span, t } from "./words.js";

const COLUMNS = /** @type {[string, Key, boolean][]} name, title, sortable */ ([
  ["asset", "asset", false],
  ["route", "column_route", false],
  ["net", "column_net", true],
  ["profit", "column_profit", false],
  ["size", "column_size", false],
  ["gross", "column_gross", true],
  ["age", "column_age", true],
  ["open", "column_open_for", true],
  ["state", "column_state", false],
]);
const WIDE = 500;

export function Routes() {
  useSubscription();
  useNews();
  const tools = html`<${Notes} /><span class="gap"></span><${Filters} />`;
  return html`
    <${Panel} name="routes" title=${t("routes")} tools=${tools} on=${pointing}>
      <${Body} />
    <//>
  `;
}

/** A filter looks at more routes than the table shows. */
function useSubscription() {
  const narrow = settings.q.value !== "" || settings.takeable.value !== "";
  useEffect(() => {
    const limit = narrow ? WIDE : 60;
    return feed.subscribe({ channel: "routes", limit, max_hz: 4 }, routes.listener);
  }, [narrow]);
}

function useNews() {
  const told = useRef("");
  useSignalEffect(() => {
    const best = wanted.value.best;
    if (!best || best.id === told.current) return;
    told.current = best.id;
    announce(t("best_announced", {
      asset: best.asset, buy: best.buy.venue, sell: best.sell.venue, net: signed(best.net_bps, 1),
    }));
  });
}

function Notes() {
  const { stale, suspicious } = wanted.value;
  return html`
    <span class="muted num">${t("routes_count", { n: shown.value.length })}</span>
    ${stale > 0 && html`<span class="chip">${t("hidden_stale", { n: stale })}</span>`}
    ${suspicious > 0 && html`
      <button class="chip" aria-pressed=${showSuspicious.value} title=${t("flag_suspicious")}
        onClick=${() => (showSuspicious.value = !showSuspicious.value)}>
        ${t("hidden_suspicious", { n: suspicious })}
      </button>`}
    ${moved.value > 0 && html`
      <button class="chip accent" data-testid="moved" onClick=${resort}>
        ${t("moved", { n: moved.value })}
      </button>`}
  `;
}

function Filters() {
  return html`
    <input id="filter" type="search" class="filter" placeholder="/ ${t("filter")}"
      aria-label=${t("filter")} value=${settings.q.value} onInput=${typed("q")} />
    <label class="choice"><span class="muted">${t("min_bps")}</span>
      <input type="number" step="any" class="bps" data-testid="min-bps" value=${settings.min.value}
        onInput=${typed("min")} />
    </label>
    <label class="choice">
      <input type="checkbox" checked=${settings.takeable.value !== ""}
        onChange=${ticked} />
      ${t("takeable_only")}
    </label>
    <button data-testid="pause" aria-pressed=${paused.value} title="p"
      onClick=${() => (paused.value = !paused.value)}>
      ${paused.value ? t("resume") : t("pause")}
    </button>
  `;
}

/** @param {"q" | "min"} name @returns {(event: any) => void} */
const typed = (name) => (event) => set(name)(event.currentTarget.value);

/** @param {any} event */
const ticked = (event) => set("takeable")(event.currentTarget.checked ? "1" : "");

function Body() {
  if (routes.problem.value) return html`<${Trouble} problem=${routes.problem.value} />`;
  if (routes.rows.value === null) return html`<${Skeleton} text=${waitingFor()} />`;
  if (shown.value.length === 0) return html`<${Empty} />`;
  return html`<${Table} />`;
}

function waitingFor() {
  if (phase.value.name !== "live") return t("waiting_feed");
  return t("waiting_quotes", { venues: [...venues.value.keys()].join(", ") || "…" });
}

function Empty() {
  const best = wanted.value.best;
  if (!best) return html`<div class="state" data-testid="empty"><p>${t("routes_none")}</p></div>`;
  const values = { asset: best.asset, buy: best.buy.venue, sell: best.sell.venue };
  return html`
    <div class="state" data-testid="empty">
      <strong>${t("routes_empty")}</strong>
      <p>${t("routes_empty_best", { ...values, net: signed(best.net_bps, 1) })}</p>
      <button onClick=${clearFilters}>${t("show_all")}</button>
    </div>
  `;
}

function clearFilters() {
  for (const name of /** @type {const} */ (["q", "min", "takeable"])) settings[name].value = "";
}

function Table() {
  useEffect(() => () => hold({ focus: false }), []);
  const chosen = settings.route.value;
  const inTab = shown.value.some(({ route }) => route.id === chosen) ? chosen : shown.value[0]?.route.id;
  return html`
    <div class="scroll" ...${focusing}>
      <table role="grid" aria-labelledby="routes-title">
        <thead><tr>${COLUMNS.map(([name, title, sorts]) =>
          html`<${Heading} key=${name} name=${name} title=${t(title)} sorts=${sorts} />`)}</tr></thead>
        <tbody onKeyDown=${followKey}>
          ${shown.value.map(({ route, gone }) => html`
            <${Row} key=${route.id} route=${route} gone=${gone} chosen=${route.id === chosen}
              inTab=${route.id === inTab} />`)}
        </tbody>
      </table>
    </div>
  `;
}

/** The rows are held while the pointer is over the panel or the focus is among them. */
const inside = { pointer: false, focus: false };
/** @param {Partial<typeof inside>} change */
const hold = (change) => {
  Object.assign(inside, change);
  held.value = inside.pointer || inside.focus;
};
const pointing = {
  onPointerEnter: () => hold({ pointer: true }),
  onPointerLeave: () => hold({ pointer: false }),
};
const focusing = {
  onFocusIn: () => hold({ focus: true }),
  onFocusOut: () => hold({ focus: false }),
};

/** @param {{name: string, title: string, sorts: boolean}} props */
function Heading({ name, title, sorts }) {
  const current = settings.sort.value === name;
  if (!sorts) return html`<th scope="col" class="col-${name}">${title}</th>`;
  const sort = current ? (name === "age" ? "ascending" : "descending") : "none";
  return html`
    <th scope="col" class="col-${name}" aria-sort=${sort}>
      <button class="sort" onClick=${() => set("sort")(name)}>
        ${title}<span aria-hidden="true">${current ? (name === "age" ? " ↑" : " ↓") : ""}</span>
      </button>
    </th>
  `;
}

/** @param {{route: Route, gone: boolean, chosen: boolean, inTab: boolean}} props */
function Row({ route, gone, chosen, inTab }) {
  const stale = gone ? { ageMs: 0 } : staleness(route);
  const profit = Number(route.profit);
  const digits = moneyDigits(route.currency);
  const look = stale ? "" : direction(route.net_bps);
  return html`
    <tr class=${stale ? "stale" : ""} tabindex=${inTab ? 0 : -1} aria-selected=${chosen}
      data-testid="route-row" data-route-id=${route.id} onClick=${() => set("route")(route.id)}>
      <td class="col-asset">${route.asset}</td>
      <td class="col-route">
        ${route.buy.venue} → ${route.sell.venue}
        <small class="muted"> ${currencyPath(route)}</small>
      </td>
      <td class="col-net ${look}">
        <span aria-hidden="true">${arrow(route.net_bps, 1)} </span>
        <${Moving} text=${signed(route.net_bps, 1)} testid="route-net" title="${route.net_bps} bps" />
      </td>
      <td class="col-profit ${look}">
        <${Moving} text=${signed(profit, digits)} title="${route.profit} ${route.currency}" />
        <small class="muted"> ${route.currency}</small>
      </td>
      <td class="col-size num" title="${route.size} ${route.asset}">${amount(route.size)}</td>
      <td class="col-gross num muted">${signed(route.gross_bps, 1)}</td>
      <${Age} route=${route} />
      <td class="col-open num">${route.open_s > 0 ? span(route.open_s * 1000) : "–"}</td>
      <td class="col-state"><${State} route=${route} stale=${stale} gone=${gone} /></td>
    </tr>
  `;
}

/** @param {{route: Route}} props */
function Age({ route }) {
  const ageMs = ageOf(route);
  const look = ageMs > OLD_MS ? "muted" : "";
  return html`
    <td class="col-age num ${look}" title=${t("age_of_row")}>${span(ageMs)}</td>
  `;
}

/** @param {{route: Route, stale: Staleness | null, gone: boolean}} props */
function State({ route, stale, gone }) {
  if (gone) return html`<span class="dashed">◌ ${t("route_gone")}</span>`;
  if (stale) return html`<span class="dashed" data-testid="stale">◌ ${staleText(stale)}</span>`;
  if (route.takeable) return html`<span>✓ ${t("takeable")}</span>`;
  const flags = route.why_not.map((flag) => named("short", flag));
  return html`<span class="flag">▲ ${flags.join(" · ")}</span>`;
}

/** @param {Staleness} stale */
function staleText(stale) {
  if ("ageMs" in stale) return t("stale");
  return `${t("stale")}: ${stale.venue.venue} ${named("state", stale.venue.state)}`;
}

/** @param {Route} route */
function currencyPath(route) {
  const [from, to] = [route.buy, route.sell].map((leg) => leg.symbol.split("-").at(-1));
  return from === to ? from : `${from}→${to}`;
}

/** @param {KeyboardEvent} event */
function followKey(event) {
  const { routeId } = /** @type {HTMLElement} */ (event.target).dataset;
  const acts = /** @type {Record<string, () => void>} */ ({
    ArrowDown: () => stepRow(1),
    ArrowUp: () => stepRow(-1),
    Enter: () => routeId && set("route")(routeId),
  });
  if (!acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
}

/** Put the focus on the next or previous row. @param {1 | -1} step */
export function stepRow(step) {
  const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-route-id]")]);
  const from = rows.findIndex((row) => row === document.activeElement);
  const start = from === -1 ? rows.findIndex((row) => row.tabIndex === 0) - step : from;
  rows[Math.max(0, Math.min(rows.length - 1, start + step))]?.focus();
}
