// @ts-check
/** Keys without a modifier. No key does what no button does. */
import { signal } from "@preact/signals";
import { isPhone, settings } from "./settings.js";

/** Whether the list of keys is shown. */
export const help = signal(false);

/** Show a section, and put the focus on it. @param {string} id */
export function goTo(id) {
  settings.tab.value = id;
  if (isPhone()) settings.route.value = "";
  const section = document.getElementById(id);
  section?.scrollIntoView({ block: "nearest" });
  section?.focus({ preventScroll: true });
}

/** @param {Record<string, () => void>} actions By the key's name. */
export function listenForKeys(actions) {
  const all = {
    ...actions,
    1: () => goTo("routes"),
    2: () => goTo("board"),
    3: () => goTo("chart"),
    "?": () => (help.value = !help.value),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest("dialog[open]")) return; // one just closed keeps the focus until it is drawn
    if (target.closest("input, select, textarea") && event.key !== "Escape") return;
    const act = /** @type {Record<string, () => void>} */ (all)[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
