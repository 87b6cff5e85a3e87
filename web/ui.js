// @ts-check
/** What every part of the page is made of: panels, numbers that move, announcements. */
import { signal } from "@preact/signals";
import htm from "htm";
import { h } from "preact";
import { useErrorBoundary, useRef } from "preact/hooks";
import { asOf, feed, paused, phase } from "./store.js";
import { clock, t } from "./words.js";

/** @type {(parts: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (h));

const QUIET_MS = 5000;

/** What a screen reader is told next; at most one text in five seconds, the latest. */
export const announcement = signal("");
let due = 0;
let spokenAt = -QUIET_MS;

/** @param {string} text */
export function announce(text) {
  clearTimeout(due);
  const speak = () => {
    spokenAt = performance.now();
    announcement.value = text;
  };
  due = setTimeout(speak, Math.max(0, spokenAt + QUIET_MS - performance.now()));
}

/**
 * A titled region that fails by itself, not with the page.
 * @param {{name: string, title: string, tools?: any, children?: any, on?: object}} props
 */
export function Panel({ name, title, tools, children, on = {} }) {
  const [error] = useErrorBoundary((failure) => console.error(name, failure));
  return html`
    <section id=${name} class="panel" data-testid=${name} tabindex="-1"
      aria-labelledby="${name}-title" ...${on}>
      <header class="panel-head">
        <h2 id="${name}-title">${title}</h2>
        <${Frozen} />
        ${tools}
      </header>
      ${error
        ? html`<${Trouble} problem=${{ title: t("panel_failed"), detail: String(error) }}
            action=${t("reload")} onAct=${() => location.reload()} />`
        : children}
    </section>
  `;
}

/** Says since when the numbers beside it stand still. */
function Frozen() {
  const still = paused.value || phase.value.name === "lost" || phase.value.name === "asleep";
  if (!still || !asOf.value) return null;
  return html`<span class="chip warn">${t("not_live", { time: clock(asOf.value) })}</span>`;
}

/**
 * A problem in the server's own words, with a way on: to dial again, if there is no better.
 * @param {{problem: Problem, action?: string, onAct?: () => void}} props
 */
export function Trouble({ problem, action = t("retry_now"), onAct = () => feed.dial() }) {
  return html`
    <div class="state" role="alert">
      <strong>${problem.title}</strong>
      ${problem.detail && html`<p>${problem.detail}</p>`}
      ${problem.trace_id && html`<p class="muted">${problem.trace_id}</p>`}
      <button onClick=${onAct}>${action}</button>
    </div>
  `;
}

/** Rows that stand for what has not come yet. @param {{text: string}} props */
export function Skeleton({ text }) {
  return html`
    <div class="state" aria-busy="true">
      ${[1, 2, 3, 4, 5].map((row) => html`<div key=${row} class="bone"></div>`)}
      <p>${text}</p>
    </div>
  `;
}

/**
 * A text that flashes when it changes.
 * @param {{text: string, class?: string, title?: string, testid?: string}} props
 */
export function Moving({ text, class: look = "", title, testid }) {
  const known = useRef({ text, changes: 0 });
  if (known.current.text !== text) known.current = { text, changes: known.current.changes + 1 };
  const { changes } = known.current;
  const flash = changes === 0 ? "" : changes % 2 ? "flash-odd" : "flash-even";
  return html`<span class="num ${look} ${flash}" title=${title} data-testid=${testid}>${text}</span>`;
}

/**
 * A labelled choice.
 * @param {{label: string, value: string, options: [string, string][], onPick: (value: string) => void,
 *   hidden?: boolean}} props `hidden`: the label is for screen readers alone.
 */
export function Choice({ label, value, options, onPick, hidden = true }) {
  return html`
    <label class="choice">
      <span class=${hidden ? "unseen" : "muted"}>${label}</span>
      <select value=${value} onChange=${(/** @type {any} */ e) => onPick(e.currentTarget.value)}>
        ${options.map(([each, text]) => html`<option key=${each} value=${each}>${text}</option>`)}
      </select>
    </label>
  `;
}
