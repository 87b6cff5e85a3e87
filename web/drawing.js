// @ts-check
/** Bars in, a drawn chart out: hollow candles went up, filled ones down. Loaded when first needed. */
import { CandlestickSeries, HistogramSeries, createChart } from "lightweight-charts";

const NEAR_THE_LEFT = 20;
const FILLED_AT_MOST = 500;
const BAR_PX = 6;
const LEAST_SHADE_PX = 3;

export class Drawing {
  /** @type {Bar[]} */ #bars = [];
  /** @type {Shade[]} */ #shades = [];
  #seconds = 0;
  #length = 0;
  #fitted = false;

  /** @param {HTMLElement} place @param {() => void} older Called when the oldest bars come into sight. */
  constructor(place, older) {
    this.place = place;
    this.chart = createChart(place, {
      autoSize: true,
      layout: { attributionLogo: false },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 3 },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { upColor: "rgba(0, 0, 0, 0)" });
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.2 } });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < NEAR_THE_LEFT) older();
      this.#placeShades();
    });
    this.chart.timeScale().subscribeSizeChange(() => {
      if (!this.#fitted) this.#fit();
      this.#placeShades();
    });
    this.veil = place.appendChild(document.createElement("div"));
    this.veil.className = "veil";
  }

  /** Take the colours of the page's theme. @param {string} locale */
  dress(locale) {
    const { style } = this.place;
    /** A colour of the page, resolved for its theme. @param {string} name */
    const colour = (name) => {
      style.color = `var(${name})`;
      return getComputedStyle(this.place).color;
    };
    const line = { color: colour("--line") };
    this.chart.applyOptions({
      localization: { locale },
      layout: { background: { color: colour("--panel") }, textColor: colour("--muted"), fontSize: 11 },
      grid: { vertLines: line, horzLines: line },
      timeScale: { borderColor: line.color },
      rightPriceScale: { borderColor: line.color },
    });
    const [up, down] = [colour("--up"), colour("--down")];
    this.candles.applyOptions({
      downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down,
    });
    this.volumes.applyOptions({ color: colour("--volume") });
  }

  /** @param {Bar[]} bars Rising in time. @param {number} seconds Length of each. */
  show(bars, seconds) {
    const kept = this.#bars.length - 1;
    if (this.#continues(bars, seconds)) bars.slice(kept).forEach((bar) => this.#put(bar));
    else this.#replace(bars, seconds);
    this.#bars = bars;
    this.#seconds = seconds;
  }

  /** Shade the stretches; each says at its top what is missing. @param {Shade[]} shades */
  shade(shades) {
    this.#shades = shades;
    this.veil.replaceChildren(...shades.map(({ text }) => {
      const shade = document.createElement("div");
      shade.className = "shade";
      shade.dataset.testid = "gap-shade";
      const flag = shade.appendChild(document.createElement("span"));
      flag.title = text;
      flag.tabIndex = 0;
      flag.setAttribute("role", "note");
      flag.setAttribute("aria-label", text);
      return shade;
    }));
    this.#placeShades();
  }

  remove() {
    this.chart.remove();
    this.veil.remove();
  }

  #placeShades() {
    const scale = this.chart.timeScale();
    this.veil.style.width = `${scale.width()}px`;
    this.veil.style.bottom = `${scale.height()}px`;
    [...this.veil.children].forEach((element, i) => {
      const { from, to } = this.#shades[i];
      const [left, right] = [this.#xOf(from, 0), this.#xOf(to, 1)];
      const { style } = /** @type {HTMLElement} */ (element);
      element.toggleAttribute("hidden", left === null || right === null);
      style.left = `${left ?? 0}px`;
      style.width = `${Math.max((right ?? 0) - (left ?? 0), LEAST_SHADE_PX)}px`;
    });
  }

  /**
   * Where the bar that holds a time begins, or ends; null: nowhere.
   * @param {number} time @param {0 | 1} end
   */
  #xOf(time, end) {
    const scale = this.chart.timeScale();
    const bar = /** @type {any} */ (time - (time % this.#seconds));
    const place = this.#seconds ? scale.timeToIndex(bar, true) : null;
    if (place === null) return null;
    const x = scale.logicalToCoordinate(/** @type {any} */ (place));
    return x === null ? null : x + (end - 0.5) * scale.options().barSpacing;
  }

  /** Whether only the last bar changed or one followed it. @param {Bar[]} bars @param {number} seconds */
  #continues(bars, seconds) {
    const known = this.#bars;
    const more = bars.length - known.length;
    if (known.length === 0 || seconds !== this.#seconds || more < 0 || more > 1) return false;
    const times = bars.slice(-2).map((bar) => bar.time);
    if (more === 1 && times[1] - times[0] !== seconds) return false;
    return known.every(({ time, trades }, i) =>
      time === bars[i].time && (trades === bars[i].trades || i === known.length - 1));
  }

  /** @param {Bar} bar */
  #put(bar) {
    const time = /** @type {import("lightweight-charts").UTCTimestamp} */ (bar.time);
    this.candles.update({ ...bar, time });
    this.volumes.update({ time, value: bar.volume });
  }

  /** @param {Bar[]} bars @param {number} seconds */
  #replace(bars, seconds) {
    const fresh = this.#bars.length === 0 || seconds !== this.#seconds;
    const older = fresh || this.#bars[0].time <= bars[0].time ? null : this.chart.timeScale().getVisibleRange();
    const precision = decimals(bars);
    this.candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    this.candles.setData(/** @type {any} */ (withHoles(bars, seconds)));
    this.volumes.setData(/** @type {any} */ (bars.map(({ time, volume }) => ({ time, value: volume }))));
    if (older) this.chart.timeScale().setVisibleRange(older);
    this.#length = withHoles(bars, seconds).length;
    if (fresh) this.#fit();
  }

  /** Show the last bars, as many as there is room for; what is hidden has none. */
  #fit() {
    const width = this.chart.timeScale().width();
    this.#fitted = width > 0 && this.#length > 0;
    if (!this.#fitted) return;
    const to = this.#length + 3;
    const room = Math.round(width / BAR_PX);
    this.chart.timeScale().setVisibleLogicalRange({ from: to - Math.max(room, 20), to });
  }
}

/**
 * Keep the place of intervals without trades empty, so that time is not squeezed together.
 * @param {Bar[]} bars @param {number} seconds @returns {(Bar | {time: number})[]}
 */
export function withHoles(bars, seconds) {
  return bars.flatMap((bar, place) => {
    const missing = place === 0 ? 0 : (bar.time - bars[place - 1].time) / seconds - 1;
    const count = missing > FILLED_AT_MOST ? 0 : missing;
    const holes = Array.from({ length: count }, (_, i) => ({ time: bar.time - (count - i) * seconds }));
    return [...holes, bar];
  });
}

/** Decimals that the last prices have. @param {Bar[]} bars */
const decimals = (bars) =>
  Math.max(...bars.slice(-100).map(({ close }) => close.toFixed(8).replace(/0+$/, "").split(".")[1].length));
