// Which frames the timeline and the plots show, and where on the screen.

export const GUTTER = 176; // px left of the frames, for names
export const MARGIN = 10; // px right of them

const FEWEST = 20; // frames shown at the highest zoom

export class Timescale extends EventTarget {
  constructor(nFrames) {
    super();
    this.nFrames = Math.max(1, nFrames);
    this.start = 0;
    this.stop = this.nFrames;
    this.width = 600;
  }

  get pixelsPerFrame() {
    return (this.width - GUTTER - MARGIN) / (this.stop - this.start);
  }

  get zoomed() {
    return this.stop - this.start < this.nFrames - 0.5;
  }

  // Left edge of a frame [px].
  x(frame) {
    return GUTTER + (frame - this.start) * this.pixelsPerFrame;
  }

  // Frame under a point, within the motion.
  frame(x) {
    const at = Math.floor(this.start + (x - GUTTER) / this.pixelsPerFrame);
    return Math.max(0, Math.min(this.nFrames - 1, at));
  }

  zoom(factor, around) {
    const length = Math.max(Math.min(FEWEST, this.nFrames), Math.min(this.nFrames, (this.stop - this.start) / factor));
    const share = (around + 0.5 - this.start) / (this.stop - this.start);
    this.#set(around + 0.5 - share * length, length);
  }

  pan(frames) {
    this.#set(this.start + frames, this.stop - this.start);
  }

  all() {
    this.#set(0, this.nFrames);
  }

  // Move on by a screenful when the frame has left it.
  keepInSight(frame) {
    if (!this.zoomed || (frame >= this.start && frame < this.stop)) return;
    const length = this.stop - this.start;
    this.#set(frame - length * 0.1, length);
  }

  #set(start, length) {
    this.start = Math.max(0, Math.min(this.nFrames - length, start));
    this.stop = this.start + length;
    this.dispatchEvent(new Event("change"));
  }
}
