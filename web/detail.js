// @ts-check
/** One route as a receipt: its legs, what is taken off, what is left at which size, what stands in the way. */
import { useEffect, useRef } from "preact/hooks";
import { Curve } from "./curve.js";
import { ageOf, staleness, wanted } from "./ranking.js";
import { forget, isPhone, settings } from "./settings.js";
import { detailed, feed, routes } from "./store.js";
import { Moving, Panel, html } from "./ui.js";
import { kindOf, limitOf, venuesOf } from "./way.js";
import { amount, arrow, direction, exact, moneyDigits, named, number, signed, span, t } from "./words.js";

export function Detail() {
  const chosen = settings.route.value;
  const known = useRef(/** @type {Route | undefined} */ (undefined));
  const id = chosen || (wanted.value.best?.id ?? "");
  useParts(id);
  const [whole, plain] = [detailed, routes].map((table) => table.rows.value?.get(id));
  const present = whole ? { ...whole, at_notional: plain?.at_notional } : plain;
  if (present || known.current?.id !== id) known.current = present;
  const route = known.current;
  const isGone = chosen && !present && detailed.rows.value !== null;
  const tools = html`
    <span class="gap"></span>
    ${chosen && html`<button data-testid="detail-close" onClick=${forget}>${t("close")}</button>`}
  `;
  useSheet(chosen);
  const title = route ? `${route.asset} ${venuesOf(route).join(" → ")}` : t("best_now");
  return html`
    <${Panel} name="detail" title=${title} tools=${tools}>
      <div class="scroll" tabindex="0" role="region" aria-labelledby="detail-title">
        ${!chosen && html`<p class="hint muted"><b>${t("best_now")}</b> · ${t("detail_hint")}</p>`}
        ${isGone && html`<p class="hint warn-text">${t("route_not_there")}</p>`}
        ${route && html`<div class="receipts"><${Receipt} route=${route} /></div>`}
      </div>
    <//>
  `;
}

/** Ask for legs, curve and receipt of the route shown. @param {string} id */
function useParts(id) {
  useEffect(() => {
    if (!id) return undefined;
    const filter = { id, suspicious: true };
    const request = { channel: "routes", filter, detail: true, limit: 1, max_hz: 4 };
    return feed.subscribe(request, detailed.listener);
  }, [id]);
}

/** On a phone the detail is a sheet over the page: it takes the focus and gives it back. @param {string} chosen */
function useSheet(chosen) {
  useEffect(() => {
    document.documentElement.toggleAttribute("data-sheet", chosen !== "");
    if (!chosen || !isPhone()) return undefined;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    document.getElementById("detail")?.focus();
    return () => before?.focus();
  }, [chosen]);
}

/** @param {{route: Route}} props */
function Receipt({ route }) {
  const { legs = [], receipt = [], currency } = route;
  const profit = Number(route.profit);
  return html`
    <table class="receipt legs" data-testid="legs">
      <tbody>${legs.map((leg, place) => html`<${LegLine} key=${place} leg=${leg} route=${route} />`)}</tbody>
    </table>
    <div class="parts">
      <table class="receipt">
        <tbody>${receipt.filter(says).map((line, place) => html`<${Part} key=${place} line=${line} />`)}</tbody>
        <tbody class="total">
          <${Line} title=${t("column_profit")} value=${signed(profit, moneyDigits(currency))}
            unit=${currency} look=${direction(profit)} exactly="${route.profit} ${currency}" />
          ${route.profit_usd !== null && html`
            <${Line} title=${t("in_dollars")} value=${signed(route.profit_usd, 2)} unit="USD"
              look=${direction(profit)} testid="receipt-usd" />`}
        </tbody>
      </table>
      <${Facts} route=${route} />
    </div>
    <div>
      ${route.curve && route.curve.length > 1 && html`<${Curve} route=${route} />`}
      <${Verdict} route=${route} />
    </div>
  `;
}

/** A part of nothing is not worth a line. @param {ReceiptLine} line */
const says = ({ what, bps }) =>
  ["gross", "fee", "net", "return"].includes(what) || bps === null || Math.abs(bps) >= 0.05;

/** @param {{line: ReceiptLine}} props */
function Part({ line }) {
  const { what, venue, bps } = line;
  const sum = what === "net" || what === "return";
  const title = named("part", what).replace("{venue}", venue);
  if (bps === null) return html`<${Line} title=${title} value=${t("unknown")} />`;
  return html`
    <${Line} title=${title} value="${sum ? `${arrow(bps, 1)} ` : ""}${signed(bps, 1)}" unit="bps"
      look=${sum ? `sum ${direction(bps)}` : ""} testid="receipt-${what}" />
  `;
}

/** @param {{leg: Leg, route: Route}} props */
function LegLine({ leg, route }) {
  const venue = leg.kind === "move" ? `${leg.venue} → ${leg.to_venue}` : leg.venue;
  const what = leg.symbol ?? (leg.source === leg.target ? leg.source : `${leg.source} → ${leg.target}`);
  return html`
    <tr>
      <th scope="row">
        <b>${named("leg", leg.kind)}</b> ${what}
        <small class="muted">${venue}${leg.age_ms !== null && ` · ${span(leg.age_ms + ageOf(route) - route.age_ms)}`}</small>
      </th>
      <td class="num">
        ${leg.symbol ? exact(leg.average_price ?? "") : html`<${Rate} leg=${leg} route=${route} />`}
        <small class="muted">${priceNote(leg)}</small>
      </td>
      <td class="num">
        ${amount(leg.amount_out)} ${leg.target}
        <small class="muted">${feeNote(leg)}</small>
      </td>
    </tr>
  `;
}

/** A comparison shows its rate where a trade shows its price. @param {{leg: Leg, route: Route}} props */
function Rate({ leg, route }) {
  if (leg.kind !== "convert") return leg.minutes === null ? "" : t("unit_min", { n: Math.round(leg.minutes) });
  const { value, source, age_ms: age } = route.rate;
  const turned = Number(value) < 1 ? (1 / Number(value)).toPrecision(7).replace(/\.?0+$/, "") : value;
  return html`${exact(turned)}<small class="muted">${source} · ${span(age)}</small>`;
}

/** @param {Leg} leg */
function priceNote({ price, worst_price: worst, levels }) {
  if (price === null || worst === null || levels < 2) return "";
  return t("levels", { n: levels, from: exact(price), to: exact(worst) });
}

/** @param {Leg} leg */
function feeNote({ kind, fee, fee_currency: currency }) {
  if (kind === "convert") return "";
  if (fee === null) return t("fee_unknown");
  return Number(fee) === 0 ? t("fee_none") : t("fee", { fee: amount(fee), currency });
}

/** @param {{title: string, note?: string, value: string, unit?: string, look?: string, exactly?: string,
 *   testid?: string}} props */
function Line({ title, note, value, unit, look = "", exactly, testid }) {
  return html`
    <tr>
      <th scope="row">${title}${note && html` <small class="muted">${note}</small>`}</th>
      <td class=${look}>
        <${Moving} text=${value} title=${exactly} testid=${testid} />
        ${unit && html`<small class="muted"> ${unit}</small>`}
      </td>
    </tr>
  `;
}

/** @param {{route: Route}} props */
function Facts({ route }) {
  const { rate, peak_profit_usd: peak, transfer_minutes: minutes, transfer_risk_bps: risk } = route;
  const life = route.open_s > 0 ? span(route.open_s * 1000) : "–";
  return html`
    <table class="receipt">
      <tbody>
        <tr><th scope="row" colspan="2">${kindOf(route)}</th></tr>
        <${Line} title=${t("column_amount_in")} value=${amount(route.amount_in)} unit=${route.currency}
          note=${limitOf(route)} exactly="${route.amount_in} ${route.currency}" />
        <${Line} title=${t("size")} value=${amount(route.size)} unit=${route.asset}
          exactly="${route.size} ${route.asset}" />
        ${route.fees_usd !== null && html`
          <${Line} title=${t("fees_in_all")} value=${number(route.fees_usd, 2)} unit="USD" />`}
        ${route.mode === "transfer" && html`
          <${Line} title=${t("transfer_time")} value=${minutes === null ? t("unknown") : span(minutes * 60_000)}
            note=${risk === null ? "" : t("transfer_risk", { bps: number(risk, 1) })} />`}
        ${rate.source && html`
          <${Line} title=${t("rate")} value=${rate.source} unit=${span(rate.age_ms)} exactly=${rate.value} />`}
        <${Line} title=${t("age_of_row")} value=${span(ageOf(route))} note="${t("skew")} ${span(route.skew_ms)}" />
        <${Line} title=${t("column_open_for")} value=${life} note=${t("times_seen", { n: route.times_seen })}
          testid="receipt-life" />
        ${route.open_s > 0 && html`
          <${Line} title=${t("peak")} value=${signed(route.peak_net_bps, 1)} unit="bps"
            note=${peak === null ? "" : `${signed(peak, 2)} $`} />`}
      </tbody>
    </table>
  `;
}

/** @param {{route: Route}} props */
function Verdict({ route }) {
  const stale = staleness(route);
  const flags = route.why_not.filter((flag) => flag !== "stale");
  const link = html`<a href="/v1/routes/${encodeURIComponent(route.id)}" target="_blank">JSON</a>`;
  if (route.takeable && !stale) return html`<p class="verdict">✓ ${t("takeable")} ${link}</p>`;
  return html`
    <div class="verdict">
      <h3>${t("why_not")}</h3>
      <ul data-testid="why-not">
        ${stale && "ageMs" in stale && html`<li>${t("stale_age", { age: span(stale.ageMs) })}</li>`}
        ${stale && "venue" in stale && html`<li>
          ${stale.venue.venue}: ${named("state", stale.venue.state)} ${stale.venue.reason}
        </li>`}
        ${flags.map((flag) => html`<li key=${flag}>${named("flag", flag)}</li>`)}
      </ul>
      ${link}
    </div>
  `;
}
