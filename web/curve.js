// @ts-check
/** What a route earns by what is put in, as a line; the best size is marked, and the notional asked for. */
import { settings } from "./settings.js";
import { html } from "./ui.js";
import { amount, moneyDigits, signed, t } from "./words.js";

const WIDTH = 300;
const HEIGHT = 70;

/** @param {{route: Route}} props */
export function Curve({ route }) {
  const points = (route.curve ?? []).map(([put, profit]) => /** @type {[number, number]} */ ([Number(put), Number(profit)]));
  const most = Math.max(...points.map(([put]) => put)) || 1;
  const profits = [0, ...points.map(([, profit]) => profit)];
  const [low, high] = [Math.min(...profits), Math.max(...profits)];
  const x = (/** @type {number} */ put) => (put / most) * WIDTH;
  const y = (/** @type {number} */ profit) => HEIGHT - ((profit - low) / (high - low || 1)) * HEIGHT;
  const line = points.map(([put, profit]) => `${x(put).toFixed(1)},${y(profit).toFixed(1)}`).join(" ");
  const best = { put: route.amount_in, profit: route.profit };
  const mine = settings.notional.value && route.at_notional;
  const money = (/** @type {string} */ profit) => `${signed(Number(profit), moneyDigits(route.currency))} ${route.currency}`;
  return html`
    <figure class="curve" data-testid="curve">
      <figcaption>
        ${t("curve")}
        <small class="muted">${t("curve_best", { put: `${amount(best.put)} ${route.currency}`, profit: money(best.profit) })}</small>
      </figcaption>
      <svg viewBox="-4 -4 ${WIDTH + 8} ${HEIGHT + 8}" role="img"
        aria-label="${t("curve")}: ${t("curve_best", { put: amount(best.put), profit: money(best.profit) })}">
        <line class="zero" x1="0" x2=${WIDTH} y1=${y(0)} y2=${y(0)} />
        <polyline points=${line} />
        <${Mark} at=${best} x=${x} y=${y} name="best" />
        ${mine && html`<${Mark} at=${{ put: mine.amount_in, profit: mine.profit }} x=${x} y=${y} name="mine" />`}
      </svg>
      <p class="axis muted num"><span>0</span><span>${amount(String(most))} ${route.currency}</span></p>
    </figure>
  `;
}

/**
 * @param {{at: {put: string, profit: string}, x: (put: number) => number, y: (profit: number) => number,
 *   name: string}} props
 */
function Mark({ at, x, y, name }) {
  const [across, down] = [x(Number(at.put)), y(Number(at.profit))];
  return html`
    <g class="mark ${name}" data-testid="curve-${name}">
      <line x1=${across} x2=${across} y1="0" y2=${HEIGHT} />
      <circle cx=${across} cy=${down} r="4" />
    </g>
  `;
}
