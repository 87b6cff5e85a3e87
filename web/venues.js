// @ts-check
/** The strip of venues: how each does, which of its instruments do not. */
import { computed, signal } from "@preact/signals";
import { now, status, venues } from "./store.js";
import { html } from "./ui.js";
import { named, number, span, t } from "./words.js";

const AT_WORK = ["starting", "running", "waiting", "stopped"];
const NAMED = 2;

/** A state that is older shows its age. */
const UNHEARD_MS = 5000;

/** Whose records are shown: a venue, "" for all, null for none. */
export const opened = signal(/** @type {string | null} */ (null));

/** Parts of the system that do not work as they should. */
const troubledActors = computed(() =>
  [...(status.rows.value?.values() ?? [])].flatMap(({ actor }) =>
    actor && !AT_WORK.includes(actor.state) ? [actor] : [],
  ),
);

export function VenueStrip() {
  return html`
    <ul class="strip" aria-label=${t("venues")}>
      ${[...venues.value.values()].sort(unwellFirst).map((venue) => html`<${Chip} key=${venue.venue} venue=${venue} />`)}
      ${troubledActors.value.map(
        ({ actor, state, reason }) => html`
          <li key=${actor} class="venue trouble" title=${reason}>
            <b>▲ ${actor}: ${state}</b><small>${reason}</small>
          </li>`,
      )}
    </ul>
  `;
}

/** @param {Venue} one @param {Venue} other */
const unwellFirst = (one, other) => Number(isWell(one)) - Number(isWell(other));

/** @param {Venue} venue */
const isWell = ({ state, not_live: notLive }) => state === "live" && notLive === 0;

/** @param {{venue: Venue}} props */
function Chip({ venue }) {
  const live = venue.state === "live";
  return html`
    <li class="venue ${live ? "" : "trouble"}" data-testid="venue-${venue.venue}"
      data-state=${venue.state}>
      <button class="bare" title=${tooltip(venue)} onClick=${() => (opened.value = venue.venue)}>
        <b><span aria-hidden="true">${live ? "●" : "◌"}</span> ${venue.venue}</b>
        ${live ? html`<${Pace} venue=${venue} />` : html`<${Plight} venue=${venue} />`}
        <${Troubled} venue=${venue} />
      </button>
    </li>
  `;
}

/** @param {{venue: Venue}} props */
function Pace({ venue }) {
  const rate = number(venue.events_per_s, venue.events_per_s < 10 ? 1 : 0);
  return html`
    <small class="num">
      ${venue.latency_ms === null ? "–" : `${number(venue.latency_ms, 0)} ms`}
      ${" · "}${t("events_per_s", { n: rate })}
    </small>
  `;
}

/** @param {{venue: Venue & {at?: number}}} props */
function Plight({ venue }) {
  const since = Math.max(0, now.value - (status.rows.value?.get(`venue:${venue.venue}`)?.at ?? 0));
  const age = venue.age_ms + since;
  return html`
    <small>
      <strong>${named("state", venue.state)}</strong>
      ${age > UNHEARD_MS && html` <span class="num">${span(age)}</span>`}
      ${venue.reason && html` · <span class="reason">${venue.reason}</span>`}
    </small>
  `;
}

/** The first instruments that are not live, and how many more. @param {{venue: Venue}} props */
function Troubled({ venue }) {
  const shown = venue.troubled.slice(0, NAMED);
  const more = venue.not_live - shown.length;
  return html`
    ${shown.map((market) => html`
      <small key=${market.symbol} class="warn-text" data-testid="troubled">▲ ${plight(market)}</small>`)}
    ${shown.length > 0 && more > 0 && html`<small class="warn-text">${t("and_more", { n: more })}</small>`}
  `;
}

/** @param {Venue} venue */
function tooltip({ venue, reason, troubled }) {
  return [venue, reason, ...troubled.map(plight), t("records_hint")].filter(Boolean).join("\n");
}

/** @param {Trouble} trouble */
const plight = ({ symbol, state, reason }) =>
  `${symbol} ${named("state", state)}${reason && `: ${reason}`}`;
