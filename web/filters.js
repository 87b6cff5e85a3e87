// @ts-check
/** What routes are asked for: the fields that choose them, and the stream that follows. */
import { useEffect, useState } from "preact/hooks";
import { FILTERS, resort, showSuspicious, sorting } from "./ranking.js";
import { set, settings } from "./settings.js";
import { feed, paused, routes } from "./store.js";
import { Choice, html } from "./ui.js";
import { named, t } from "./words.js";

const WIDE = 500;
const TYPING_MS = 400;

/** A filter looks at more routes than the table shows; what is typed is asked for once that rests. */
export function useSubscription() {
  const { q, min, kind, mode, takeable, notional } = settings;
  const [dollars, rest] = useState(notional.value);
  useEffect(() => {
    const timer = setTimeout(() => rest(notional.value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [notional.value]);
  const filter = /** @type {Record<string, string | number | boolean>} */ ({});
  if (kind.value) filter.kind = kind.value;
  if (mode.value) filter.mode = mode.value;
  if (takeable.value) filter.takeable = true;
  if (showSuspicious.value) filter.suspicious = true;
  if (Number(dollars) > 0) filter.notional = Number(dollars);
  const limit = q.value !== "" || min.value !== "" ? WIDE : 60;
  const sort = sorting().asked;
  useEffect(
    () => feed.subscribe({ channel: "routes", filter, limit, sort, max_hz: 4 }, listener()),
    [JSON.stringify(filter), limit, sort],
  );
}

/** What was just asked for is shown in its order, even under the pointer. @returns {Listener} */
function listener() {
  let answered = false;
  return {
    ...routes.listener,
    snapshot(items, hidden) {
      routes.listener.snapshot(items, hidden);
      if (!answered) resort();
      answered = true;
    },
  };
}

export function Search() {
  return html`
    <input id="filter" type="search" class="filter" placeholder="/ ${t("filter")}"
      aria-label=${t("filter")} value=${settings.q.value} onInput=${typed("q")} />
    <button data-testid="pause" aria-pressed=${paused.value} title="p"
      onClick=${() => (paused.value = !paused.value)}>
      ${paused.value ? t("resume") : t("pause")}
    </button>
  `;
}

export function Filters() {
  const kinds = ["direct", "triangular", "cycle", "fx"].map((kind) => [kind, named("kind", kind)]);
  const modes = ["inventory", "transfer", "comparison"].map((mode) => [mode, named("way", mode)]);
  return html`
    <div class="filters">
      <${Choice} label=${t("kind")} value=${settings.kind.value}
        options=${[["", t("all_kinds")], ...kinds]} onPick=${set("kind")} />
      <${Choice} label=${t("mode")} value=${settings.mode.value}
        options=${[["", t("all_modes")], ...modes]} onPick=${set("mode")} />
      <label class="choice" title=${t("notional_hint")}><span class="muted">${t("notional")}</span>
        <input type="number" step="any" min="0" class="usd" data-testid="notional" placeholder=${t("best_size")}
          value=${settings.notional.value} onInput=${typed("notional")} />
      </label>
      <label class="choice"><span class="muted">${t("min_bps")}</span>
        <input type="number" step="any" class="bps" data-testid="min-bps" value=${settings.min.value}
          onInput=${typed("min")} />
      </label>
      <label class="choice">
        <input type="checkbox" checked=${settings.takeable.value !== ""}
          onChange=${ticked} />
        ${t("takeable_only")}
      </label>
    </div>
  `;
}

/** @param {"q" | "min" | "notional"} name @returns {(event: any) => void} */
const typed = (name) => (event) => set(name)(event.currentTarget.value);

/** @param {any} event */
const ticked = (event) => set("takeable")(event.currentTarget.checked ? "1" : "");

/** Leave no route out. */
export function clearFilters() {
  for (const name of FILTERS) settings[name].value = "";
}
