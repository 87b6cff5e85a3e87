// @ts-check
/**
 * The live feed: JSON frames of one WebSocket come in, snapshots and updates go to listeners.
 *
 * What a listener is told is whole: each update follows the one before (`seq` + 1). After a hole
 * the subscription is made anew and its snapshot replaces everything.
 */

const SILENCE_MS = 12_000;
const DIAL_MS = 10_000;
const HIDDEN_MS = 30_000;
const PING_MS = 30_000;
const BACKOFF_MS = { first: 500, most: 15_000 };

export class LiveFeed {
  /** @type {Set<Subscription>} */ #subscriptions = new Set();
  /** @type {Map<number, number>} */ #pings = new Map();
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Phase} */ #phase = { name: "connecting" };
  #unseen = false;
  #lastId = 0;
  #failures = 0;
  #restMs = 0;
  #watchdog = 0;
  #redial = 0;
  #pinging = 0;

  /** @param {string} url @param {Watcher} watcher */
  constructor(url, watcher) {
    this.url = url;
    this.watcher = watcher;
  }

  /** Dial now, whether or not a later attempt is planned. */
  dial() {
    clearTimeout(this.#redial);
    this.#hangUp();
    this.#tell({ name: "connecting" });
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#watch(DIAL_MS);
    socket.onmessage = (frame) => this.#receive(frame.data);
    socket.onclose = () => this.#lose("closed");
  }

  /**
   * Ask for a stream, now and after each reconnection, until the function returned is called.
   * @param {StreamRequest} request @param {Listener} listener @returns {() => void}
   */
  subscribe(request, listener) {
    /** @type {Subscription} */
    const wanted = { request, listener, id: 0, sub: null, stream: null, seq: null, lagging: null };
    this.#subscriptions.add(wanted);
    if (this.#phase.name === "live") this.#ask(wanted);
    return () => {
      this.#subscriptions.delete(wanted);
      this.#drop(wanted);
    };
  }

  /** Stop the streams of a page that has been hidden for a while; ask again once it is seen. */
  followVisibility() {
    let timer = 0;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => this.#sleep(), HIDDEN_MS);
      else this.#wake();
    });
  }

  #sleep() {
    this.#unseen = true;
    if (this.#phase.name !== "live") return;
    for (const each of this.#subscriptions) this.#drop(each);
    this.#tell({ name: "asleep" });
  }

  #wake() {
    this.#unseen = false;
    if (this.#phase.name === "asleep") this.#begin();
  }

  /** Ask for everything, unless nobody looks. */
  #begin() {
    this.#tell({ name: this.#unseen ? "asleep" : "live" });
    if (!this.#unseen) for (const each of this.#subscriptions) this.#ask(each);
  }

  /** @param {Subscription} wanted */
  #ask(wanted) {
    Object.assign(wanted, { id: ++this.#lastId, sub: null, stream: null, seq: null, lagging: null });
    this.#send({ op: "subscribe", id: wanted.id, ...wanted.request });
  }

  /** @param {Subscription} wanted */
  #drop(wanted) {
    if (wanted.sub) this.#leave(wanted.sub);
    Object.assign(wanted, { id: 0, sub: null, stream: null, seq: null, lagging: null });
  }

  /** @param {string} sub */
  #leave(sub) {
    this.#send({ op: "unsubscribe", id: ++this.#lastId, sub });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** @param {string} text */
  #receive(text) {
    /** @type {Message} */ let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.#lose("garbled");
    }
    this.#watch(SILENCE_MS);
    switch (message.type) {
      case "welcome": return this.#welcome(message);
      case "ack": return this.#acknowledge(message);
      case "snapshot": return this.#snapshot(message);
      case "update": return this.#update(message);
      case "gap": return this.#gap(message);
      case "heartbeat": return this.#heartbeat(message);
      case "pong": return this.#pong(message);
      case "error": return this.#error(message);
      case "closing": this.#restMs = 1000 * (message.retry_after_s ?? 0);
    }
  }

  /** @param {Message} message */
  #welcome({ mode, time }) {
    this.watcher.mode(mode);
    this.watcher.clock(Date.parse(time) - Date.now());
    this.#restMs = 0;
    this.#begin();
    this.#ping();
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
  }

  /** @param {Message} message */
  #acknowledge({ id, sub, stream }) {
    const wanted = this.#find((each) => each.id === id);
    if (wanted) Object.assign(wanted, { sub, stream });
    // Given up before this answer came; another may have asked for the same stream since.
    else if (stream && !this.#find((each) => !each.sub || each.sub === sub)) this.#leave(sub);
  }

  /** @param {Message} message */
  #snapshot({ sub, seq, data = [], suspicious }) {
    const wanted = this.#find((each) => each.sub === sub);
    if (!wanted) return;
    Object.assign(wanted, { seq: Number(seq), lagging: null });
    wanted.listener.snapshot(data, suspicious);
  }

  /** @param {Message} message */
  #update({ sub, seq, data = [], gone = [], suspicious }) {
    const wanted = this.#find((each) => each.sub === sub);
    if (!wanted) return;
    if (wanted.seq === null) return;
    if (Number(seq) !== wanted.seq + 1) return this.#missed(wanted);
    wanted.seq = Number(seq);
    wanted.listener.update(data, gone, suspicious);
  }

  /** @param {Message} message */
  #gap({ sub }) {
    const wanted = this.#find((each) => each.sub === sub);
    if (wanted) this.#missed(wanted);
  }

  /** @param {Subscription} wanted */
  #missed(wanted) {
    this.watcher.gap();
    this.#drop(wanted);
    this.#ask(wanted);
  }

  /**
   * A stream that is ahead of us at two heartbeats, while we heard nothing of it, lost its last frame.
   * @param {Message} message
   */
  #heartbeat({ streams = {} }) {
    this.#failures = 0;
    for (const each of this.#subscriptions) {
      const theirs = each.stream === null ? undefined : streams[each.stream];
      const behind = theirs !== undefined && each.seq !== null && Number(theirs) > each.seq;
      if (behind && each.lagging === each.seq) this.#missed(each);
      else each.lagging = behind ? each.seq : null;
    }
  }

  #ping() {
    this.#pings.set(++this.#lastId, Date.now());
    this.#send({ op: "ping", id: this.#lastId });
  }

  /** @param {Message} message */
  #pong({ id, time_in, time_out }) {
    const sent = this.#pings.get(id);
    if (sent === undefined) return;
    this.#pings.delete(id);
    this.watcher.clock((Date.parse(time_in) + Date.parse(time_out) - sent - Date.now()) / 2);
  }

  /** @param {Message} message */
  #error({ id, problem }) {
    this.#find((each) => id !== 0 && each.id === id)?.listener.refused(problem);
  }

  /** @param {(each: Subscription) => boolean} matches */
  #find(matches) {
    for (const each of this.#subscriptions) if (matches(each)) return each;
    return undefined;
  }

  /** @param {number} patienceMs */
  #watch(patienceMs) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lose("silent"), patienceMs);
  }

  /** @param {"closed"|"silent"|"garbled"} why */
  #lose(why) {
    this.#hangUp();
    const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** this.#failures++);
    const jittered = BACKOFF_MS.first + Math.random() * (most - BACKOFF_MS.first);
    const waitMs = Math.max(jittered, this.#restMs);
    this.#tell({
      name: "lost",
      why: this.#restMs > 0 ? "restart" : why,
      retryAt: performance.now() + waitMs,
    });
    this.#redial = setTimeout(() => this.dial(), waitMs);
  }

  #hangUp() {
    clearTimeout(this.#watchdog);
    clearInterval(this.#pinging);
    this.#pings.clear();
    for (const each of this.#subscriptions) Object.assign(each, { id: 0, sub: null, seq: null });
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  /** @param {Phase} phase */
  #tell(phase) {
    this.#phase = phase;
    this.watcher.phase(phase);
  }
}
