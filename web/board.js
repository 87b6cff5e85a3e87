// @ts-check
/** Prices of every asset at every venue, in one currency: who is best, how far off the others are. */
import { computed, effect, signal } from "@preact/signals";
import { goTo } from "./keys.js";
import { boardOf, currencies } from "./prices.js";
import { language, set, settings } from "./settings.js";
import { now, quotes, venues } from "./store.js";
import { Choice, Moving, Panel, Skeleton, Trouble, html } from "./ui.js";
import { exact, named, price, signed, span, t } from "./words.js";

const all = computed(() => [...(quotes.rows.value?.values() ?? [])].map(judged));
const offered = computed(() => currencies(all.value));
const currency = computed(() => {
  const chosen = settings.currency.value;
  const usual = language.value === "ko" ? ["KRW"] : ["USDT", "USD"];
  return [chosen, ...usual].find((each) => offered.value.includes(each)) ?? offered.value[0] ?? "";
});
const side = computed(() => (settings.side.value === "sell" ? "sell" : "buy"));
const board = computed(() => boardOf(all.value, currency.value, side.value));

/** Nobody can trade at a venue that is not live, or only polled. @param {Quote} quote */
function judged(quote) {
  const venue = venues.value.get(quote.venue);
  if (quote.stale || !venue) return quote;
  if (venue.state === "live") return venue.polled ? { ...quote, stale: true, polled: true } : quote;
  const reason = `${venue.venue}: ${venue.state} ${venue.reason}`;
  return { ...quote, stale: true, stale_reason: reason };
}

/** Views that are loaded when first asked for. */
const LATER = { premium: () => import("./premium.js"), advice: () => import("./advice.js") };
const loaded = signal(/** @type {Record<string, {Body: any, Tools: any}>} */ ({}));
effect(() => {
  const view = /** @type {keyof typeof LATER} */ (settings.board.value);
  if (view in loaded.peek()) return;
  LATER[view]?.().then((module) => (loaded.value = { ...loaded.peek(), [view]: module }));
});

export function Board() {
  const view = loaded.value[settings.board.value] ?? { Body, Tools };
  const tools = html`<${Views} /><span class="gap"></span><${view.Tools} />`;
  return html`<${Panel} name="board" title=${t("board")} tools=${tools}><${view.Body} /><//>`;
}

function Views() {
  return ["prices", "premium", "advice"].map((view) => html`
    <button key=${view} class="chip" aria-pressed=${settings.board.value === view}
      data-testid="board-${view}" onClick=${() => set("board")(view)}>${named("view", view)}</button>`);
}

function Tools() {
  return html`
    <${Choice} label=${t("side")} hidden=${false} value=${side.value}
      options=${[["buy", t("buy")], ["sell", t("sell")]]}
      onPick=${set("side")} />
    <${Choice} label=${t("convert_to")} hidden=${false} value=${currency.value}
      options=${offered.value.map((each) => [each, each])}
      onPick=${set("currency")} />
  `;
}

function Body() {
  if (quotes.problem.value) return html`<${Trouble} problem=${quotes.problem.value} />`;
  if (quotes.rows.value === null) return html`<${Skeleton} text=${t("waiting_feed")} />`;
  if (all.value.length === 0) return html`<div class="state"><p>${t("board_empty")}</p></div>`;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="board-title">
      <table>
        <thead><tr>
          <th scope="col">${t("asset")}</th><th scope="col">${t("best")}</th>
          ${board.value.venues.map((venue) => html`<th key=${venue} scope="col">${venue}</th>`)}
        </tr></thead>
        <tbody>${board.value.rows.map((row) => html`<${Row} key=${row.asset} row=${row} />`)}</tbody>
      </table>
    </div>
  `;
}

/** @param {{row: BoardRow}} props */
function Row({ row }) {
  return html`
    <tr>
      <th scope="row">${row.asset}</th>
      <td>
        ${row.best ? html`<${Moving} text=${price(row.best.price)} />` : "—"}
        <small>${row.best?.venue ?? ""}</small>
      </td>
      ${board.value.venues.map(
        (venue) => html`<${Price} key=${venue} asset=${row.asset} venue=${venue} cell=${row.cells.get(venue)} />`,
      )}
    </tr>
  `;
}

/** @param {{asset: string, venue: string, cell?: Cell}} props */
function Price({ asset, venue, cell }) {
  const place = { "data-testid": "board-cell", "data-venue": venue, "data-asset": asset };
  if (!cell) return html`<td ...${place} class="muted">·</td>`;
  const { quote, price: value, bps, tint } = cell;
  const look = quote.polled ? "" : quote.stale ? "stale" : `tint-${tint}`;
  return html`
    <td ...${place} class="cell ${look}" title=${tooltip(cell)} onClick=${() => openChart(cell)}>
      ${value === null ? "—" : html`<${Moving} text=${price(value)} testid="board-price" />`}
      <small>${note(cell, bps)}</small>
    </td>
  `;
}

/** @param {Cell} cell @param {number | null} bps */
function note({ quote, price: value }, bps) {
  if (quote.polled) return t("as_of", { time: quote.ts.slice(11, 16) });
  if (quote.stale) return html`◌ ${t("stale")} ${span(quote.age_ms + Math.max(0, now.value - quote.at))}`;
  if (value === null) return t("no_rate", { currency: quote.quote_currency, target: currency.value });
  return bps === 0 ? `★ ${t("at_best")}` : signed(bps ?? 0, 1);
}

/** @param {Cell} cell */
function tooltip({ quote }) {
  return [
    `${quote.venue} ${quote.symbol}`,
    `${t("buy")} ${exact(quote.ask)} × ${exact(quote.ask_size)}`,
    `${t("sell")} ${exact(quote.bid)} × ${exact(quote.bid_size)}`,
    t("arrived", { time: quote.recv_ts }),
    quote.stale_reason,
  ].filter(Boolean).join("\n");
}

/** @param {Cell} cell */
function openChart({ quote }) {
  settings.market.value = `${quote.venue}:${quote.symbol}`;
  goTo("chart");
}
