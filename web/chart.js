// @ts-check
/** The candles of one market: which one, which interval, as a chart or as a table. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Candles, INTERVALS } from "./candles.js";
import { gapText, useGaps } from "./gaps.js";
import { language, palette, set, settings, theme } from "./settings.js";
import { quotes } from "./store.js";
import { Choice, Panel, Skeleton, Trouble, html } from "./ui.js";
import { price, t } from "./words.js";

const PREFERRED = "binance:BTC-USDT";
const GAPS_AT_MOST = "500";

const asTable = signal(/** @type {typeof import("./bars.js").Table | null} */ (null));

const turn = () => {
  if (asTable.value) asTable.value = null;
  else import("./bars.js").then(({ Table }) => (asTable.value = Table));
};

/** What is drawn over the bars by whoever has more to say of them. */
export const overlay = signal(/** @type {typeof import("./marks.js").Marks | null} */ (null));

/** Markets that quotes are known of, as `venue:symbol`; `all` is an asset across them. */
function markets() {
  const known = [...(quotes.rows.value?.keys() ?? [])];
  const across = known.map((market) => market.replace(/.*:(.*)-.*/, "all:$1-USD"));
  return [...new Set(known.concat(across))].sort(byAsset);
}

/** @param {string[]} known */
const marketShown = (known) =>
  settings.market.value || (known.includes(PREFERRED) ? PREFERRED : (known[0] ?? ""));

export function Chart() {
  const known = markets();
  const market = marketShown(known);
  const interval = settings.interval.value in INTERVALS ? settings.interval.value : "1m";
  const options = known.includes(market) || !market ? known : [market, ...known];
  const tools = html`
    <span class="gap"></span>
    <${Choice} label=${t("market")} value=${market} options=${options.map((each) => [each, marketName(each)])}
      onPick=${set("market")} />
    <${Choice} label=${t("interval")} value=${interval}
      options=${Object.keys(INTERVALS).map((each) => [each, each])}
      onPick=${set("interval")} />
    <button aria-pressed=${Boolean(asTable.value)} onClick=${turn}>
      ${asTable.value ? t("bars_as_chart") : t("bars_as_table")}
    </button>
  `;
  return html`
    <${Panel} name="chart" title=${t("chart")} tools=${tools}>
      ${market ? html`<${Market} key="${market} ${interval}" market=${market} interval=${interval} />` : html`<${Skeleton} text=${t("waiting_feed")} />`}
    <//>
  `;
}

/** @param {{market: string, interval: string}} props */
function Market({ market, interval }) {
  const [venue, symbol] = market.split(":");
  const [attempt, setAttempt] = useState(0);
  const { bars, problem, older } = useCandles({ venue, symbol, interval, attempt });
  const gaps = useTradeGaps(venue, symbol, bars?.[0]?.time ?? null);
  if (problem && !bars?.length) {
    return html`<${Trouble} problem=${problem} onAct=${() => setAttempt(attempt + 1)} />`;
  }
  if (bars === null) return html`<${Skeleton} text=${t("loading_library")} />`;
  if (bars.length === 0) {
    return html`<div class="state"><p>${t("candles_empty", { symbol, venue })}</p></div>`;
  }
  if (asTable.value) return html`<${asTable.value} bars=${bars} />`;
  const label = t("candles_label", {
    symbol, venue, interval, count: bars.length,
    close: price(bars[bars.length - 1].close),
  });
  return html`
    ${problem && html`<p class="hint warn-text" role="alert">${problem.title}: ${problem.detail}</p>`}
    <${Drawing} market=${market} bars=${bars} gaps=${gaps} seconds=${INTERVALS[interval]} label=${label} older=${older} />
  `;
}

/** @param {{venue: string, symbol: string, interval: string, attempt: number}} wanted */
function useCandles({ venue, symbol, interval, attempt }) {
  const [bars, setBars] = useState(/** @type {Bar[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const candles = useRef(/** @type {Candles | null} */ (null));
  useEffect(() => {
    setProblem(null);
    candles.current = new Candles({
      venue, symbol, interval, seconds: INTERVALS[interval], onChange: setBars, onProblem: setProblem,
    });
    candles.current.start();
    return () => candles.current?.stop();
  }, [venue, symbol, interval, attempt]);
  return { bars, problem, older: () => candles.current?.older() };
}

/** What is missing of the trades of a market. @param {string} venue @param {string} symbol @param {number | null} from */
function useTradeGaps(venue, symbol, from) {
  const start = from === null ? "" : new Date(from * 1000).toISOString();
  const asked = { venue, symbol, channel: "trade", order: "desc", limit: GAPS_AT_MOST, start };
  const question = from === null ? null : String(new URLSearchParams(asked));
  const { gaps } = useGaps(question, (gap) =>
    gap.venue === venue && gap.symbol === symbol && gap.channel === "trade");
  return useMemo(() => (gaps ?? []).map(shadeOf), [gaps, language.value]);
}

/** @param {Gap} gap @returns {Shade} */
const shadeOf = (gap) => ({
  from: Date.parse(gap.start) / 1000,
  to: Date.parse(gap.end) / 1000,
  text: gapText(gap),
});

/** @param {{market: string, bars: Bar[], gaps: Shade[], seconds: number, label: string, older: () => void}} props */
function Drawing({ market, bars, gaps, seconds, label, older }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [drawing, setDrawing] = useState(/** @type {import("./drawing.js").Drawing | null} */ (null));
  const look = `${theme.value} ${palette.value} ${language.value}`;
  useEffect(() => {
    let left = false;
    /** @type {import("./drawing.js").Drawing | undefined} */ let mine;
    import("./drawing.js").then(({ Drawing: Made }) => {
      if (left || !place.current) return;
      mine = new Made(place.current, older);
      setDrawing(mine);
    });
    return () => {
      left = true;
      mine?.remove();
    };
  }, []);
  useEffect(() => drawing?.dress(language.value), [drawing, look]);
  useEffect(() => drawing?.show(bars, seconds), [drawing, bars, seconds]);
  useEffect(() => drawing?.shade(gaps), [drawing, gaps, bars]);
  return html`
    <div class="canvas" ref=${place} role="img" aria-label=${label} data-testid="chart-canvas"
      data-bars=${bars.length} data-drawn=${drawing ? "true" : "false"}></div>
    ${drawing && overlay.value && html`<${overlay.value} drawing=${drawing} market=${market} from=${bars[0].time} seconds=${seconds} />`}
  `;
}

/** @param {string} one @param {string} other */
function byAsset(one, other) {
  const [first, second] = [one, other].map((market) => market.split(":").reverse().join(":"));
  return first.localeCompare(second);
}

/** @param {string} market */
const marketName = (market) => market.split(":").reverse().join(" · ");
