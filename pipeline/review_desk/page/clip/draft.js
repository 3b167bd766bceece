// Edits that are in no decision yet outlive a look at another clip, and a reload, in this tab. Those of the reviewer's own
// decision that stands are shown as they were decided: to accept once more repeats it.

import { draftKey } from "wushu/drafts.js";

export class Draft {
  // item: the clip as it was loaded, by whose motion the draft is kept; by: who reviews.
  constructor(edits, item, by) {
    Object.assign(this, { edits, key: draftKey(item), fingerprint: item.fingerprint });
    this.decided = NOTHING;
    this.stand(item.decision, by);
    const kept = read(this.key);
    const now = kept ?? standing(item.decision, by, this.fingerprint);
    if (now) edits.restore(now);
    edits.addEventListener("change", () => this.#keep());
  }

  // What this reviewer has decided of the motion, from now on.
  stand(decision, by) {
    const mine = standing(decision, by, this.fingerprint);
    this.decided = mine ? JSON.stringify({ frames: decision.frames ?? null, ground_m: decision.ground_m || 0, contacts: decision.contacts ?? [] }) : NOTHING;
  }

  // The edits are in a decision now: show them as those that were decided.
  arrived(decision, by) {
    this.stand(decision, by);
    const mine = standing(decision, by, this.fingerprint);
    if (mine) this.edits.take(mine);
    this.#keep();
  }

  get isDecided() {
    return sorted(this.edits.request) === sorted(JSON.parse(this.decided));
  }

  #keep() {
    write(this.key, this.isDecided ? null : this.edits.now);
  }
}

const NOTHING = JSON.stringify({ frames: null, ground_m: 0, contacts: [] });

// The same edits are the same text, in whatever order they were written.
function sorted({ frames, ground_m, contacts }) {
  const one = ({ foot, frames: [a, b], stands }) => [foot, a, b, stands];
  return JSON.stringify([frames, ground_m, contacts.map(one).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]))]);
}

// An own decision's edits, as they are kept; null where it has none, or is of another motion.
function standing(decision, by, fingerprint) {
  if (!decision || decision.ruling !== "accept" || decision.by !== by || decision.fingerprint !== fingerprint) return null;
  const { frames, ground_m, contacts } = decision;
  if (!frames && !ground_m && !contacts?.length) return null;
  return { first: frames?.[0] ?? null, stop: frames?.[1] ?? null, ground_m: ground_m || 0, painted: contacts ?? [] };
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null; // no storage here, or not of ours
  }
}

function write(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // no storage here: the edits last as long as the page
  }
}
