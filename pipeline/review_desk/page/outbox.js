// Decisions on their way: kept in the browser from before they are sent until the service says that they are on disk.
//
// Whatever happens between (the service dies, the tab is closed), what is left is sent again: once, because a clip's
// history is asked first whether it arrived. Tabs of one browser share what is kept; a lock says who sends.

import { freshKey, recall, remember } from "wushu/storage.js";

// How long a tab may take to send where the browser has no locks [ms].
const LEASE_MS = 60000;

export class Outbox {
  #place;

  // Decisions on one dataset are never sent to another that is served from the same address later.
  constructor(dataset) {
    this.#place = `wushu-review/unsent:${dataset}`;
  }

  get entries() {
    return recall(this.#place, []);
  }

  // Keep decisions: each {id, name, body, after}, `after` being how many the clip's history held. Returns the entries.
  add(decisions) {
    const batch = freshKey();
    const entries = decisions.map((one) => ({ ...one, key: freshKey(), batch }));
    remember(this.#place, [...this.entries, ...entries]);
    return entries;
  }

  has(key) {
    return this.entries.some((entry) => entry.key === key);
  }

  replace(entry) {
    remember(
      this.#place,
      this.entries.map((other) => (other.key === entry.key ? entry : other)),
    );
  }

  // Forget what has arrived, or was given up.
  remove(keys) {
    const gone = new Set(keys);
    remember(
      this.#place,
      this.entries.filter((entry) => !gone.has(entry.key)),
    );
  }

  // A decision arrived, and its clip's history has `n` lines now: what was decided later here stands after them. That
  // counts as seen only where it is known that all of them are this reviewer's own.
  arrived(entry, n, history = null) {
    const { by, seen } = entry.body;
    const since = history?.slice(Math.max(0, history.length - Math.max(0, n - seen))); // lines that are harmed count in n
    const isOwn = since ? since.every((decision) => decision.by === by) : n === seen + 1;
    const later = (other) => {
      const body = isOwn && other.body.by === by ? { ...other.body, seen: Math.max(other.body.seen, n) } : other.body;
      return { ...other, after: Math.max(other.after, n), body };
    };
    const left = this.entries.filter((other) => other.key !== entry.key);
    remember(
      this.#place,
      left.map((other) => (other.id === entry.id ? later(other) : other)),
    );
  }

  // Run `send` while no other tab sends these; returns undefined at once if one does.
  async alone(entries, send) {
    const name = `${this.#place}:${entries[0].batch}`;
    if (navigator.locks) {
      return navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock ? send() : undefined));
    }
    if (Date.now() - recall(name, 0) < LEASE_MS) return undefined;
    remember(name, Date.now());
    try {
      return await send();
    } finally {
      remember(name, 0);
    }
  }
}

// Which line of a history, from `entry.after` on, is this decision; -1 if none.
export function lineOf(entry, history) {
  return history.findIndex((decision, index) => index >= entry.after && isSame(entry.body, decision));
}

function isSame(body, decision) {
  return (
    body.by === decision.by &&
    body.ruling === decision.ruling &&
    body.fingerprint === decision.fingerprint &&
    (body.reason ?? "") === decision.reason &&
    (body.note ?? "") === decision.note &&
    Math.abs((body.ground_m ?? 0) - (decision.ground_m ?? 0)) < 1e-9 &&
    asText(body.frames) === asText(decision.frames) &&
    asText(body.contacts) === asText(decision.contacts)
  );
}

function asText(value) {
  if (value === null || value === undefined || value.length === 0) return "";
  return JSON.stringify(value, (_, inner) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
