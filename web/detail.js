// @ts-check
/** One route as a receipt: what is paid, what is taken off, what is left, and what stands in the way. */
import { useEffect, useRef } from "preact/hooks";
import { ageOf, staleness, wanted } from "./ranking.js";
import { isPhone, settings } from "./settings.js";
import { routes } from "./store.js";
import { Moving, Panel, html } from "./ui.js";
import { amount, arrow, direction, exact, moneyDigits, named, signed, span, t } from "./words.js";

export function Detail() {
  const chosen = settings.route.value;
  const known = useRef(/** @type {Route | undefined} */ (undefined));
  const present = chosen ? routes.rows.value?.get(chosen) : wanted.value.best;
  if (present || known.current?.id !== chosen) known.current = present;
  const route = known.current;
  const tools = html`
    <span class="gap"></span>
    ${chosen && html`<button data-testid="detail-close" onClick=${forget}>${t("close")}</button>`}
  `;
  useSheet(chosen);
  const title = route ? `${route.asset} ${route.buy.venue} → ${route.sell.venue}` : t("best_now");
  return html`
    <${Panel} name="detail" title=${title} tools=${tools}>
      <div class="scroll" tabindex="0" role="region" aria-labelledby="detail-title">
        ${!chosen && html`<p class="hint muted"><b>${t("best_now")}</b> · ${t("detail_hint")}</p>`}
        ${chosen && !present && html`<p class="hint warn-text">${t("route_not_there")}</p>`}
        ${route && html`<div class="receipts"><${Receipt} route=${route} /></div>`}
      </div>
    <//>
  `;
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

/** Let the detail follow the best route again. */
export function forget() {
  settings.route.value = "";
}

/** @param {{route: Route}} props */
function Receipt({ route }) {
  const { buy, sell, gross_bps: gross, net_bps: net, currency } = route;
  const compounded = net - (gross - buy.fee_bps - sell.fee_bps);
  const profit = Number(route.profit);
  return html`
    <table class="receipt legs">
      <tbody>
        <${Line} title=${t("buy_at", { venue: buy.venue })} note=${buy.symbol} value=${exact(buy.price)} />
        ${route.kind === "fx" && route.rate && html`<${Rate} route=${route} />`}
        <${Line} title=${t("sell_at", { venue: sell.venue })} note=${sell.symbol} value=${exact(sell.price)} />
      </tbody>
      <tbody>
        <${Line} title=${t("gross")} value=${signed(gross, 1)} unit="bps" />
        <${Line} title=${t("fee", { venue: buy.venue })} value=${signed(-buy.fee_bps, 1)} unit="bps" />
        <${Line} title=${t("fee", { venue: sell.venue })} value=${signed(-sell.fee_bps, 1)} unit="bps" />
        ${Math.abs(compounded) >= 0.05 &&
        html`<${Line} title=${t("fees_on_fees")} value=${signed(compounded, 1)} unit="bps" />`}
      </tbody>
      <tbody class="total">
        <${Line} title=${t("net")} value="${arrow(net, 1)} ${signed(net, 1)}" unit="bps"
          look=${direction(net)} testid="receipt-net" />
        <${Line} title=${t("column_profit")} value=${signed(profit, moneyDigits(currency))}
          unit=${currency} look=${direction(profit)} exactly="${route.profit} ${currency}" />
      </tbody>
    </table>
    <table class="receipt">
      <tbody>
        <${Line} title=${t("size_held")} value=${amount(route.size)} unit=${route.asset}
          exactly="${route.size} ${route.asset}" />
        <${Line} title=${t("age_of_row")} value=${span(ageOf(route))} />
        <${Line} title=${t("skew")} value=${span(route.skew_ms)} />
        <${Line} title=${t("column_open_for")} value=${route.open_s > 0 ? span(route.open_s * 1000) : "–"} />
      </tbody>
    </table>
    <${Verdict} route=${route} />
  `;
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

/** The rate is told for one unit sold, and shown the way that it is more than one. @param {{route: Route}} props */
function Rate({ route }) {
  const [sold, bought] = [route.sell, route.buy].map((leg) => leg.symbol.split("-").at(-1) ?? "");
  const told = route.rate?.value ?? "";
  const turned = Number(told) < 1;
  const [from, to] = turned ? [bought, sold] : [sold, bought];
  const value = turned ? (1 / Number(told)).toPrecision(7).replace(/\.?0+$/, "") : told;
  return html`
    <${Line} title=${t("rate", { from, to })} note=${route.rate?.source} value=${exact(value)}
      unit=${to} exactly="1 ${sold} = ${told} ${bought}" />
  `;
}

/** @param {{route: Route}} props */
function Verdict({ route }) {
  const stale = staleness(route);
  if (route.takeable && !stale) return html`<p class="verdict">✓ ${t("takeable")}</p>`;
  return html`
    <div class="verdict">
      <h3>${t("why_not")}</h3>
      <ul data-testid="why-not">
        ${stale && "ageMs" in stale && html`<li>${t("stale_age", { age: span(stale.ageMs) })}</li>`}
        ${stale && "venue" in stale && html`<li>
          ${stale.venue.venue}: ${named("state", stale.venue.state)} ${stale.venue.reason}
        </li>`}
        ${route.why_not.map((flag) => html`<li key=${flag}>${named("flag", flag)}</li>`)}
      </ul>
      <a href="/v1/routes?asset=${route.asset}&buy=${route.buy.venue}&sell=${route.sell.venue}"
        target="_blank">JSON</a>
    </div>
  `;
}
