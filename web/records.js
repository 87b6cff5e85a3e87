// @ts-check
/** What is on record about one venue or all: clock, counters, instruments not live, gaps. */
import { useEffect, useRef } from "preact/hooks";
import { gapLength, useGaps } from "./gaps.js";
import { venues } from "./store.js";
import { html } from "./ui.js";
import { opened } from "./venues.js";
import { moment, named, number, span, t } from "./words.js";

const GAPS_SHOWN = 100;

export function Records() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const name = opened.value;
  useEffect(() => {
    if (name === null) dialog.current?.close();
    else if (!dialog.current?.open) dialog.current?.showModal();
  }, [name]);
  return html`
    <dialog ref=${dialog} class="records" aria-labelledby="records-title" data-testid="records"
      onClose=${() => (opened.value = null)}>
      <header class="panel-head">
        <h2 id="records-title">${name || t("venues")}</h2><span class="gap"></span>
        <button data-testid="records-close" onClick=${() => (opened.value = null)}>${t("close")}</button>
      </header>
      ${name !== null && html`<${Shown} key=${name} name=${name} />`}
    </dialog>
  `;
}

/** @param {{name: string}} props */
function Shown({ name }) {
  const meant = [...venues.value.values()].filter(({ venue }) => !name || venue === name);
  return html`<${Counters} meant=${meant} /><${NotLive} meant=${meant} /><${Gaps} name=${name} />`;
}

/** @param {{meant: Venue[]}} props */
function Counters({ meant }) {
  const counted = /** @type {const} */ (["resyncs", "backfilled", "gaps", "refused", "not_live"]);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="records-title">
      <table>
        <thead><tr>
          <th scope="col">${t("column_venue")}</th><th scope="col">${t("column_state")}</th>
          <th scope="col">${t("column_clock")}</th><th scope="col">${t("column_latency")}</th>
          ${counted.map((each) => html`<th key=${each} scope="col">${named("count", each)}</th>`)}
        </tr></thead>
        <tbody>
          ${meant.map((venue) => html`
            <tr key=${venue.venue} data-testid="counters-${venue.venue}">
              <th scope="row">${venue.venue}</th><td>${named("state", venue.state)}</td>
              <td class="num">${offset(venue)}</td>
              <td class="num">${venue.latency_ms === null ? "–" : `${number(venue.latency_ms, 0)} ms`}</td>
              ${counted.map((each) => html`<td key=${each} class="num">${number(venue[each], 0)}</td>`)}
            </tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {{meant: Venue[]}} props */
function NotLive({ meant }) {
  const rows = meant.flatMap(({ venue, troubled }) => troubled.map((row) => ({ venue, ...row })));
  if (rows.length === 0) return html`<p class="hint">${t("all_live")}</p>`;
  return html`
    <h3 class="hint warn-text">${t("count_not_live")}</h3>
    <ul class="not-live">
      ${rows.map((row) => html`
        <li key="${row.venue} ${row.symbol}" data-testid="not-live">
          <b>${row.symbol}</b> ${row.venue} · <strong class="warn-text">${named("state", row.state)}</strong>
          ${" "}<span class="num muted">${moment(Date.parse(row.since))}</span> · ${row.reason}
        </li>`)}
    </ul>
  `;
}

/** @param {{name: string}} props */
function Gaps({ name }) {
  const of = name && { venue: name };
  const question = new URLSearchParams({ limit: String(GAPS_SHOWN), order: "desc", ...(of || {}) });
  const { gaps, totals, problem } = useGaps(String(question), ({ venue }) => !name || venue === name);
  if (problem) return html`<p class="hint warn-text" role="alert">${problem.title} ${problem.detail}</p>`;
  if (gaps === null) return html`<p class="hint" aria-busy="true">…</p>`;
  if (gaps.length === 0) return html`<p class="hint">${t("gaps_none")}</p>`;
  return html`
    <h3 class="hint" data-testid="gap-totals">${totals.map(totalText).join(" · ")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("count_gaps")}>
      <table>
        <thead><tr>
          <th scope="col">${t("column_time")}</th><th scope="col">${t("market")}</th>
          <th scope="col">${t("column_channel")}</th><th scope="col">${t("column_length")}</th>
          <th scope="col">${t("column_missing")}</th><th scope="col" class="reason">${t("column_reason")}</th>
        </tr></thead>
        <tbody>
          ${gaps.map((gap) => html`
            <tr key="${gap.venue} ${gap.symbol} ${gap.channel} ${gap.start}" data-testid="gap">
              <td class="num">${moment(Date.parse(gap.start))}</td>
              <th scope="row">${gap.symbol} · ${gap.venue}</th>
              <td>${named("channel", gap.channel)}</td><td class="num">${gapLength(gap)}</td>
              <td class="num">${gap.missing === null ? "?" : number(gap.missing, 0)}</td>
              <td class="reason">${gap.reason}</td>
            </tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {GapTotal} total */
const totalText = ({ venue, gaps: n, seconds }) =>
  t("gaps_total", { venue, n, length: span(seconds * 1000) });

/** @param {Venue} venue */
function offset({ clock_offset_ms: ahead, clock_error_ms: error }) {
  if (ahead === null) return "–";
  return `${number(ahead, 0)} ms${error === null ? "" : ` ± ${number(error, 0)}`}`;
}
