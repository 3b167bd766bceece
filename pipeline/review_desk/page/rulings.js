// What the keys decide: on the clip in front, or on all that are marked.
//
// A decision names the motion that the reviewer looked at, and how many decisions on it they knew of, both as they were
// when the key went down: what comes while a window asks something was not seen.

import { offline } from "wushu/answers.js";
import { askNote, askReason, choose } from "wushu/dialogs.js";
import { isDrafted } from "wushu/drafts.js";
import { isTodo } from "wushu/filters.js";
import { clips, named } from "wushu/words.js";

export class Rulings {
  #app;

  // `app`: the page as a whole; its `decider` sends.
  constructor(app) {
    this.#app = app;
  }

  // What the reviewer looks at now: {fingerprint, seen}. An open page may show an older motion than the list tells of.
  lookAt(id) {
    const item = this.#app.item(id);
    const shown = this.#app.shownOnPage(id);
    return { fingerprint: shown?.fingerprint ?? item?.fingerprint, seen: shown?.seen ?? item?.n_decisions };
  }

  // {id, ruling, frames, ground_m, contacts, reason, note, fingerprint, seen} -> {item, decisions}; null if it is not
  // kept (yet). On to the next clip only when it is kept: without a service there is nothing to see there.
  async decide(request) {
    const app = this.#app;
    const { id, ruling } = request;
    const next = app.nextTodo(id);
    const note = request.note || (ruling === "undo" ? "" : app.noteOf(id));
    const { fingerprint, seen } = this.lookAt(id);
    const look = { fingerprint: request.fingerprint ?? fingerprint, seen: request.seen ?? seen };
    const answer = await app.decider.one({ ...request, ...look, note });
    if (answer && ruling !== "undo") app.leave(id, next);
    return answer;
  }

  undo(id) {
    return this.decide({ id, ruling: "undo" });
  }

  // Accept what is marked, or the current clip.
  async accept() {
    const app = this.#app;
    if (this.#isReadOnly()) return null;
    const ids = app.batch();
    if (ids === null) return this.#acceptOne(app.current);
    const looks = this.#looksAt(ids);
    const drafted = ids.filter((id) => isDrafted(app.item(id)));
    const rest = ids.filter((id) => !drafted.includes(id));
    const told = [...this.#tellOfMany(ids), "Each is decided by itself; u takes all of them back."];
    const answers = [[rest, `Accept ${clips(rest.length)}`, true]];
    if (drafted.length > 0) {
      told.unshift(`${this.#named(drafted)}: edited, and the edits are not decided. Their own pages accept the edits.`);
      answers.push([ids, `Accept ${drafted.length === 1 ? "it" : "these"} too, without the edits`, rest.length === 0]);
      if (rest.length === 0) answers.shift();
    }
    const sure = await choose(`Accept ${clips(ids.length)}?`, told, [...answers, [null, "Cancel", false]]);
    return sure && this.#many(sure, { ruling: "accept" }, looks);
  }

  // Reject what is marked, or the current clip.
  async reject() {
    const app = this.#app;
    if (this.#isReadOnly()) return null;
    const ids = app.batch();
    if (ids === null) return this.askReject(app.current);
    const looks = this.#looksAt(ids);
    const told = this.#tellOfMany(ids);
    const answer = await askReason(`Reject ${clips(ids.length)}: why?`, this.#codes(), "", told);
    return answer && this.#many(ids, { ruling: "reject", ...answer }, looks);
  }

  // Ask why, and reject one clip; `look` as the clip's own page has it: {fingerprint, seen}.
  async askReject(id, look = {}) {
    const seen = { ...this.lookAt(id), ...look };
    if (!this.#canDecide(id, seen)) return null;
    const answer = await askReason(`Reject ${this.#app.item(id).name}: why?`, this.#codes(), this.#app.noteOf(id));
    return answer && this.decide({ id, ruling: "reject", ...seen, ...answer });
  }

  // A note for the decision that comes, or a new one for the decision that stands.
  async askNote(id, look = {}) {
    const app = this.#app;
    const seen = { ...this.lookAt(id), ...look };
    if (!this.#canDecide(id, seen)) return;
    const item = app.item(id);
    const mine = item.decision?.by === app.name && !item.stale ? item.decision : null;
    const hint = mine ? "Your decision is kept anew with it." : "It is kept with your decision on this clip.";
    const text = await askNote(`Note on ${item.name}`, mine?.note ?? app.noteOf(id), { hint });
    if (text === null) return;
    if (mine) await app.decider.one({ ...mine, ...seen, id, note: text });
    else app.setNote(id, text);
    app.redraw();
  }

  // Take back what I said of the current clip; else what this page decided last.
  async undoHere() {
    const app = this.#app;
    const { current, decider } = app;
    const last = decider.lastDecided;
    const isMine = app.item(current)?.decision?.by === app.name || decider.isPending(current);
    const isOfMany = last?.length > 1 && (!isMine || (last.includes(current) && !app.isClipOpen));
    if (isOfMany) return this.#many(last, { ruling: "undo" }, this.#looksAt(last));
    if (isMine) return this.undo(current);
    if (last === null) return app.toast("Nothing of yours stands on this clip, and this page has decided nothing yet.");
    await this.undo(last[0]);
    return app.select(last[0]);
  }

  // A clip with edits that only its page shows is not accepted without them by a key in the list.
  async #acceptOne(id) {
    const app = this.#app;
    const look = this.lookAt(id);
    if (!this.#canDecide(id, look)) return null;
    if (!app.isClipOpen && isDrafted(app.item(id))) {
      app.toast(`${app.item(id).name} has edits that are not decided yet: look, and accept them here.`);
      return app.open(id);
    }
    return this.decide({ id, ruling: "accept", ...look });
  }

  async #many(ids, request, looks) {
    const app = this.#app;
    const kept = await app.decider.many(ids, request, looks);
    if (request.ruling !== "undo" && (kept > 0 || ids.some((id) => app.decider.isPending(id)))) app.mark(ids, false);
    const isDone = !isTodo(app.item(app.current) ?? { fingerprint: null });
    const next = kept > 0 && request.ruling !== "undo" && isDone ? app.nextTodo(app.current) : null;
    if (next) app.select(next);
    app.redraw();
    return kept;
  }

  #looksAt(ids) {
    return new Map(ids.map((id) => [id, this.lookAt(id)]));
  }

  // What somebody should know who decides on many: which of them have a decision, and which the checks refuse.
  #tellOfMany(ids) {
    const told = [];
    const decided = ids.filter((id) => !isTodo(this.#app.item(id)));
    if (decided.length > 0) told.push(`Decided already: ${this.#named(decided)}.`);
    const refused = ids.filter((id) => this.#app.item(id).outcome === "rejected");
    if (refused.length > 0) told.push(`The checks refuse ${refused.length === ids.length ? "all" : this.#named(refused)}.`);
    const noted = ids.filter((id) => this.#app.noteOf(id));
    if (noted.length > 0) told.push(`Kept with its own note: ${this.#named(noted)}.`);
    return told;
  }

  #named(ids) {
    return named(ids.map((id) => this.#app.item(id).name));
  }

  #codes() {
    return this.#app.session.reason_codes.filter(({ code }) => code !== "good");
  }

  #canDecide(id, look) {
    const app = this.#app;
    const item = app.item(id);
    if (item === null || this.#isReadOnly()) return false;
    if (item.fingerprint === null) app.toast(`${item.name} has no motion: there is nothing to decide on.`, { bad: true });
    else if (look.fingerprint !== item.fingerprint) {
      app.toast(`${item.name} was solved anew since you opened it: load it before you decide.`, { bad: true });
    } else return true;
    return false;
  }

  #isReadOnly() {
    const sentence = offline ? null : this.#app.session.read_only;
    if (sentence) this.#app.toast(sentence, { bad: true });
    return Boolean(sentence);
  }
}
