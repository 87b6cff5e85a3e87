// @ts-check
/** The table of the best routes: values change in place, rows move only when nobody looks closely. */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Filters, Search, clearFilters, useSubscription } from "./filters.js";
import {
  FILTERS, OLD_MS, ageOf, held, moved, netOf, resort, showSuspicious, shown, staleness, wanted,
} from "./ranking.js";
import { set, settings } from "./settings.js";
import { phase, routes, venues } from "./store.js";
import { Moving, Panel, Skeleton, Trouble, announce, html } from "./ui.js";
import { kindOf, limitOf, venuesOf } from "./way.js";
import { amount, arrow, direction, moneyDigits, named, signed, span, t } from "./words.js";

const COLUMNS = /** @type {{name: string, title: Key, sort?: string, under?: Key, underSort?: string}[]} */ ([
  { name: "asset", title: "asset" },
  { name: "route", title: "column_route" },
  { name: "net", title: "column_net", sort: "net", under: "column_gross", underSort: "gross" },
  { name: "return", title: "column_return", sort: "return", under: "limited_by" },
  { name: "profit", title: "column_profit", sort: "profit", under: "column_amount_in" },
  { name: "age", title: "column_age", sort: "age", under: "column_open_for", underSort: "open" },
  { name: "state", title: "column_state" },
]);
export function Routes() {
  useSubscription();
  useNews();
  const tools = html`<${Notes} /><span class="gap"></span><${Search} />`;
  return html`
    <${Panel} name="routes" title=${t("routes")} tools=${tools} on=${pointing}>
      <${Filters} />
      <${Body} />
    <//>
  `;
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
  const filtered = FILTERS.some((name) => settings[name].value !== "");
  return html`
    <div class="state" data-testid="empty">
      <strong>${t(filtered ? "routes_empty" : "routes_none")}</strong>
      ${best && html`<p>${t("routes_empty_best", {
        asset: best.asset, buy: best.buy.venue, sell: best.sell.venue, net: signed(netOf(best), 1),
      })}</p>`}
      ${filtered && html`<button onClick=${clearFilters}>${t("show_all")}</button>`}
    </div>
  `;
}

function Table() {
  useEffect(() => () => hold({ focus: false }), []);
  const chosen = settings.route.value;
  const inTab = shown.value.some(({ route }) => route.id === chosen) ? chosen : shown.value[0]?.route.id;
  return html`
    <div class="scroll" ...${focusing}>
      <table role="grid" aria-labelledby="routes-title">
        <thead><tr>${COLUMNS.map((column) => html`<${Heading} key=${column.name} ...${column} />`)}</tr></thead>
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

/** @param {{name: string, title: Key, sort?: string, under?: Key, underSort?: string}} props */
function Heading({ name, title, sort, under, underSort }) {
  const current = settings.sort.value;
  const dollars = settings.notional.value;
  const turned = current === "age" ? "ascending" : "descending";
  const sorted = [sort, underSort].includes(current) ? turned : "none";
  return html`
    <th scope="col" class="col-${name}" aria-sort=${sort ? sorted : undefined}>
      <${Title} text=${name === "net" && dollars ? t("column_net_on", { dollars }) : t(title)} sort=${sort} />
      ${under && html`<small><${Title} text=${t(under)} sort=${underSort} /></small>`}
    </th>
  `;
}

/** @param {{text: string, sort?: string}} props */
function Title({ text, sort }) {
  if (!sort) return text;
  const current = settings.sort.value === sort;
  return html`
    <button class="sort" aria-pressed=${current} onClick=${() => set("sort")(current ? "best" : sort)}>
      ${text}<span aria-hidden="true">${current ? (sort === "age" ? " ↑" : " ↓") : ""}</span>
    </button>
  `;
}

/** @param {{route: Route, gone: boolean, chosen: boolean, inTab: boolean}} props */
function Row({ route, gone, chosen, inTab }) {
  const stale = gone ? { ageMs: 0 } : staleness(route);
  const net = netOf(route);
  const look = stale ? "" : direction(net);
  const ageMs = ageOf(route);
  return html`
    <tr class=${stale ? "stale" : ""} tabindex=${inTab ? 0 : -1} aria-selected=${chosen}
      data-testid="route-row" data-route-id=${route.id} onClick=${() => set("route")(route.id)}>
      <td class="col-asset">${route.asset}</td>
      <td class="col-route" title=${route.id}>
        ${venuesOf(route).join(" → ")}<small class="muted">${kindOf(route)}</small>
      </td>
      <td class="col-net ${look}">
        <span aria-hidden="true">${arrow(net, 1)} </span>
        <${Moving} text=${signed(net, 1)} testid="route-net" title="${net} bps" />
        <small class="muted">${signed(route.gross_bps, 1)}</small>
      </td>
      <td class="col-return num" title=${limitOf(route)}>
        ${Number(route.amount_in) > 0 ? signed(route.return_bps, 1) : "–"}
        <small class="muted">${limitOf(route)}</small>
      </td>
      <${Profit} route=${route} stale=${stale} />
      <td class="col-age num ${ageMs > OLD_MS ? "muted" : ""}" title=${t("age_of_row")}>
        ${span(ageMs)}<small class="muted">${route.open_s > 0 ? span(route.open_s * 1000) : "–"}</small>
      </td>
      <td class="col-state"><${State} route=${route} stale=${stale} gone=${gone} /></td>
    </tr>
  `;
}

/** @param {{route: Route, stale: Staleness | null}} props */
function Profit({ route, stale }) {
  const { profit, amount_in: put, profit_usd: dollars } = route.at_notional ?? route;
  const exactly = `${profit} ${route.currency}`;
  if (Number(put) === 0) return html`<td class="col-profit num">–</td>`;
  const text = dollars === null ? signed(Number(profit), moneyDigits(route.currency)) : `${signed(dollars, 2)} $`;
  return html`
    <td class="col-profit num ${stale ? "" : direction(Number(profit))}" title=${exactly}>
      ${text}<small class="muted" title="${put} ${route.currency}">${amount(put)} ${route.currency}</small>
    </td>
  `;
}

/** @param {{route: Route, stale: Staleness | null, gone: boolean}} props */
function State({ route, stale, gone }) {
  if (gone) return html`<span class="dashed">◌ ${t("route_gone")}</span>`;
  if (stale) return html`<span class="dashed" data-testid="stale">◌ ${staleText(stale)}</span>`;
  if (route.takeable) return `✓ ${t("takeable")}`;
  const [first, ...others] = route.why_not.map((flag) => named("short", flag));
  const more = others.length > 0 && html`<small class="muted">${others.join(" · ")}</small>`;
  return html`<span class="flag" title=${others.join(", ")}>▲ ${first}</span>${more}`;
}

/** @param {Staleness} stale */
function staleText(stale) {
  if ("ageMs" in stale) return t("stale");
  return `${t("stale")}: ${stale.venue.venue} ${named("state", stale.venue.state)}`;
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
