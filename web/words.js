// @ts-check
/** Texts by key, numbers and times in the language chosen: real minus, sign always, UTC. */
import { effect, signal } from "@preact/signals";
import { language } from "./settings.js";

/** The dictionary in use; the other language is not loaded until it is wanted. */
const texts = signal((await dictionary(language.peek())).default);

effect(() => {
  const wanted = language.value;
  dictionary(wanted).then(({ default: loaded }) => {
    if (wanted === language.peek()) texts.value = loaded;
  });
});

/**
 * Return a text with its `{places}` filled in; a component that calls this follows the language.
 * @param {Key} key @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return texts.value[key].replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}

/** What a word of the API is called, or that word. @param {string} kind @param {string} word */
export const named = (kind, word) =>
  /** @type {Record<string, string>} */ (texts.value)[`${kind}_${word}`] ?? word;

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {number} value @param {number} digits Decimals, exactly. */
export function number(value, digits) {
  const key = `${language.value} ${digits}`;
  let format = formats.get(key);
  if (!format) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(key, (format = new Intl.NumberFormat(language.value, options)));
  }
  return format.format(value).replace("-", "−");
}

/** A decimal string with its digits grouped, none added or lost. @param {string} text */
export function exact(text) {
  const [whole, fraction] = text.replace("-", "−").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** @param {number} value @param {number} digits */
export function signed(value, digits) {
  const rounded = Number(value.toFixed(digits));
  return rounded > 0 ? `+${number(rounded, digits)}` : number(rounded || 0, digits);
}

/** Which way a number points, as it is shown: ▲ above zero, ▼ below. @param {number} value @param {number} digits */
export function arrow(value, digits) {
  const rounded = Number(value.toFixed(digits));
  return rounded > 0 ? "▲" : rounded < 0 ? "▼" : "■";
}

/** The class of colour that goes with `arrow`. @param {number} value */
export const direction = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

/** Decimals that money of a currency is shown with. @param {string} currency */
export const moneyDigits = (currency) => (currency === "KRW" || currency === "JPY" ? 0 : 2);

/** A converted price: five or more figures, no more decimals than say something. @param {number} value */
export function price(value) {
  const magnitude = Math.floor(Math.log10(Math.max(Math.abs(value), 1e-12)));
  return number(value, Math.min(10, Math.max(0, magnitude >= 4 ? 5 - magnitude : 4 - magnitude)));
}

/** An amount of an asset: four figures. @param {string} text */
export function amount(text) {
  const value = Number(text);
  const magnitude = Math.floor(Math.log10(Math.max(Math.abs(value), 1e-8)));
  return number(value, Math.min(8, Math.max(0, 3 - magnitude)));
}

/** A length of time in its largest sensible unit. @param {number} ms */
export function span(ms) {
  if (ms < 1000) return t("unit_ms", { n: Math.round(ms) });
  if (ms < 60_000) return t("unit_s", { n: Math.floor(ms / 1000) });
  if (ms < 3_600_000) return t("unit_min", { n: Math.floor(ms / 60_000) });
  return t("unit_h", { n: Math.floor(ms / 3_600_000) });
}

/** Time of day, UTC. @param {number} epochMs */
export const clock = (epochMs) => new Date(epochMs).toISOString().slice(11, 19);

/** Day and time of day, UTC. @param {number} epochMs */
export const moment = (epochMs) => new Date(epochMs).toISOString().slice(0, 16).replace("T", " ");

/** @param {string} code */
function dictionary(code) {
  return code === "ko" ? import("./ko.js") : import("./en.js");
}
