// From "accept" to a line on the service's disk. Nothing is shown as decided before the service has confirmed it.

import { json, NoAnswer, offline, post } from "wushu/answers.js";
import { decideCommand } from "wushu/command.js";
import { choose, showCommand } from "wushu/dialogs.js";
import { lineOf } from "wushu/outbox.js";
import { clips, confirmed, ruled, told } from "wushu/words.js";

// Decisions that are sent together.
const AT_ONCE = 100;

const LONGEST_NOTE = 2000; // characters that the service keeps

export class Decider {
  #app;
  #busy = new Set(); // clips with a decision on its way
  #asking = new Set(); // clips with a question on the screen
  #undoable = []; // what this page decided, confirmed or not: lists of clips, the last one last
  #isSending = false;

  // `app`: session, outbox, item(id), receive(items, {mine}), toast(text, facts), reviewer(), lost(error), arrived(entry),
  // draftOf(id, fingerprint), noteOf(id), isLost, redraw()
  constructor(app) {
    this.#app = app;
  }

  // True while a decision on a clip is on its way or waits for the service.
  isPending(id) {
    return this.#busy.has(id) || this.#waiting().has(id);
  }

  get waiting() {
    return this.#app.outbox.entries;
  }

  // The clips that this page decided on last, and that are not undone yet.
  get lastDecided() {
    return this.#undoable.at(-1) ?? null;
  }

  // Decide on one clip, of which the motion `fingerprint` and `seen` decisions were looked at. Returns {item, decisions}
  // once it is kept, null if it waits, was refused or given up.
  async one(request) {
    const { id, ruling } = request;
    if (offline) return this.#asCommand(request);
    const by = await this.#mayDecide([id]);
    if (by === null) return null;
    if (this.#busy.has(id)) return null;
    if (this.#waiting().has(id)) return this.#queue(request, by);
    const standsAgainst = ruling !== "undo" && this.#against(id, by, request);
    let { seen } = request;
    if (standsAgainst) {
      seen = this.#app.item(id).n_decisions; // they are named in the question
      if (!(await this.#askOverrule([id], request))) return null;
    }
    const [entry] = this.#app.outbox.add([this.#entry({ ...request, seen }, by, standsAgainst)]);
    this.#remember([id], ruling);
    return this.#deliver(entry);
  }

  // Decide the same on many clips, each by itself and with its own note; `looks` holds {fingerprint, seen} of each.
  // Returns how many were kept.
  async many(ids, { ruling, reason = "", note = "" }, looks = new Map()) {
    const by = await this.#mayDecide(ids);
    if (by === null) return 0;
    const waiting = this.#waiting();
    const able = ids.filter((id) => this.#app.item(id)?.fingerprint && !this.#busy.has(id) && !waiting.has(id));
    const against = ruling === "undo" ? [] : able.filter((id) => this.#against(id, by, { ruling }));
    let overruled = [];
    if (against.length > 0) {
      looks = new Map([...looks, ...against.map((id) => [id, { ...looks.get(id), seen: this.#app.item(id).n_decisions }])]);
      const answer = await this.#askOverrule(against, { ruling });
      if (answer === null) return 0;
      overruled = answer ? against : [];
    }
    const plain = able.filter((id) => !against.includes(id));
    const left = ids.length - able.length;
    if (left > 0) this.#app.toast(`${clips(left)} left out: without a motion, or with a decision that is not sent yet.`);
    this.#remember([...plain, ...overruled], ruling);
    let kept = 0;
    const entryOf = (id, overrule) => {
      const own = ruling === "undo" ? "" : this.#app.noteOf(id);
      const both = own && note && own !== note ? `${own}; ${note}` : own || note;
      return this.#entry({ ...looks.get(id), id, ruling, reason, note: both.slice(0, LONGEST_NOTE) }, by, overrule);
    };
    const entries = [...plain.map((id) => entryOf(id, false)), ...overruled.map((id) => entryOf(id, true))];
    for (const part of inParts(entries)) kept += await this.#deliverMany(this.#app.outbox.add(part));
    return kept;
  }

  // Send again what was not confirmed, one after the other: at the start, and when the service is back.
  async sendWaiting() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      const blocked = new Set([...this.#busy, ...this.#asking]);
      for (const { key, id } of this.#app.outbox.entries) {
        if (blocked.has(id)) continue;
        const failed = await this.#sendAgain(key);
        if (this.#app.isLost && failed?.kind !== "internal") return; // what one clip makes fail stops no other
        if (this.#app.outbox.has(key)) blocked.add(id); // what was decided later on this clip waits its turn
      }
    } finally {
      this.#isSending = false;
    }
  }

  // These are not to be kept: refused, or given up.
  drop(entries) {
    this.#app.outbox.remove(entries.map((entry) => entry.key));
    this.#remember(entries.map((entry) => entry.id), "undo");
    this.#app.redraw();
  }

  // An earlier decision on this clip is not sent yet: this one goes after it.
  async #queue(request, by) {
    const entry = this.#entry(request, by, false);
    const last = this.waiting.findLast((other) => other.id === request.id);
    if (!isOtherwise(last.body, entry.body) && last.body.by === by && last.body.note === entry.body.note) {
      this.#app.toast(`${entry.name}: this is not confirmed yet, and is sent when the service can keep it.`);
      return null;
    }
    this.#app.outbox.add([entry]);
    this.#remember([request.id], request.ruling);
    this.#app.redraw();
    await this.sendWaiting();
    return null;
  }

  #waiting() {
    return new Set(this.#app.outbox.entries.map((entry) => entry.id));
  }

  async #asCommand(request) {
    const { dataset, reviewer } = this.#app.session;
    await showCommand(decideCommand({ ...request, dataset, by: request.by ?? reviewer }));
    return null;
  }

  async #mayDecide(ids) {
    const { session } = this.#app;
    if (session.read_only) return this.#refuse(session.read_only);
    if (ids.length === 1 && !this.#app.item(ids[0])?.fingerprint) {
      return this.#refuse("This clip has no motion: there is nothing to decide on.");
    }
    return this.#app.reviewer();
  }

  #refuse(sentence) {
    this.#app.toast(sentence, { bad: true });
    return null;
  }

  #entry({ id, ruling, frames, ground_m, contacts, reason, note, fingerprint, seen }, by, overrule) {
    const item = this.#app.item(id);
    const accepts = ruling === "accept";
    const body = {
      ruling,
      by,
      fingerprint: fingerprint ?? item.fingerprint,
      seen: seen ?? item.n_decisions,
      overrule,
      frames: (accepts && frames) || null,
      ground_m: (accepts && ground_m) || 0,
      contacts: (accepts && contacts) || [],
      reason: reason ?? "",
      note: note ?? "",
    };
    const draft = accepts ? this.#app.draftOf(id, body.fingerprint) : null;
    return { id, name: item.name, after: item.n_decisions, draft, body };
  }

  // Does the ruling of another stand that says something else?
  #against(id, by, request) {
    const stands = this.#app.item(id).decision;
    return Boolean(stands) && stands.by !== by && isOtherwise(stands, request);
  }

  // True: decide anyway; false: leave theirs; null: nothing at all.
  async #askOverrule(ids, request) {
    const what = request.ruling === "accept" ? "Accept" : "Reject";
    const items = ids.map((id) => this.#app.item(id));
    if (ids.length === 1) {
      const [item] = items;
      const meanwhile = item.n_decisions > (request.seen ?? item.n_decisions) ? " meanwhile" : "";
      const sentences = [`It was ${told(item.decision)}.`, `You say: ${ruled(request)}.`];
      return choose(`Someone else decided on ${item.name}${meanwhile}`, sentences, [
        [false, "Leave theirs", true],
        [true, "Decide anyway", false],
      ]);
    }
    const named = items.slice(0, 6).map((item) => `${item.name}: ${told(item.decision)}.`);
    if (items.length > named.length) named.push(`And ${items.length - named.length} more.`);
    return choose(`Others decided otherwise on ${clips(ids.length)}`, named, [
      [false, "Leave these as they are", true],
      [true, `${what} these too`, false],
    ]);
  }

  async #deliver(entry) {
    this.#busy.add(entry.id);
    this.#app.redraw();
    let failed = null;
    let answer;
    try {
      answer = await this.#app.outbox.alone([entry], () => this.#send(entry));
    } catch (error) {
      failed = error;
    }
    this.#busy.delete(entry.id);
    if (failed) return this.#notKept(entry, failed);
    if (answer) this.#kept(entry, answer);
    this.#app.redraw();
    return answer ?? null;
  }

  // With the lock held, so that nobody else sends it between the answer and forgetting it.
  async #send(entry) {
    if (!this.#app.outbox.has(entry.key)) return undefined;
    const answer = await post(`/api/clips/${entry.id}/decisions`, entry.body);
    this.#arrived(entry, answer.item.n_decisions, answer.decisions);
    return answer;
  }

  #arrived(entry, n, history) {
    this.#app.outbox.arrived(entry, n, history);
    this.#app.arrived(entry);
  }

  #kept({ name, body }, answer) {
    this.#app.receive([answer.item], { mine: true });
    this.#app.toast(`${name}: ${confirmed(body, [answer.item])}`);
  }

  #remember(ids, ruling) {
    this.#undoable = this.#undoable.map((some) => some.filter((id) => !ids.includes(id))).filter((some) => some.length);
    if (ruling !== "undo" && ids.length > 0) this.#undoable.push(ids);
  }

  async #notKept(entry, error) {
    if (error.clip) this.#app.receive([error.clip], { mine: true });
    if (error.kind === "decided_meanwhile") return this.#askMeanwhile([[entry, error]]);
    if (mayPass(error)) return this.#app.lost(error);
    this.drop([entry]);
    const why = error.kind === "stale" ? "its motion was solved anew meanwhile; look at it again." : error.message;
    this.#app.toast(`${entry.name}: not ${ruled(entry.body)}: ${why}`, { bad: true, stays: true });
    return null;
  }

  // Others decided while this page did not see it: nothing of theirs is overruled without a word.
  async #askMeanwhile(clashes) {
    const entries = clashes.map(([entry]) => entry);
    const title = entries.length === 1 ? entries[0].name : clips(entries.length);
    const sentences = clashes.slice(0, 6).map(([entry, error]) => {
      const stands = error.clip?.decision;
      const theirs = stands && stands.by !== entry.body.by ? `${entry.name} was ${told(stands)}.` : error.message;
      return `${theirs} You said: ${ruled(entry.body)}.`;
    });
    for (const { id } of entries) this.#asking.add(id);
    const isNew = clashes.some(([entry, error]) => (error.clip?.n_decisions ?? Infinity) > entry.body.seen);
    const anyway = await choose(`Someone else decided on ${title}${isNew ? " meanwhile" : ""}`, sentences, [
      [false, "Leave theirs", true],
      [true, "Decide anyway", false],
    ]);
    for (const { id } of entries) this.#asking.delete(id);
    if (anyway !== true) {
      this.drop(entries);
      this.#app.toast(`${title}: theirs stands`);
      return null;
    }
    const again = clashes.map(([entry, error]) => {
      const seen = error.clip?.n_decisions ?? entry.body.seen;
      return { ...entry, after: seen, body: { ...entry.body, seen, overrule: true } };
    });
    for (const entry of again) this.#app.outbox.replace(entry);
    if (again.length > 1) return this.#deliverMany(again);
    return this.#deliver(again[0]);
  }

  async #deliverMany(entries) {
    const { by, ruling, reason, note, overrule } = entries[0].body;
    const sent = entries.map(({ id, body }) => ({ id, fingerprint: body.fingerprint, seen: body.seen }));
    for (const { id } of entries) this.#busy.add(id);
    this.#app.redraw();
    let results = [];
    try {
      const answer = await this.#app.outbox.alone(entries, async () => {
        const { results } = await post("/api/decisions", { by, ruling, reason, note, overrule, clips: sent });
        this.#forget(entries, results);
        return results;
      });
      results = answer ?? [];
    } catch (error) {
      if (mayPass(error)) this.#app.lost(error);
      else {
        this.drop(entries);
        this.#app.toast(`Nothing was decided: ${error.message}`, { bad: true, stays: true });
      }
    }
    for (const { id } of entries) this.#busy.delete(id);
    return this.#sorted(entries, results);
  }

  #forget(entries, results) {
    const byId = new Map(results.map((result) => [result.id, result]));
    for (const entry of entries) {
      const result = byId.get(entry.id);
      if (result && !result.error) this.#arrived(entry, result.item.n_decisions);
    }
  }

  // What became of each of many; returns how many were kept.
  async #sorted(entries, results) {
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    const done = results.filter((result) => !result.error).map((result) => result.id);
    const { body } = entries[0];
    if (done.length > 0) {
      const items = results.filter((result) => !result.error).map((result) => result.item);
      this.#app.toast(`${clips(done.length)}: ${confirmed(body, items)}`);
    }
    this.#app.receive(results.map((result) => result.item).filter(Boolean), { mine: true });
    this.#app.redraw();
    const clashes = [];
    for (const { id, error, kind, item } of results) {
      if (!error) continue;
      const failed = Object.assign(new Error(error), { kind, clip: item ?? null, status: 0 });
      if (kind === "decided_meanwhile") clashes.push([byId.get(id), failed]);
      else await this.#notKept(byId.get(id), failed);
    }
    if (clashes.length > 0) await this.#askMeanwhile(clashes);
    return done.length;
  }

  // Ask the clip's history whether it arrived, and send it if not; all under one lock. Returns what went wrong.
  async #sendAgain(key) {
    const entry = this.#app.outbox.entries.find((one) => one.key === key);
    if (!entry) return null;
    this.#busy.add(entry.id);
    let failed = null;
    let answer;
    try {
      answer = await this.#app.outbox.alone([entry], async () => {
        const { item, decisions } = await json(`/api/clips/${entry.id}/decisions`);
        const line = lineOf(entry, decisions);
        if (line < 0) return this.#send(entry);
        const harmed = item.n_decisions - decisions.length; // lines that cannot be read count too
        this.#arrived(entry, line + 1 + harmed, decisions.slice(0, line + 1));
        return { item, decisions };
      });
    } catch (error) {
      failed = error;
    }
    this.#busy.delete(entry.id);
    if (failed) await this.#notKept(entry, failed);
    else if (answer) this.#kept(entry, answer);
    this.#app.redraw();
    return failed;
  }
}

// Does one ruling come to something else than another? Reasons and notes may differ.
export function isOtherwise(one, other) {
  const asText = ({ ruling, frames, ground_m, contacts }) => {
    if (ruling !== "accept") return ruling;
    const edits = (contacts ?? []).map(({ foot, frames, stands }) => [foot, frames, stands]);
    return JSON.stringify([ruling, frames ?? null, ground_m || 0, edits]);
  };
  return asText(one) !== asText(other);
}

// So many as are sent together: what they have in common is said once.
function inParts(entries) {
  const groups = new Map();
  for (const entry of entries) {
    const common = JSON.stringify([entry.body.note, entry.body.overrule]);
    groups.set(common, [...(groups.get(common) ?? []), entry]);
  }
  const parts = [];
  for (const group of groups.values()) {
    for (let from = 0; from < group.length; from += AT_ONCE) parts.push(group.slice(from, from + AT_ONCE));
  }
  return parts;
}

// The service may keep it later: the decision waits in the browser meanwhile.
function mayPass(error) {
  return error instanceof NoAnswer || ["not_writable", "internal"].includes(error.kind) || error.status >= 500 || error.status === 401;
}
