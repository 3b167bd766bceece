// The one film of source, body and robot, and what is drawn over it: the human's ghost, contacts, the frame's number.

import { fill, h, sharp } from "wushu/clip/dom.js";
import { COLOURS } from "wushu/clip/palette.js";
import { seconds } from "wushu/clip/words.js";

const TALLEST = 0.42; // of the window, all panels side by side
const TALLEST_ALONE = 0.6; // one of them
const SHARE_BESIDE = 0.5; // of the width, with the free view beside it
const ANKLES = { left: 7, right: 8 }; // joints of SMPL

export class Film {
  // view: the clip view; address: of the film, or null.
  constructor(view, address) {
    this.view = view;
    this.film = address ? view.video : null;
    this.panel = null; // index of the one panel shown, null = all
    this.beside = false; // the free view stands beside it
    this.ghost = null; // Float32Array of frames x joints x 2 [px of the film]
    this.ghostShown = false;
    this.contacts = null; // {left: Uint8Array, right: Uint8Array}
    this.frame = 0;
    this.video = this.film
      ? h("video", { class: "film-video", src: address, preload: "auto", playsinline: true, "aria-label": "source, body and robot side by side" })
      : null;
    if (this.video) this.video.muted = true;
    this.canvas = h("canvas", { class: "film-canvas", "aria-hidden": "true" });
    this.box = h("div", { class: "film-box" }, this.video, this.canvas);
    this.sentence = h("p", { class: "film-sentence", role: "status" });
    this.element = h("div", { class: "film" }, this.film ? this.box : null, this.sentence);
    this.sentence.hidden = true;
    this.watcher = new ResizeObserver(() => this.layOut());
    this.watcher.observe(this.element);
  }

  // Say why there is no film, or no longer.
  say(text, ...more) {
    fill(this.sentence, text, more);
    this.sentence.hidden = false;
    if (this.video) this.box.hidden = true;
  }

  get panels() {
    return this.film?.panels ?? [];
  }

  // All panels, then each by itself, then all again.
  nextPanel() {
    const n = this.panels.length;
    if (n < 2) return;
    const round = this.beside ? n - 1 : null; // side by side with the free view, there is room for one
    this.panel = this.panel === null ? n - 1 : this.panel === 0 ? round : this.panel - 1;
    this.layOut();
  }

  // Show the robot alone while the free view shows it too, and what was shown before again.
  standBeside(beside) {
    if (beside === this.beside || !this.film) return;
    if (beside) this.alone = this.panel;
    this.beside = beside;
    const robot = this.panels.findIndex((panel) => panel.name === "robot");
    this.panel = beside ? (robot < 0 ? this.panel : robot) : this.alone;
    this.element.classList.toggle("beside", beside);
    if (!beside) this.element.style.flex = "";
    this.layOut();
  }

  get region() {
    const panel = this.panel === null ? null : this.panels[this.panel];
    return panel ? { x: panel.x, width: panel.width } : { x: 0, width: this.film.width };
  }

  layOut() {
    if (!this.film) return;
    const { x, width } = this.region;
    const most = Math.max(180, window.innerHeight * (this.panel === null || this.beside ? TALLEST : TALLEST_ALONE));
    const room = this.beside ? SHARE_BESIDE * (this.element.parentElement?.clientWidth ?? 0) : this.element.clientWidth;
    const scale = Math.min(room / width, most / this.film.height);
    if (!(scale > 0)) return;
    this.scale = scale;
    if (this.beside) this.element.style.flex = `0 0 ${width * scale}px`;
    this.box.style.width = width * scale + "px";
    this.box.style.height = this.film.height * scale + "px";
    this.video.style.width = this.film.width * scale + "px";
    this.video.style.height = this.film.height * scale + "px";
    this.video.style.left = -x * scale + "px";
    this.draw();
  }

  show(frame) {
    this.frame = frame;
    this.draw();
  }

  // Only the robot's panel is drawn over: every pixel of a canvas costs the film pictures on a slow machine.
  draw() {
    if (!this.film || !this.scale) return;
    const panel = this.robotPanel;
    const { x, width } = this.region;
    const hidden = panel.x + panel.width <= x || panel.x >= x + width;
    this.canvas.hidden = hidden;
    if (hidden) return;
    this.canvas.style.left = (panel.x - x) * this.scale + "px";
    const context = sharp(this.canvas, panel.width * this.scale, this.film.height * this.scale, { willReadFrequently: true });
    context.save();
    context.scale(this.scale, this.scale);
    context.translate(-panel.x, 0);
    if (this.ghostShown && this.ghost) this.#drawGhost(context);
    this.#drawFeet(context);
    context.restore();
  }

  get robotPanel() {
    return this.panels.find((panel) => panel.name === "robot") ?? { x: 0, width: this.film.width };
  }

  #drawGhost(context) {
    const parents = this.view.ghost?.parents ?? [];
    const n = parents.length;
    const at = (joint, axis) => this.ghost[(this.frame * n + joint) * 2 + axis];
    if ((this.frame + 1) * n * 2 > this.ghost.length) return;
    context.save();
    context.lineCap = "round";
    for (const [colour, thick, alpha] of [["#ffffff", 6, 0.55], [COLOURS.ghost, 3, 0.9]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.globalAlpha = alpha;
      context.beginPath();
      for (let joint = 0; joint < n; joint += 1) {
        if (parents[joint] < 0) continue;
        context.moveTo(at(parents[joint], 0), at(parents[joint], 1));
        context.lineTo(at(joint, 0), at(joint, 1));
      }
      context.stroke();
    }
    context.globalAlpha = 1;
    for (const foot of ["left", "right"]) {
      if (n <= ANKLES[foot] || !this.contacts?.[foot]?.[this.frame]) continue;
      context.strokeStyle = COLOURS[foot];
      context.lineWidth = 3;
      context.beginPath();
      context.arc(at(ANKLES[foot], 0), at(ANKLES[foot], 1), 9, 0, 2 * Math.PI);
      context.stroke();
    }
    context.restore();
  }

  // Below the robot: which feet stand, and the frame.
  #drawFeet(context) {
    const panel = this.robotPanel;
    const y = this.film.height - 16;
    context.font = "600 17px system-ui, sans-serif";
    context.textBaseline = "middle";
    let x = panel.x + 12;
    for (const foot of ["left", "right"]) {
      const stands = this.contacts?.[foot]?.[this.frame];
      context.beginPath();
      context.arc(x + 7, y, 7, 0, 2 * Math.PI);
      context.lineWidth = 2;
      context.strokeStyle = "#ffffff";
      context.fillStyle = stands ? COLOURS[foot] : "rgba(255, 255, 255, 0.25)";
      context.fill();
      context.stroke();
      this.#text(context, foot === "left" ? "L" : "R", x + 19, y);
      x += 44;
    }
    const text = `${this.frame}  ${seconds(this.frame, this.view.fps)}`;
    this.#text(context, text, panel.x + panel.width - 12 - context.measureText(text).width, y);
  }

  #text(context, text, x, y) {
    context.lineWidth = 3;
    context.strokeStyle = "rgba(20, 20, 20, 0.85)";
    context.strokeText(text, x, y);
    context.fillStyle = "#ffffff";
    context.fillText(text, x, y);
  }

  close() {
    this.watcher.disconnect();
  }
}
