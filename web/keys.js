// @ts-check
/** Keys without a modifier, and the list of them. No key does what no button does. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isPhone, settings } from "./settings.js";
import { html } from "./ui.js";
import { t } from "./words.js";

/** Whether the list of keys is shown. */
export const help = signal(false);

const LIST = /** @type {[string, Key][]} */ ([
  ["1", "key_routes"],
  ["2", "key_board"],
  ["3", "key_chart"],
  ["/", "key_filter"],
  ["j k ↑ ↓", "key_rows"],
  ["Enter", "key_detail"],
  ["Esc", "key_escape"],
  ["p", "key_pause"],
  ["t", "key_theme"],
]);

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

export function Help() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    if (help.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [help.value]);
  return html`
    <dialog ref=${dialog} aria-labelledby="help-title" onClose=${() => (help.value = false)}>
      <h2 id="help-title">${t("help")}</h2>
      <dl>${LIST.map(([key, text]) => html`<dt key=${key}><kbd>${key}</kbd></dt><dd>${t(text)}</dd>`)}</dl>
      <p>${t("note_net")}</p>
      <p>${t("note_stale")}</p>
      <button onClick=${() => (help.value = false)}>${t("close")}</button>
    </dialog>
  `;
}
