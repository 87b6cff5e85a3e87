// @ts-check
/** The top of the page: mode, connection and the banner when it is lost, settings. */
import { signal, useSignalEffect } from "@preact/signals";
import { useState } from "preact/hooks";
import { goTo, help } from "./keys.js";
import { language, palette, set, settings, theme } from "./settings.js";
import { asOf, clockOffsetMs, feed, gaps, mode, paused, phase, wall } from "./store.js";
import { Choice, announce, html } from "./ui.js";
import { opened } from "./venues.js";
import { clock, named, t } from "./words.js";

const SECTIONS = /** @type {const} */ (["routes", "board", "chart"]);
const WRONG_CLOCK_MS = 2000;

const menuOpen = signal(false);

export function Header() {
  return html`
    <header class="top">
      <span class="brand">CryptoTracker</span>
      <${Mode} />
      <${Sections} />
      <${Connection} />
      <button class="menu-button" aria-expanded=${menuOpen.value}
        aria-controls="settings" aria-label=${t("menu")}
        onClick=${() => (menuOpen.value = !menuOpen.value)}>⚙</button>
      <${Settings} />
    </header>
  `;
}

/** Whether the prices are real; cannot be hidden. */
function Mode() {
  const word = mode.value ?? "unknown";
  return html`<strong class="badge ${word}" data-testid="mode-badge">${named("mode", word)}</strong>`;
}

function Sections() {
  return html`
    <nav class="tabs" aria-label="CryptoTracker">
      ${SECTIONS.map(
        (id, i) => html`
          <a key=${id} href="#${id}" aria-current=${settings.tab.value === id ? "true" : undefined}
            onClick=${(/** @type {Event} */ e) => (e.preventDefault(), goTo(id))}>
            ${t(id)}<kbd>${i + 1}</kbd>
          </a>`,
      )}
    </nav>
  `;
}

function Connection() {
  const { name } = phase.value;
  const { feed: own, venues: theirs } = gaps.value;
  const count = own + theirs;
  const offset = Math.abs(clockOffsetMs.value);
  return html`
    <div class="connection">
      <span class="conn ${name}" data-testid="conn-state">
        <span aria-hidden="true">${name === "live" ? "●" : "◌"}</span> ${named("phase", name)}
        ${paused.value && html`<span class="chip warn">${t("paused")}</span>`}
      </span>
      <time class="num muted clock">${clock(wall.value)}Z</time>
      <button class="chip ${count ? "warn" : ""}" data-testid="gap-count"
        title=${t("gaps_detail", { feed: own, venues: theirs })}
        onClick=${() => (opened.value = "")}>${t("gaps", { n: count })}</button>
      ${offset > WRONG_CLOCK_MS &&
      html`<span class="chip warn" data-testid="wrong-clock">
        ${t("clock_off", { seconds: (offset / 1000).toFixed(1) })}
      </span>`}
    </div>
  `;
}

function Settings() {
  return html`
    <div id="settings" class="settings ${menuOpen.value ? "open" : ""}">
      <${Choice} label=${t("language")} value=${language.value}
        options=${[["en", "English"], ["ko", "한국어"]]}
        onPick=${set("language")} />
      <${Choice} label=${t("palette")} value=${palette.value}
        options=${[["safe", t("palette_safe")], ["western", t("palette_western")], ["korean", t("palette_korean")]]}
        onPick=${set("palette")} />
      <button title="${t("theme")} (t)" aria-label=${t("theme")} onClick=${switchTheme}>
        <span aria-hidden="true">${theme.value === "dark" ? "☀" : "☾"}</span>
      </button>
      <button title="${t("help")} (?)" aria-label=${t("help")}
        onClick=${() => (help.value = true)}>?</button>
    </div>
  `;
}

export function switchTheme() {
  settings.theme.value = theme.value === "dark" ? "light" : "dark";
}

/** What is wrong with the connection, until when, and the way to hurry it. */
export function Banner() {
  const [everLive, setEverLive] = useState(false);
  useSignalEffect(() => {
    if (phase.value.name === "live") setEverLive(true);
    if (phase.value.name !== "connecting") announce(named("phase", phase.value.name));
  });
  const { name, why = "closed", retryAt = 0 } = phase.value;
  if (name === "live" || name === "asleep" || (name === "connecting" && !everLive)) return null;
  return html`
    <div class="banner" role="alert" data-testid="banner">
      <strong>${name === "lost" ? named("lost", why) : t("reconnecting")}</strong>
      ${asOf.value ? html`<span>${t("frozen", { time: clock(asOf.value) })}</span>` : null}
      ${name === "lost" && html`<${Countdown} to=${retryAt} />`}
      <button onClick=${() => feed.dial()}>${t("retry_now")}</button>
    </div>
  `;
}

/** @param {{to: number}} props */
function Countdown({ to }) {
  const n = wall.value && Math.max(0, Math.ceil((to - performance.now()) / 1000));
  return html`<span class="num" aria-hidden="true">${t("retry_in", { n })}</span>`;
}
