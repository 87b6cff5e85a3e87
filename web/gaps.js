// @ts-check
/** Gaps on record: asked for by REST, asked again when the feed tells of a new one. */
import { useEffect, useState } from "preact/hooks";
import { recentGaps } from "./store.js";
import { named, span, t } from "./words.js";

const PATIENCE_MS = 10_000;

/** @type {GapRecord} */
const NOTHING = { gaps: null, totals: [], problem: null };

/**
 * Return what is on record about a question to `/v1/gaps`; null asks nothing.
 * @param {string | null} question @param {(gap: Gap) => boolean} concerns
 */
export function useGaps(question, concerns) {
  const [record, setRecord] = useState(NOTHING);
  const news = recentGaps.value.filter(concerns).length;
  useEffect(() => {
    let left = false;
    if (question !== null) read(question).then((found) => left || setRecord(found));
    return () => {
      left = true;
    };
  }, [question, news]);
  return record;
}

/** What is missing, from when to when and why, in words. @param {Gap} gap */
export function gapText(gap) {
  const [from, to] = [gap.start, gap.end].map((time) => time.slice(11, 19));
  const missing = gap.missing === null ? t("missing_unknown") : t("missing", { n: gap.missing });
  return `${named("channel", gap.channel)} ${from}–${to} UTC: ${missing} · ${gap.reason}`;
}

/** How long a gap is. @param {Gap} gap */
export const gapLength = ({ start, end }) => span(Date.parse(end) - Date.parse(start));

/** @param {string} question @returns {Promise<GapRecord>} */
async function read(question) {
  try {
    const answer = await fetch(`/v1/gaps?${question}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const told = await answer.json();
    if (!answer.ok) return { ...NOTHING, gaps: [], problem: told };
    return { gaps: told.data, totals: told.totals, problem: null };
  } catch (error) {
    return { ...NOTHING, gaps: [], problem: { title: String(error) } };
  }
}
