// The page as a whole: what is known of the clips, where the reviewer is, and what the keys mean.

import { json, NoAnswer, offline } from "wushu/answers.js";
import { bannersOf } from "wushu/banners.js";
import { Decider } from "wushu/decide.js";
import { askName, askNote, askReason, choose } from "wushu/dialogs.js";
import { arranged, everything, isTodo } from "wushu/filters.js";
import { clipKeys, keysEverywhere, listKeys } from "wushu/key_maps.js";
import { press } from "wushu/keys.js";
import { Outbox } from "wushu/outbox.js";
import { Poll } from "wushu/poll.js";
import { Shell } from "wushu/shell.js";
import { recall, remember } from "wushu/storage.js";
import { clips, told } from "wushu/words.js";

const REVIEWER = "wushu-review/reviewer";

// After a refusal that may pass (a full disk) the decisions that wait are sent again this much later [ms].
const TRY_AGAIN_MS = 10000;

export async function start(root) {
  const app = new App(root);
  await app.begin();
  return app;
}

export class App {
  #root;
  #items = new Map();
  #heard = new Set();
  #asked = null;
  #gone = null; // why the service does not answer
  #stuck = null; // why it keeps nothing: {sentence, until}
  #page = null; // the open clip page
  #pageId = null; // whose it is
  #left = null; // the clip that was the current one before it left the list
  #poll;

  session = { dataset: "", reviewer: "", read_only: null, reason_codes: [], damaged: [] };
  order = []; // the clips that the list shows
  query = everything();
  current = null; // id of the clip that the keys are about
  marked = new Set();

  constructor(root) {
    this.#root = root;
  }

  async begin() {
    try {
      this.session = { ...this.session, ...(await json("/api/session")) };
      const { revision, clips } = await json("/api/clips");
      this.#poll = new Poll(this, revision);
      for (const item of clips) this.#items.set(item.id, item);
    } catch (error) {
      this.#cannotBegin(error);
      return;
    }
    this.outbox = new Outbox(this.session.dataset);
    this.decider = new Decider(this);
    this.query = { ...this.query, ...recall(this.#place("query"), {}) };
    this.order = arranged(this.items, this.query);
    this.current = (this.order.find(isTodo) ?? this.order[0])?.id ?? null;
    this.shell = new Shell(this, this.#root);
    addEventListener("hashchange", () => this.#route());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    this.#route();
    this.#banners();
    if (!offline) this.#poll.begin();
    if (!offline && !this.session.read_only) await this.reviewer();
    await this.decider.sendWaiting();
  }

  // What the page of a clip needs ---------------------------------------------------------------------------------

  get items() {
    return [...this.#items.values()];
  }

  item(id) {
    return this.#items.get(id) ?? null;
  }

  // Call `heard(ids)` when clips have changed; returns what stops it.
  onChange(heard) {
    this.#heard.add(heard);
    return () => this.#heard.delete(heard);
  }

  toast(text, facts) {
    this.shell.messages.toast(text, facts);
  }

  // {id, ruling, frames, ground_m, contacts, reason, note} -> {item, decisions}; null if it is not kept (yet).
  async decide(request) {
    const { id, ruling } = request;
    const next = this.nextTodo(id);
    const note = request.note || (ruling === "undo" ? "" : this.noteOf(id));
    const answer = await this.decider.one({ ...request, note });
    if (ruling === "undo" || !(answer || this.decider.isPending(id))) return answer;
    this.#setNote(id, "");
    if (this.current !== id && this.#left !== id) return answer;
    if (next) this.select(next);
    else if (answer) this.toast(this.items.some(isTodo) ? "All that the list shows is reviewed." : "All clips are reviewed.");
    return answer;
  }

  undo(id) {
    return this.decide({ id, ruling: "undo" });
  }

  // Ask why, and reject: one clip, or all that are marked.
  async askReject(id) {
    if (!this.#canDecide(id)) return null;
    const codes = this.session.reason_codes.filter(({ code }) => code !== "good");
    const answer = await askReason(`Reject ${this.item(id).name}: why?`, codes, this.noteOf(id));
    return answer && this.decide({ id, ruling: "reject", ...answer });
  }

  // A note for the decision that comes, or a new one for the decision that stands.
  async askNote(id) {
    if (!this.#canDecide(id)) return;
    const item = this.item(id);
    const mine = item.decision?.by === this.name && !item.stale ? item.decision : null;
    const hint = mine ? "Your decision is kept anew with it." : "It is kept with your decision on this clip.";
    const text = await askNote(`Note on ${item.name}`, mine?.note ?? this.noteOf(id), { hint });
    if (text === null) return;
    if (mine) await this.decider.one({ ...mine, id, note: text });
    else this.#setNote(id, text);
    this.redraw();
  }

  next() {
    this.step(1);
  }

  prev() {
    this.step(-1);
  }

  // So many clips on in the list, or back.
  step(by) {
    const at = this.order.findIndex((item) => item.id === this.current);
    const to = this.order[at < 0 ? 0 : Math.min(this.order.length - 1, Math.max(0, at + by))];
    if (to && to.id !== this.current) this.select(to.id);
  }

  // Where the reviewer is ------------------------------------------------------------------------------------------

  get name() {
    return recall(REVIEWER, null);
  }

  // Who decides; asked once. Null if nobody says.
  async reviewer({ anew = false } = {}) {
    if (this.name && !anew) return this.name;
    this.#asked ??= askName(this.name ?? this.session.reviewer);
    const name = await this.#asked;
    this.#asked = null;
    if (name) remember(REVIEWER, name);
    this.redraw();
    return this.name;
  }

  // Make a clip the current one; where a clip's page is open, open this one's.
  select(id) {
    this.current = id;
    this.#left = null;
    if (this.#page) this.open(id);
    else this.redraw();
  }

  open(id) {
    location.hash = `#/clip/${id}`;
  }

  toList() {
    location.hash = "#/";
  }

  // The next clip of the list that nobody has ruled on, after this one and then from the top.
  nextTodo(id) {
    const at = this.order.findIndex((item) => item.id === id);
    const round = [...this.order.slice(at + 1), ...this.order.slice(0, Math.max(0, at))];
    return round.find((item) => isTodo(item) && !this.decider.isPending(item.id))?.id ?? null;
  }

  show(query) {
    this.query = { ...this.query, ...query };
    remember(this.#place("query"), this.query);
    this.#arrange();
    this.redraw();
  }

  mark(ids, marked) {
    for (const id of ids) marked ? this.marked.add(id) : this.marked.delete(id);
    this.redraw();
  }

  noteOf(id) {
    return recall(this.#place("notes"), {})[id] ?? "";
  }

  redraw() {
    this.shell?.draw();
    if (this.shell) this.#banners();
  }

  // Decisions on what is marked, or on the current clip.
  async accept() {
    if (this.#isReadOnly()) return null;
    const ids = this.#batch();
    if (ids === null) return this.#canDecide(this.current) && this.decide({ id: this.current, ruling: "accept" });
    const sure = await choose(`Accept ${clips(ids.length)}?`, ["Each is decided by itself; u takes all of them back."], [
      [true, `Accept ${clips(ids.length)}`, true],
      [null, "Cancel", false],
    ]);
    return sure && this.#many(ids, { ruling: "accept" });
  }

  async reject() {
    if (this.#isReadOnly()) return null;
    const ids = this.#batch();
    if (ids === null) return this.askReject(this.current);
    const codes = this.session.reason_codes.filter(({ code }) => code !== "good");
    const answer = await askReason(`Reject ${clips(ids.length)}: why?`, codes, "");
    return answer && this.#many(ids, { ruling: "reject", ...answer });
  }

  // Take back what I said of the current clip; else what this page decided last.
  async undoHere() {
    const last = this.decider.lastDecided;
    const isMine = this.item(this.current)?.decision?.by === this.name || this.decider.isPending(this.current);
    const isOfMany = last?.length > 1 && (!isMine || (last.includes(this.current) && !this.#page));
    if (isOfMany) return this.#many(last, { ruling: "undo" });
    if (isMine) return this.undo(this.current);
    if (last === null) return this.toast("Nothing of yours stands on this clip, and this page has decided nothing yet.");
    await this.undo(last[0]);
    return this.select(last[0]);
  }

  // What the service tells ------------------------------------------------------------------------------------------

  get isLost() {
    return this.#gone !== null || this.#stuck !== null;
  }

  receive(items, { mine = false, gone = [] } = {}) {
    const news = [];
    for (const item of items) {
      const before = this.#items.get(item.id);
      if (JSON.stringify(before) === JSON.stringify(item)) continue;
      this.#items.set(item.id, item);
      const isTheirs = !mine && item.decision && item.decision.by !== this.name;
      if (isTheirs && JSON.stringify(before?.decision) !== JSON.stringify(item.decision)) news.push(item);
    }
    for (const id of gone) {
      this.#items.delete(id);
      this.marked.delete(id);
    }
    if (news.length > 3) this.toast(`Others decided on ${clips(news.length)}.`);
    else for (const item of news) this.toast(`${item.name}: ${told(item.decision)}`);
    this.#arrange();
    this.redraw();
    const ids = [...items.map((item) => item.id), ...gone];
    if (ids.length > 0) for (const heard of [...this.#heard]) heard(ids);
  }

  // All clips anew, after the service was away.
  replaceAll(items) {
    const here = new Set(items.map((item) => item.id));
    this.receive(items, { gone: [...this.#items.keys()].filter((id) => !here.has(id)) });
  }

  // The service is away, or keeps nothing: what was decided waits.
  lost(error) {
    if (error instanceof NoAnswer) this.#gone = error.message;
    else this.#stuck = { sentence: error.message, until: Date.now() + TRY_AGAIN_MS };
    this.redraw();
    return null;
  }

  // The service has answered.
  found() {
    const wasGone = this.#gone !== null;
    this.#gone = null;
    if (this.#stuck && Date.now() > this.#stuck.until) this.#stuck = null;
    if (!this.#stuck && this.decider.waiting.length > 0) this.decider.sendWaiting(); // it may ask: not waited for
    if (wasGone) this.redraw();
  }

  // Inside -------------------------------------------------------------------------------------------------------------

  #place(what) {
    return `wushu-review/${what}:${this.session.dataset}`;
  }

  #arrange() {
    const at = this.order.findIndex((item) => item.id === this.current);
    this.order = arranged(this.items, this.query);
    if (this.#page || this.order.some((item) => item.id === this.current)) return;
    this.#left = this.current; // it left the list: the one that took its place is next
    this.current = (this.order[Math.max(0, at)] ?? this.order.at(-1))?.id ?? null;
  }

  #canDecide(id) {
    const item = this.item(id);
    if (item === null || this.#isReadOnly()) return false;
    if (item.fingerprint === null) this.toast(`${item.name} has no motion: there is nothing to decide on.`, { bad: true });
    else return true;
    return false;
  }

  #isReadOnly() {
    const sentence = offline ? null : this.session.read_only;
    if (sentence) this.toast(sentence, { bad: true });
    return Boolean(sentence);
  }

  // What is marked and shown, where the list is open.
  #batch() {
    if (this.#page || this.marked.size === 0) return null;
    return this.order.map((item) => item.id).filter((id) => this.marked.has(id));
  }

  async #many(ids, request) {
    const kept = await this.decider.many(ids, request);
    if ((kept > 0 || ids.some((id) => this.decider.isPending(id))) && request.ruling !== "undo") {
      this.marked.clear();
      const next = isTodo(this.item(this.current) ?? { fingerprint: null }) ? null : this.nextTodo(this.current);
      if (next) this.select(next);
    }
    this.redraw();
    return kept;
  }

  #setNote(id, text) {
    const { [id]: _, ...notes } = recall(this.#place("notes"), {});
    remember(this.#place("notes"), text ? { ...notes, [id]: text } : notes);
    this.redraw();
  }

  async #route() {
    const only = offline && this.#items.size === 1 ? this.items[0].id : null; // a page that stands alone has no list
    const id = only ?? location.hash.match(/^#\/clip\/([A-Za-z0-9_-]+)$/)?.[1] ?? null;
    if (id !== null && id === this.#pageId) return;
    this.#pageId = id;
    this.#page?.close?.();
    this.#page = null;
    if (id === null || !this.#items.has(id)) {
      if (id !== null) this.toast("This dataset has no such clip.", { bad: true });
      this.shell.showList();
      return;
    }
    this.current = id;
    const opening = { close: () => undefined, keys: {} };
    this.#page = opening;
    const container = this.shell.showClip(id);
    try {
      const { openClip } = await import("wushu/clip/page.js");
      if (this.#page !== opening) return;
      const page = await openClip(container, { id, app: this });
      if (this.#page === opening) this.#page = page;
      else page.close();
    } catch (error) {
      if (this.#page === opening) this.shell.clipFailed(error);
      throw error;
    }
  }

  // The keys of the open clip come first, then these.
  #onKey(event) {
    press(event, [this.#page?.keys, this.#page ? clipKeys(this) : listKeys(this), keysEverywhere(this)]);
  }

  #banners() {
    const again = () => ((this.#stuck = null), this.decider.sendWaiting());
    this.shell.messages.setBanners(bannersOf(this, { gone: this.#gone, stuck: this.#stuck, again, offline }));
  }

  #cannotBegin(error) {
    const line = document.createElement("p");
    line.className = "starting bad";
    line.textContent = `${error.message} Load the page again when the service is there.`;
    this.#root.replaceChildren(line);
  }
}
