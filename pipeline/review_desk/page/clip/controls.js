// The bar under the film: play, step, speed, the frame, what is shown.

import { button, fill, h } from "wushu/clip/dom.js";
import { SPEEDS } from "wushu/clip/playhead.js";
import { seconds } from "wushu/clip/words.js";

export class Controls {
  constructor({ view, playhead, scale, film, toggle3d, toggleGhost }) {
    Object.assign(this, { view, playhead, scale, film });
    this.shown3d = false;
    this.play = button({ class: "play", onclick: () => playhead.toggle() });
    this.frame = h("output", { class: "frame-number", "aria-label": "shown frame" });
    this.speed = h("select", { "aria-label": "speed", title: "slower (,) faster (.)", onchange: () => this.#setSpeed() }, SPEEDS.map((speed) => h("option", { value: speed }, speed + "×")));
    this.ghost = view.ghost ? button({ class: "switch", title: "the human over the robot (g)", onclick: () => toggleGhost() }, "Ghost") : null;
    this.three = button({ class: "switch", title: "free camera (d)", onclick: () => toggle3d() }, "3D");
    const zoom = (factor, text, title) => button({ title, "aria-label": title, onclick: () => scale.zoom(factor, playhead.frame) }, text);
    this.whole = button({ title: "all frames (0)", onclick: () => scale.all() }, "all");
    this.element = h(
      "div",
      { class: "controls", role: "toolbar", "aria-label": "film" },
      button({ title: "back one frame (←)", "aria-label": "back one frame", onclick: () => playhead.step(-1) }, "‹"),
      this.play,
      button({ title: "on one frame (→)", "aria-label": "on one frame", onclick: () => playhead.step(1) }, "›"),
      this.speed,
      this.frame,
      h("span", { class: "spread" }),
      film.panels.length > 1 ? button({ title: "all, or one of the views (v)", onclick: () => film.nextPanel() }, "View") : null,
      this.ghost,
      this.three,
      h("span", { class: "zoom" }, zoom(0.5, "−", "more frames (-)"), zoom(2, "+", "fewer frames (+)"), this.whole),
    );
    this.show();
  }

  showFrame() {
    const { playhead } = this;
    this.frame.textContent = `${playhead.frame} / ${Math.max(0, playhead.nFrames - 1)} · ${seconds(playhead.frame, this.view.fps)}`;
  }

  show() {
    const { playhead } = this;
    const text = playhead.playing ? "Pause" : "Play";
    if (this.play.textContent !== text) fill(this.play, text);
    this.play.title = text + " (space)";
    this.speed.value = String(playhead.speed);
    this.showFrame();
    this.ghost?.setAttribute("aria-pressed", String(this.film.ghostShown));
    this.three.setAttribute("aria-pressed", String(this.shown3d));
  }

  #setSpeed() {
    this.speed.blur();
    this.playhead.setSpeed(Number(this.speed.value));
  }
}
