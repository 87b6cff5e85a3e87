// @ts-check
/** What the user chose: kept in this browser and, where it makes a view, in the address as well. */
import { computed, effect, signal } from "@preact/signals";

const PLACE = "cryptotracker";

/** Names in the address; the rest is personal and stays in the browser. */
const SHARED = {
  q: "",
  min: "",
  takeable: "",
  kind: "",
  mode: "",
  notional: "",
  sort: "best",
  route: "",
  market: "",
  interval: "1m",
  currency: "",
  side: "buy",
  board: "prices",
  dearer: "upbit",
  strategy: "",
};
const PERSONAL = { language: "", theme: "", palette: "", tab: "routes" };

/** @typedef {keyof typeof SHARED | keyof typeof PERSONAL} Name */

/** Every setting by name, always text; "" means not chosen. */
export const settings = restored();

/** What sets one. @param {Name} name @returns {(value: string) => void} */
export const set = (name) => (value) => (settings[name].value = value);

/** Let the detail follow the best route again. */
export const forget = () => (settings.route.value = "");

/** Whether one section is shown at a time, and the detail as a sheet over it; as in style.css. */
export const isPhone = () => matchMedia("(max-width: 760px)").matches;

/** The language shown: the one chosen, else the browser's where we speak it. */
export const language = computed(
  () => settings.language.value || (navigator.language.startsWith("ko") ? "ko" : "en"),
);

const dark = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = signal(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => (systemTheme.value = dark.matches ? "dark" : "light"));

/** The theme shown: "dark" or "light". */
export const theme = computed(() => settings.theme.value || systemTheme.value);

/** Colours of up and down: where nothing is chosen, Koreans see red for up. */
export const palette = computed(
  () => settings.palette.value || (language.value === "ko" ? "korean" : "safe"),
);

/** Write each change to the document, the browser and the address. */
export function keepSettings() {
  effect(() => {
    const root = document.documentElement;
    root.lang = language.value;
    root.dataset.theme = theme.value;
    root.dataset.palette = palette.value;
    root.dataset.tab = settings.tab.value;
  });
  effect(() => {
    const all = Object.fromEntries(Object.entries(settings).map(([name, is]) => [name, is.value]));
    remember(all);
    const query = new URLSearchParams();
    for (const [name, usual] of Object.entries(SHARED)) {
      if (all[name] !== usual) query.set(name, all[name]);
    }
    history.replaceState(null, "", `${location.pathname}?${query}`.replace(/\?$/, ""));
  });
}

/** @returns {Record<Name, Signal<string>>} */
function restored() {
  const usual = { ...SHARED, ...PERSONAL };
  const known = recalled();
  const asked = new URLSearchParams(location.search);
  /** @type {any} */ const all = {};
  for (const [name, value] of Object.entries(usual)) {
    const shared = name in SHARED && asked.size > 0;
    all[name] = signal(asked.get(name) ?? (shared ? value : (known[name] ?? value)));
  }
  return all;
}

/** @returns {Record<string, string>} */
function recalled() {
  try {
    return JSON.parse(localStorage.getItem(PLACE) ?? "{}");
  } catch (error) {
    console.info("no settings kept", error);
    return {};
  }
}

/** @param {Record<string, string>} all */
function remember(all) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(all));
  } catch (error) {
    console.info("settings not kept", error);
  }
}
