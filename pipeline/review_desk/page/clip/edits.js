// What a reviewer would change of the clip: trim marks, contact labels, how high the robot stands; with undo.
// Nothing of it is kept anywhere until it goes into a decision.

// Farther from where it was solved nobody may put the robot.
export const HIGHEST_M = 0.2;

const NOTHING = Object.freeze({ first: null, stop: null, ground_m: 0, painted: [] });

export class Edits extends EventTarget {
  // contacts: {left: spans, right: spans} as the motion has them.
  constructor({ nFrames, contacts }) {
    super();
    this.nFrames = nFrames;
    this.original = { left: flags(contacts?.left, nFrames), right: flags(contacts?.right, nFrames) };
    this.now = NOTHING;
    this.past = [];
  }

  get any() {
    return this.trimmed || this.now.ground_m !== 0 || this.contacts.length > 0;
  }

  get trimmed() {
    return this.now.first !== null || this.now.stop !== null;
  }

  // Kept frames, [first, one after the last], or null for all.
  get frames() {
    if (!this.trimmed) return null;
    return [this.now.first ?? 0, this.now.stop ?? this.nFrames];
  }

  // Contact labels after the edits.
  stands(foot) {
    const result = this.original[foot].slice();
    for (const paint of this.now.painted) if (paint.foot === foot) result.fill(paint.stands ? 1 : 0, ...paint.frames);
    return result;
  }

  // Where the labels differ from the motion's, as the interface wants them; painting something back leaves nothing.
  get contacts() {
    const found = [];
    for (const foot of ["left", "right"]) {
      const after = this.stands(foot);
      const before = this.original[foot];
      for (let frame = 0; frame < this.nFrames; frame += 1) {
        if (after[frame] === before[frame]) continue;
        const start = frame;
        while (frame + 1 < this.nFrames && after[frame + 1] !== before[frame + 1] && after[frame + 1] === after[start]) frame += 1;
        found.push({ foot, frames: [start, frame + 1], stands: after[start] === 1 });
      }
    }
    return found;
  }

  get request() {
    return { frames: this.frames, ground_m: this.now.ground_m, contacts: this.contacts };
  }

  // Keep from this frame on.
  markFirst(frame) {
    const stop = this.now.stop !== null && this.now.stop <= frame ? null : this.now.stop;
    this.#change({ first: frame, stop });
  }

  // Keep up to this frame, itself included.
  markLast(frame) {
    const first = this.now.first !== null && this.now.first > frame ? null : this.now.first;
    this.#change({ first, stop: frame + 1 });
  }

  paint(foot, frames, stands) {
    if (frames[1] > frames[0]) this.#change({ painted: [...this.now.painted, { foot, frames, stands }] });
  }

  // Raise the robot (+) or lower it (-); kept to a tenth of a millimetre.
  nudge(metres) {
    this.setGround(this.now.ground_m + metres);
  }

  setGround(metres) {
    if (!Number.isFinite(metres)) return;
    this.#change({ ground_m: Math.round(Math.max(-HIGHEST_M, Math.min(HIGHEST_M, metres)) * 1e4) / 1e4 });
  }

  // Take up what was kept of earlier edits; what does not fit this motion is left out.
  restore({ first = null, stop = null, ground_m = 0, painted = [] }) {
    const frame = (value) => (Number.isInteger(value) && value >= 0 && value <= this.nFrames ? value : null);
    const fits = ({ foot, frames }) => foot in this.original && frame(frames?.[0]) !== null && frame(frames?.[1]) > frames[0];
    this.now = Object.freeze({ first: frame(first), stop: frame(stop), ground_m: Number(ground_m) || 0, painted: painted.filter(fits) });
  }

  // The same, for all who look; there is nothing to undo of it.
  take(kept) {
    this.restore(kept);
    this.past.length = 0;
    this.dispatchEvent(new Event("change"));
  }

  undo() {
    if (!this.past.length) return false;
    this.now = this.past.pop();
    this.dispatchEvent(new Event("change"));
    return true;
  }

  clear() {
    if (this.now !== NOTHING) this.#change(NOTHING);
  }

  #change(facts) {
    this.past.push(this.now);
    this.now = Object.freeze({ ...this.now, ...facts });
    this.dispatchEvent(new Event("change"));
  }
}

export function flags(spans, nFrames) {
  const result = new Uint8Array(nFrames);
  for (const [start, stop] of spans ?? []) result.fill(1, start, stop);
  return result;
}

export function runs(values) {
  const found = [];
  for (let i = 0; i < values.length; i += 1) {
    if (!values[i]) continue;
    const start = i;
    while (i + 1 < values.length && values[i + 1]) i += 1;
    found.push([start, i + 1]);
  }
  return found;
}
