/** What the modules talk about. Read by the type checker alone; the browser never loads it. */

type Mode = "simulated" | "live" | "replay";

/** RFC 9457, as the API tells it. */
interface Problem {
  title: string;
  detail?: string;
  status?: number;
  trace_id?: string;
}

/** A frame of the server; which fields it has, its `type` says. */
interface Message {
  type: string;
  id: number;
  sub: string;
  stream: string;
  seq: number | string;
  data?: any[];
  gone?: string[];
  streams?: Record<string, number | string>;
  mode: Mode;
  time: string;
  time_in: string;
  time_out: string;
  problem: Problem;
  retry_after_s?: number;
  /** Routes that are hidden as suspicious. */
  suspicious?: number;
}

/** What a stream is asked to carry. */
interface StreamRequest {
  channel: string;
  symbol?: string[];
  venue?: string[];
  asset?: string[];
  interval?: string;
  limit?: number;
  max_hz?: number;
  delivery?: "latest" | "all";
  sort?: string;
  detail?: boolean;
  filter?: Record<string, string | number | boolean>;
}

/** Who hears a stream. */
interface Listener {
  /** Replaces all that was told; `hidden` counts what there is beside. */
  snapshot(items: any[], hidden?: number): void;
  /** Adds, changes and removes. */
  update(items: any[], gone: string[], hidden?: number): void;
  /** The server will not serve this request. */
  refused(problem: Problem): void;
}

interface Phase {
  name: "connecting" | "live" | "lost" | "asleep";
  why?: "closed" | "silent" | "restart" | "garbled";
  /** When it is dialled again, by `performance.now()`. */
  retryAt?: number;
}

/** Who hears how the feed itself does. */
interface Watcher {
  phase(phase: Phase): void;
  mode(mode: Mode): void;
  /** Something was missed and is being fetched again. */
  gap(): void;
  /** The server's clock less ours. */
  clock(offsetMs: number): void;
}

/** A request made; all but `request` and `listener` is void while it is not served. */
interface Subscription {
  request: StreamRequest;
  listener: Listener;
  id: number;
  sub: string | null;
  stream: string | null;
  seq: number | null;
  /** `seq` at the last heartbeat, if the stream was ahead of it then. */
  lagging: number | null;
}

/** `at`: when we heard of it, by `performance.now()`. */
interface Heard {
  at: number;
}

interface Quote extends Heard {
  venue: string;
  symbol: string;
  base: string;
  quote_currency: string;
  bid: string;
  bid_size: string;
  ask: string;
  ask_size: string;
  ts: string;
  recv_ts: string;
  age_ms: number;
  stale: boolean;
  stale_reason: string | null;
  /** Of a service that is asked now and then; the page's own. */
  polled?: boolean;
}

/** The first or last trade of a route. */
interface Edge {
  venue: string;
  symbol: string;
  price: string;
  fee_bps: number;
}

/** One step of a route. */
interface Leg {
  kind: "buy" | "sell" | "move" | "convert";
  venue: string;
  to_venue: string;
  source: string;
  target: string;
  /** Null: it is no trade. */
  symbol: string | null;
  price: string | null;
  average_price: string | null;
  worst_price: string | null;
  levels: number;
  amount_in: string;
  amount_out: string;
  fee: string | null;
  fee_currency: string;
  minutes: number | null;
  age_ms: number | null;
}

/** A part of the return; null: not known. */
interface ReceiptLine {
  what: string;
  venue: string;
  bps: number | null;
}

/** `legs`, `curve` and `receipt` come where they were asked for, `at_notional` with a notional. */
interface Route extends Heard {
  id: string;
  asset: string;
  kind: "direct" | "fx" | "triangular" | "cycle";
  mode: "inventory" | "transfer" | "comparison";
  buy: Edge;
  sell: Edge;
  rate: { value: string; source: string; age_ms: number };
  gross_bps: number;
  net_bps: number;
  size: string;
  amount_in: string;
  profit: string;
  currency: string;
  profit_usd: number | null;
  return_bps: number;
  limited_by: string;
  fees_usd: number | null;
  transfer_minutes: number | null;
  transfer_risk_bps: number | null;
  age_ms: number;
  skew_ms: number;
  open_s: number;
  peak_net_bps: number;
  peak_profit_usd: number | null;
  times_seen: number;
  takeable: boolean;
  why_not: string[];
  at_notional?: { amount_in: string; profit: string; profit_usd: number; return_bps: number };
  legs?: Leg[];
  curve?: [string, string][];
  receipt?: ReceiptLine[];
}

interface Premium extends Heard {
  asset: string;
  venue: string;
  symbol: string;
  reference_venue: string;
  reference_symbol: string;
  basis: "bank" | "stable" | "same";
  premium_bps: number;
  rate: string;
  rate_source: string;
  rate_age_ms: number;
  age_ms: number;
  stale: boolean;
}

/** What a strategy says of a market: it wants more of it (buy), less (sell), or takes back what it said (hold). */
interface Advice extends Heard {
  venue: string;
  symbol: string;
  strategy: string;
  parameters: string;
  interval: string;
  /** Start of the candle that it was decided on. */
  start: string;
  ts: string;
  side: "buy" | "sell" | "hold";
  target: number;
  price: string;
  reason: string;
  values: Record<string, number>;
  corrected: boolean;
}

/** A signal on the chart; `time` in seconds. */
interface Mark {
  time: number;
  side: "buy" | "sell";
  text: string;
}

/** Whose signals are marked on which chart. */
interface MarksWanted {
  drawing: import("./drawing.js").Drawing;
  market: string;
  from: number | null;
  seconds: number;
}

/** An instrument that is not live while its venue is. */
interface Trouble {
  symbol: string;
  state: string;
  reason: string;
  since: string;
}

/** `not_live` counts instruments, more of them perhaps than `troubled` names. */
interface Venue {
  venue: string;
  state: string;
  reason: string;
  polled: boolean;
  lasts_s: number;
  events_per_s: number;
  refused: number;
  resyncs: number;
  backfilled: number;
  gaps: number;
  latency_ms: number | null;
  clock_offset_ms: number | null;
  clock_error_ms: number | null;
  age_ms: number;
  not_live: number;
  troubled: Trouble[];
}

/** `missing`: how many events; null where nobody knows. */
interface Gap {
  venue: string;
  symbol: string;
  channel: string;
  start: string;
  end: string;
  reason: string;
  missing: number | null;
}

interface GapTotal {
  venue: string;
  gaps: number;
  seconds: number;
  missing: number;
}

/** `gaps` is null until they are known. */
interface GapRecord {
  gaps: Gap[] | null;
  totals: GapTotal[];
  problem: Problem | null;
}

interface Status extends Heard {
  subject: string;
  venue?: Venue;
  actor?: { actor: string; state: string; reason: string };
  gap?: Gap;
}

/** Why a route's prices cannot be trusted now. */
type Staleness = { venue: Venue } | { ageMs: number };

type Side = "buy" | "sell";

/** One price on the board, in its currency; null without a rate. `bps`: how much off the best. */
interface Cell {
  quote: Quote;
  price: number | null;
  bps: number | null;
  tint: number;
}

interface BoardRow {
  asset: string;
  best: { price: number; venue: string } | null;
  cells: Map<string, Cell>;
}

interface Candle {
  start: string;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  trades: number | null;
  complete?: boolean;
}

/** `time`: start in seconds since the epoch, UTC. */
interface Bar {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
  /** No trade of it is known to be missing. */
  complete: boolean;
}

/** A stretch of time that something is missing in, seconds since the epoch, and what in words. */
interface Shade {
  from: number;
  to: number;
  text: string;
}

/** What of a market is followed: `seconds` is the length of the bars made of its minutes. */
interface CandlesWanted {
  venue: string;
  symbol: string;
  interval: string;
  seconds: number;
  /** Gets all bars, rising in time. */
  onChange(bars: Bar[]): void;
  onProblem(problem: Problem): void;
}

/** Rows of a channel by key: `rows` as shown, null until the first snapshot. */
interface LiveTable<T> {
  rows: Signal<Map<string, T> | null>;
  problem: Signal<Problem | null>;
  /** How many there are that are not told unless asked for. */
  hidden: Signal<number>;
  listener: Listener;
  /** Let what has gathered be seen. */
  show(): void;
}

type Signal<T> = import("@preact/signals").Signal<T>;
type Key = keyof typeof import("./en.js").default;
