// The motion after a repair or with a reviewer's edits: which of its frames belongs to which of the clip.

export class After {
  // facts: {frames: [a, b] of the clip, n_lead_in, n_lead_out}; leads stand before and after what comes from the clip.
  constructor({ of, facts, robot, fps, onFrame }) {
    Object.assign(this, { of, robot, fps, onFrame });
    const n = robot.track.nFrames;
    [this.start, this.stop] = facts.frames ?? [0, n];
    this.nLeadIn = Math.min(n - 1, facts.n_lead_in ?? 0);
    this.nLeadOut = Math.min(n - 1 - this.nLeadIn, facts.n_lead_out ?? 0);
    const kept = n - this.nLeadIn - this.nLeadOut;
    this.rate = kept / Math.max(1, this.stop - this.start); // another than 1 where a repair changed the speed
    this.lead = null; // {begin, end, since} while a lead is played by itself
  }

  get leading() {
    return this.lead !== null;
  }

  frameAt(frame) {
    const own = this.nLeadIn + Math.floor((frame - this.start) * this.rate + 1e-6);
    return Math.max(0, Math.min(this.robot.track.nFrames - 1, own));
  }

  // Play what a lead adds, which the film does not have; then the view is in step with the film again.
  playLead(which) {
    const n = this.robot.track.nFrames;
    const [begin, end] = which === "in" ? [0, this.nLeadIn] : [n - this.nLeadOut, n];
    const since = performance.now();
    this.lead = { begin, end, now: begin };
    const lead = this.lead;
    const tick = (now) => {
      if (this.lead !== lead) return;
      lead.now = begin + Math.floor((Math.max(0, now - since) / 1000) * this.fps);
      if (lead.now >= end) this.lead = null;
      else requestAnimationFrame(tick);
      this.onFrame();
    };
    requestAnimationFrame(tick);
  }

  show(frame) {
    this.robot.show(this.lead ? this.lead.now : this.frameAt(frame));
  }

  told(frame) {
    if (this.lead) return `lead, frame ${this.lead.now}`;
    if (frame < this.start - this.nLeadIn / this.rate) return "after: not begun";
    if (frame < this.start) return "after: lead-in";
    if (frame >= this.stop) return frame < this.stop + this.nLeadOut / this.rate ? "after: lead-out" : "after: over";
    return `after: frame ${this.frameAt(frame)}`;
  }

  free() {
    this.lead = null;
    this.robot.free();
  }
}
