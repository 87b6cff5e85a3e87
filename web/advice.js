// @ts-check
/** What strategies said lately: buy, sell, and why; meanwhile it is marked on the chart. Loaded when asked for. */
import { computed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { goTo } from "./keys.js";
import { set, settings } from "./settings.js";
import { overlay } from "./chart.js";
import { Marks, adviceKey } from "./marks.js";
import { feed, liveTable, wall } from "./store.js";
import { Choice, Skeleton, Trouble, html } from "./ui.js";
import { exact, number, span, t } from "./words.js";

const KEPT = 300;
const SHOWN = 100;
const LOOKS = { buy: "up", sell: "down", hold: "muted" };
const WORDS = /** @type {const} */ ({ buy: "buy", sell: "sell", hold: "advice_hold" });
const SIGNS = { buy: "▲", sell: "▼", hold: "↶" };

/** What changed something, oldest first. @type {LiveTable<Advice>} */
const advices = liveTable(adviceKey, undefined, KEPT);

const strategies = computed(() => {
  const names = [...(advices.rows.value?.values() ?? [])].map(({ strategy }) => strategy);
  return [...new Set([settings.strategy.value, ...names])].filter(Boolean).sort();
});

/** The latest first. */
const shown = computed(() =>
  [...(advices.rows.value?.values() ?? [])]
    .filter(({ strategy }) => !settings.strategy.value || strategy === settings.strategy.value)
    .sort((one, other) => other.ts.localeCompare(one.ts))
    .slice(0, SHOWN));

export function Tools() {
  return html`
    <${Choice} label=${t("strategy")} hidden=${false} value=${settings.strategy.value}
      options=${[["", t("show_all")], ...strategies.value.map((name) => [name, name])]}
      onPick=${set("strategy")} />
  `;
}

export function Body() {
  useEffect(() => {
    overlay.value = Marks;
    return () => {
      overlay.value = null;
    };
  }, []);
  useEffect(() => feed.subscribe({ channel: "signals", delivery: "all", limit: KEPT }, advices.listener), []);
  if (advices.problem.value) return html`<${Trouble} problem=${advices.problem.value} />`;
  if (advices.rows.value === null) return html`<${Skeleton} text=${t("waiting_feed")} />`;
  if (shown.value.length === 0) {
    return html`<div class="state" data-testid="advice-empty"><p>${t("advice_empty")}</p></div>`;
  }
  return html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="board-title">
      <table class="advice" data-testid="advice">
        <thead><tr>
          <th scope="col">${t("column_time")}</th><th scope="col">${t("market")}</th>
          <th scope="col">${t("view_advice")}</th><th scope="col">${t("price")}</th>
          <th scope="col">${t("strategy")}</th><th scope="col">${t("column_reason")}</th>
        </tr></thead>
        <tbody>${shown.value.map((each) => html`<${Row} key=${adviceKey(each)} advice=${each} />`)}</tbody>
      </table>
    </div>
  `;
}

/** @param {{advice: Advice}} props */
function Row({ advice }) {
  const { venue, symbol, side, ts, target, price, strategy, parameters, interval, reason } = advice;
  const numbers = Object.entries(advice.values).map(([name, value]) => `${name} ${figure(value)}`);
  return html`
    <tr data-testid="advice-row" onClick=${() => openChart(advice)}>
      <td>${ts.slice(11, 19)}<small class="muted">${span(Math.max(0, wall.value - Date.parse(ts)))}</small></td>
      <th scope="row">${venue}<small class="muted">${symbol}</small></th>
      <td class=${LOOKS[side]}><span aria-hidden="true">${SIGNS[side]} </span>${t(WORDS[side])}
        <small class="muted">${number(target * 100, 0)} %</small></td>
      <td class="num">${exact(price)}</td>
      <td>${strategy}<small class="muted">@${interval} ${parameters}</small></td>
      <td class="why">${reason}<small class="muted">${numbers.join(" · ")}</small></td>
    </tr>
  `;
}

/** Six figures say enough. @param {number} value */
const figure = (value) => String(Number(value.toPrecision(6))).replace("-", "−");

/** @param {Advice} advice */
function openChart({ venue, symbol }) {
  settings.market.value = `${venue}:${symbol}`;
  goTo("chart");
}
