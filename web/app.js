// @ts-check
/** The page: puts its parts together, opens the feed, listens for keys. */
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { Banner, Header, switchTheme } from "./header.js";
import { help, listenForKeys } from "./keys.js";
import { keepOrder } from "./ranking.js";
import { Routes, stepRow } from "./routes.js";
import { forget, keepSettings, settings } from "./settings.js";
import { paused, startFeed } from "./store.js";
import { announcement, html } from "./ui.js";
import { VenueStrip, opened } from "./venues.js";
import { t } from "./words.js";

/** Loaded after the rest; what they stand for until then is their empty panels. */
const chart = signal(/** @type {any} */ ("section"));
const detail = signal(/** @type {any} */ ("section"));
const board = signal(/** @type {any} */ ("section"));

/** Loaded when they are first asked for. */
const records = signal(/** @type {any} */ (null));
const list = signal(/** @type {any} */ (null));

function Page() {
  return html`
    <${Header} />
    <${Banner} />
    <${VenueStrip} />
    <main>
      <${Routes} /><${detail.value} /><${board.value} /><${chart.value} />
    </main>
    <${Footer} />
    ${list.value && html`<${list.value} />`}
    ${records.value && html`<${records.value} />`}
    <div class="unseen" role="status" aria-live="polite">${announcement.value}</div>
  `;
}

function Footer() {
  return html`
    <footer>
      <a href="/docs">${t("api_docs")}</a>
      <a href="https://www.tradingview.com/" rel="noreferrer">${t("charts_by")}</a>
    </footer>
  `;
}

function escape() {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  if (active?.id === "filter" && settings.q.value) settings.q.value = "";
  else if (settings.route.value) forget();
  else active?.blur();
}

keepSettings();
keepOrder();
listenForKeys({
  "/": () => document.getElementById("filter")?.focus(),
  j: () => stepRow(1),
  k: () => stepRow(-1),
  Escape: escape,
  p: () => (paused.value = !paused.value),
  t: switchTheme,
});
startFeed();

const place = /** @type {HTMLElement} */ (document.getElementById("app"));
place.replaceChildren();
render(html`<${Page} />`, place);
import("./detail.js").then(({ Detail }) => (detail.value = Detail));
import("./board.js").then(({ Board }) => (board.value = Board));
import("./chart.js").then(({ Chart }) => (chart.value = Chart));
effect(() => {
  if (opened.value === null || records.peek()) return;
  import("./records.js").then(({ Records }) => (records.value = Records));
});
effect(() => {
  if (!help.value || list.peek()) return;
  import("./help.js").then(({ Help }) => (list.value = Help));
});
