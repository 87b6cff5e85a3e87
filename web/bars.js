// @ts-check
/** The last bars of the chart as a table. Loaded when it is asked for. */
import { html } from "./ui.js";
import { moment, number, price, t } from "./words.js";

const LAST = 20;

/** @param {{bars: Bar[]}} props */
export function Table({ bars }) {
  const columns = /** @type {const} */ (["open", "high", "low", "close"]);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="chart-title">
      <table class="bars">
        <thead><tr>
          <th scope="col">${t("column_time")}</th><th scope="col">${t("column_open")}</th>
          <th scope="col">${t("column_high")}</th><th scope="col">${t("column_low")}</th>
          <th scope="col">${t("column_close")}</th><th scope="col">${t("column_volume")}</th>
        </tr></thead>
        <tbody>
          ${bars.slice(-LAST).reverse().map((bar) => html`
            <tr key=${bar.time}>
              <th scope="row" class="num">${moment(bar.time * 1000)}</th>
              ${columns.map((each) => html`<td key=${each} class="num">${price(bar[each])}</td>`)}
              <td class="num">${!bar.complete && html`<span class="warn-text" title=${t("missing_unknown")}>≥ </span>`}${number(bar.volume, 4)}</td>
            </tr>`)}
        </tbody>
      </table>
    </div>
  `;
}
