// @ts-check
/** How much dearer assets are at one venue than at others, on both kinds of rate. Loaded when asked for. */
import { computed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { set, settings } from "./settings.js";
import { feed, now, premiums, venues } from "./store.js";
import { Choice, Moving, Skeleton, Trouble, html } from "./ui.js";
import { arrow, direction, exact, named, signed, span, t } from "./words.js";

const BASES = /** @type {const} */ (["bank", "stable", "same"]);

/** @typedef {{name: string, first: Premium, by: Map<string, Premium>}} Pair Two markets, and their premium by basis. */

const pairs = computed(() => {
  /** @type {Map<string, Pair>} */ const found = new Map();
  for (const each of premiums.rows.value?.values() ?? []) {
    const name = `${each.asset} ${each.symbol} ${each.reference_venue} ${each.reference_symbol}`;
    const pair = found.get(name) ?? { name, first: each, by: new Map() };
    found.set(name, pair);
    pair.by.set(each.basis, each);
  }
  return [...found.values()].sort((one, other) => one.name.localeCompare(other.name));
});

/** Bases that something is told on. */
const told = computed(() => BASES.filter((basis) => pairs.value.some(({ by }) => by.has(basis))));

/** The venue that may be dearer. */
export function Tools() {
  const names = [...new Set([settings.dearer.value, ...venues.value.keys()])].sort();
  return html`
    <${Choice} label=${t("dearer_at")} hidden=${false} value=${settings.dearer.value}
      options=${names.map((name) => [name, name])} onPick=${set("dearer")} />
  `;
}

export function Body() {
  const venue = settings.dearer.value;
  useEffect(
    () => feed.subscribe({ channel: "premiums", venue: [venue], max_hz: 2 }, premiums.listener),
    [venue],
  );
  if (premiums.problem.value) return html`<${Trouble} problem=${premiums.problem.value} />`;
  if (premiums.rows.value === null) return html`<${Skeleton} text=${t("waiting_feed")} />`;
  if (pairs.value.length === 0) {
    return html`<div class="state" data-testid="premium-empty"><p>${t("premium_empty", { venue })}</p></div>`;
  }
  return html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="board-title">
      <table class="premiums" data-testid="premiums">
        <thead><tr>
          <th scope="col">${t("asset")}</th><th scope="col">${t("against")}</th>
          ${told.value.map((basis) => html`<th key=${basis} scope="col">${named("basis", basis)}</th>`)}
        </tr></thead>
        <tbody>${pairs.value.map((pair) => html`<${Row} key=${pair.name} pair=${pair} />`)}</tbody>
      </table>
    </div>
  `;
}

/** @param {{pair: Pair}} props */
function Row({ pair: { name, first, by } }) {
  return html`
    <tr data-testid="premium-row" data-pair=${name}>
      <th scope="row">${first.asset}<small class="muted">${first.symbol}</small></th>
      <td>${first.reference_venue}<small class="muted">${first.reference_symbol}</small></td>
      ${told.value.map((basis) => html`<${Figure} key=${basis} premium=${by.get(basis)} />`)}
    </tr>
  `;
}

/** @param {{premium?: Premium}} props */
function Figure({ premium }) {
  if (!premium) return html`<td class="muted">—<small>${t("premium_no_rate")}</small></td>`;
  const { premium_bps: bps, stale, rate, rate_source: source, at } = premium;
  const passed = Math.max(0, now.value - at);
  const age = span(premium.rate_age_ms + passed);
  const percent = bps / 100;
  return html`
    <td class=${stale ? "stale" : direction(percent)} title="${bps} bps · ${t("age_of_row")} ${span(premium.age_ms + passed)}">
      <span aria-hidden="true">${arrow(percent, 2)} </span><${Moving} text="${signed(percent, 2)} %" />
      <small class="muted">${stale ? `◌ ${t("stale")}` : source && `${exact(rate)} · ${source} · ${age}`}</small>
    </td>
  `;
}
