// The page as a whole: what is known of the clips, where the reviewer is, and what the keys mean.

import { json, NoAnswer, offline } from "wushu/answers.js";
import { bannersOf } from "wushu/banners.js";
import { Decider } from "wushu/decide.js";
import { askName } from "wushu/dialogs.js";
import { draftOf, forgetDraft } from "wushu/drafts.js";
import { arranged, everything, isTodo } from "wushu/filters.js";
import { clipKeys, keysEverywhere, listKeys } from "wushu/key_maps.js";
import { press } from "wushu/keys.js";
import { Outbox } from "wushu/outbox.js";
import { Poll } from "wushu/poll.js";
import { Rulings } from "wushu/rulings.js";
import { Shell } from "wushu/shell.js";
import { recall, remember, whenRefused } from "wushu/storage.js";
import { clips, told } from "wushu/words.js";

const REVIEWER = "wushu-review/reviewer";

// After a refusal that may pass (a full disk) the decisions that wait are sent again this much later [ms].
const TRY_AGAIN_MS = 10000;

const NOT_REMEMBERED =
  "This browser remembers nothing for this page (a private window, or a full disk): a decision that the service has not " +
  "confirmed yet is lost when the page is closed.";

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
    this.rulings = new Rulings(this);
    this.query = { ...this.query, ...recall(this.#place("query"), {}) };
    this.order = arranged(this.items, this.query);
    this.current = (this.order.find(isTodo) ?? this.order[0])?.id ?? null;
    this.shell = new Shell(this, this.#root);
    addEventListener("hashchange", () => this.#route());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    this.#route();
    this.#banners();
    if (!offline) whenRefused(() => this.toast(NOT_REMEMBERED, { bad: true, stays: true }));
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

  // {id, ruling, frames, ground_m, contacts, reason, note, fingerprint, seen} -> {item, decisions}; null if it is not
  // kept (yet). `fingerprint` and `seen` are of what was looked at; those of the list if they are left out.
  decide(request) {
    return this.rulings.decide(request);
  }

  undo(id) {
    return this.rulings.undo(id);
  }

  // Ask why, and reject a clip; `look` is {fingerprint, seen}, as above.
  askReject(id, look) {
    return this.rulings.askReject(id, look);
  }

  askNote(id, look) {
    return this.rulings.askNote(id, look);
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
    return recall(REVIEWER, null)?.normalize("NFC") ?? null;
  }

  get isClipOpen() {
    return this.#page !== null;
  }

  // What the open page of a clip shows: {fingerprint, seen}; null where no page tells.
  shownOnPage(id) {
    return id === this.#pageId ? (this.#page?.look?.() ?? null) : null;
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

  // On from a clip that was decided, unless the reviewer has gone elsewhere meanwhile.
  leave(id, next) {
    if (this.current !== id && this.#left !== id) return;
    if (next) this.select(next);
    else this.toast(this.items.some(isTodo) ? "All that the list shows is reviewed." : "All clips are reviewed.");
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

  setNote(id, text) {
    const { [id]: _, ...notes } = recall(this.#place("notes"), {});
    remember(this.#place("notes"), text ? { ...notes, [id]: text } : notes);
    this.redraw();
  }

  // What is marked and shown, where the list is open; null if nothing is.
  batch() {
    if (this.#page || this.marked.size === 0) return null;
    return this.order.map((item) => item.id).filter((id) => this.marked.has(id));
  }

  // What the service tells ------------------------------------------------------------------------------------------

  // A decision is on the service's disk: the note and the edits that are in it wait no longer.
  arrived({ id, body, draft = null }) {
    const note = this.noteOf(id);
    if (note && body.note.includes(note)) this.setNote(id, "");
    forgetDraft({ id, fingerprint: body.fingerprint }, draft);
  }

  // What this tab holds of edits that a decision takes along.
  draftOf(id, fingerprint) {
    return draftOf({ id, fingerprint });
  }

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
