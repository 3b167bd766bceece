// The timeline: rows of marks over the frames, a cursor in step with the shown picture, trim marks, contacts to paint.

import { h, onceAPicture, sharp } from "wushu/clip/dom.js";
import { COLOURS } from "wushu/clip/palette.js";
import { GUTTER, MARGIN } from "wushu/clip/timescale.js";
import { seconds } from "wushu/clip/words.js";

const RULER = 22; // px
const ROW = 17;
const NEAR = 6; // px around a trim mark in which it is grasped
const DRAG = 4; // px from which a press is a drag

export class Timeline {
  // scale: Timescale; playhead: Playhead; edits: Edits; onSpan(check, frames): a failing span was clicked.
  constructor({ fps, scale, playhead, edits, onSpan, readOnly = false }) {
    Object.assign(this, { fps, scale, playhead, edits, onSpan, readOnly });
    this.rows = [];
    this.gesture = null;
    this.canvas = h("canvas", { class: "timeline-canvas" });
    this.cursor = h("div", { class: "cursor" });
    this.tip = h("div", { class: "tip", role: "tooltip" });
    this.tip.hidden = true;
    this.element = h(
      "div",
      { class: "timeline", tabindex: "0", role: "slider", "aria-label": "frame of the motion", "aria-valuemin": "0", "aria-valuemax": String(Math.max(0, playhead.nFrames - 1)) },
      this.canvas, this.cursor, this.tip,
    );
    this.redraw = onceAPicture(() => this.draw());
    this.canvas.addEventListener("pointerdown", (event) => this.#press(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("pointerup", (event) => this.#release(event));
    this.canvas.addEventListener("pointercancel", () => this.#drop());
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  setRows(rows) {
    this.rows = rows;
    this.redraw();
  }

  // tells: also say where we are to those who do not see it.
  showFrame(frame, tells = true) {
    const x = this.scale.x(frame + 0.5);
    this.cursor.hidden = x < GUTTER - 1 || x > this.scale.width - MARGIN + 1;
    this.cursor.style.transform = `translateX(${x.toFixed(1)}px)`;
    if (!tells) return;
    this.element.setAttribute("aria-valuenow", String(frame));
    this.element.setAttribute("aria-valuetext", `frame ${frame}, ${seconds(frame, this.fps)}`);
  }

  get height() {
    return RULER + this.rows.length * ROW + 4;
  }

  draw() {
    const { scale } = this;
    const context = sharp(this.canvas, scale.width, this.height);
    context.textBaseline = "middle";
    this.#drawRuler(context);
    this.rows.forEach((row, index) => this.#drawRow(context, row, RULER + index * ROW));
    this.#drawPaint(context);
    this.#drawTrim(context);
    context.fillStyle = COLOURS.back;
    context.fillRect(0, 0, GUTTER - 4, this.height);
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "right";
    this.rows.forEach((row, index) => {
      context.fillStyle = row.kind === "check" ? row.marks[0].colour : COLOURS.ink;
      context.fillText(shortened(context, row.label, GUTTER - 16), GUTTER - 10, RULER + (index + 0.5) * ROW);
    });
    this.showFrame(this.playhead.frame);
  }

  #drawRuler(context) {
    const { scale } = this;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "left";
    const step = tickStep(scale.pixelsPerFrame * this.fps);
    context.strokeStyle = COLOURS.line;
    for (let s = Math.ceil(scale.start / this.fps / step) * step; s * this.fps <= scale.stop; s += step) {
      const x = Math.round(scale.x(s * this.fps)) + 0.5;
      context.beginPath();
      context.moveTo(x, 4);
      context.lineTo(x, this.height);
      context.stroke();
      context.fillStyle = COLOURS.faint;
      context.fillText(step < 1 ? s.toFixed(step < 0.1 ? 2 : 1) : String(Math.round(s)), x + 3, 9);
    }
  }

  #drawRow(context, row, y) {
    const { scale } = this;
    context.fillStyle = COLOURS.band;
    context.fillRect(GUTTER, y + 2, scale.width - GUTTER - MARGIN, ROW - 4);
    for (const mark of row.marks) {
      const [x, width] = this.#extent(mark.frames);
      if (width <= 0) continue;
      if (mark.edited) {
        context.strokeStyle = mark.colour;
        context.lineWidth = 2;
        context.strokeRect(x + 1, y + 2, Math.max(1, width - 2), ROW - 4);
        context.lineWidth = 1;
      } else {
        context.fillStyle = mark.colour;
        context.fillRect(x, y + 3, width, ROW - 6);
      }
    }
  }

  #drawPaint(context) {
    const gesture = this.gesture;
    if (gesture?.kind !== "paint") return;
    const index = this.rows.findIndex((row) => row.foot === gesture.foot);
    const [x, width] = this.#extent(paintedFrames(gesture));
    context.fillStyle = gesture.stands ? COLOURS[gesture.foot] : COLOURS.back;
    context.strokeStyle = COLOURS.edited;
    context.lineWidth = 2;
    context.fillRect(x, RULER + index * ROW + 2, width, ROW - 4);
    context.strokeRect(x, RULER + index * ROW + 2, width, ROW - 4);
    context.lineWidth = 1;
  }

  #drawTrim(context) {
    const frames = this.edits.frames;
    if (!frames) return;
    const { scale } = this;
    const [first, last] = [scale.x(frames[0]), scale.x(frames[1])];
    const end = scale.width - MARGIN;
    context.fillStyle = COLOURS.outside;
    if (first > GUTTER) context.fillRect(GUTTER, 0, first - GUTTER, this.height);
    if (last < end) context.fillRect(Math.max(last, GUTTER), 0, end - Math.max(last, GUTTER), this.height);
    context.strokeStyle = context.fillStyle = COLOURS.accent;
    context.lineWidth = 2;
    for (const [x, inward] of [[first, 1], [last, -1]]) {
      if (x < GUTTER - 1 || x > end + 1) continue;
      context.beginPath();
      context.moveTo(x + 6 * inward, 1);
      context.lineTo(x, 1);
      context.lineTo(x, this.height - 1);
      context.lineTo(x + 6 * inward, this.height - 1);
      context.stroke();
      context.fillRect(x - (inward < 0 ? 5 : 0), 2, 5, RULER - 6);
    }
    context.lineWidth = 1;
  }

  // Place of a span on the screen, never thinner than can be seen; nothing of it under the names.
  #extent([start, stop]) {
    const left = Math.max(GUTTER, this.scale.x(start));
    const right = Math.min(this.scale.width - MARGIN, Math.max(this.scale.x(stop), this.scale.x(start) + 2));
    return [left, right - left];
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const row = y < RULER ? null : this.rows[Math.floor((y - RULER) / ROW)] ?? null;
    const frame = this.scale.frame(x);
    const reach = 2 / this.scale.pixelsPerFrame;
    const marks = row?.marks.filter(({ frames }) => frame >= Math.floor(frames[0] - reach) && frame < frames[1] + reach) ?? [];
    return { x, y, row, frame, mark: marks.find((m) => m.edited) ?? marks[0] ?? null };
  }

  #press(event) {
    if (event.button !== 0 || this.playhead.nFrames < 1) return;
    const at = this.#at(event);
    if (at.x < GUTTER - 4) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    const handle = this.#trimHandle(at);
    if (handle) this.gesture = { kind: "trim", handle, moved: false, x: at.x };
    else if (at.row?.foot && !this.readOnly) {
      const stands = this.edits.stands(at.row.foot)[at.frame] !== 1;
      this.gesture = { kind: "paint", foot: at.row.foot, from: at.frame, to: at.frame, stands, moved: false, x: at.x };
    } else {
      this.gesture = { kind: "seek", moved: false, x: at.x, mark: at.mark };
      if (!at.mark?.check) this.playhead.seek(at.frame);
    }
  }

  #move(event) {
    const at = this.#at(event);
    const gesture = this.gesture;
    if (!gesture) {
      this.#hover(at);
      return;
    }
    gesture.moved ||= Math.abs(at.x - gesture.x) >= DRAG;
    if (!gesture.moved) return;
    if (gesture.kind === "seek") this.playhead.seek(at.frame);
    if (gesture.kind === "paint") {
      gesture.to = at.frame;
      this.playhead.seek(at.frame);
      this.redraw();
    }
    if (gesture.kind === "trim") {
      gesture.frame = at.frame;
      this.playhead.seek(at.frame);
    }
  }

  #release(event) {
    const gesture = this.gesture;
    if (!gesture) return;
    this.gesture = null;
    const at = this.#at(event);
    if (gesture.kind === "paint") {
      if (gesture.moved) this.edits.paint(gesture.foot, paintedFrames(gesture), gesture.stands);
      else this.playhead.seek(at.frame);
    }
    if (gesture.kind === "trim" && gesture.moved) {
      if (gesture.handle === "first") this.edits.markFirst(gesture.frame);
      else this.edits.markLast(gesture.frame);
    }
    if (gesture.kind === "seek" && !gesture.moved && gesture.mark?.check) this.onSpan(gesture.mark.check, gesture.mark.frames);
    this.redraw();
  }

  #drop() {
    this.gesture = null;
    this.redraw();
  }

  #trimHandle({ x, y }) {
    const frames = this.edits.frames;
    if (!frames || y > RULER) return null;
    if (Math.abs(x - this.scale.x(frames[0])) <= NEAR) return "first";
    return Math.abs(x - this.scale.x(frames[1])) <= NEAR ? "last" : null;
  }

  #hover(at) {
    const handle = this.#trimHandle(at);
    this.canvas.style.cursor = handle ? "ew-resize" : at.row?.foot && !this.readOnly ? "crosshair" : at.mark?.check ? "pointer" : "default";
    const text = at.x < GUTTER - 4 ? at.row?.title : `${at.frame} (${seconds(at.frame, this.fps)})${at.mark ? " · " + at.mark.text : ""}`;
    this.tip.hidden = !text;
    if (!text) return;
    this.tip.textContent = text;
    const room = this.scale.width - this.tip.offsetWidth - 4;
    this.tip.style.transform = `translate(${Math.max(0, Math.min(room, at.x + 12))}px, ${at.y + 16}px)`;
  }

  #wheel(event) {
    if (event.ctrlKey || event.metaKey) this.scale.zoom(Math.exp(-event.deltaY * 0.004), this.#at(event).frame);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.scale.pan((event.deltaX || event.deltaY) / this.scale.pixelsPerFrame);
    } else return;
    event.preventDefault();
  }
}

const paintedFrames = ({ from, to }) => [Math.min(from, to), Math.max(from, to) + 1];

function tickStep(pixelsPerSecond) {
  const steps = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
  return steps.find((step) => step * pixelsPerSecond >= 44) ?? 600;
}

function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(text.slice(0, length) + "…").width > width) length -= 1;
  return text.slice(0, length) + "…";
}
