// @ts-check
/** The list of keys, and notes on the figures. Loaded when it is first asked for. */
import { useEffect, useRef } from "preact/hooks";
import { help } from "./keys.js";
import { html } from "./ui.js";
import { t } from "./words.js";

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
