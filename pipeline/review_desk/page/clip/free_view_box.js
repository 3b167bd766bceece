// The place of the free view beside the film: it is fetched when it is first asked for.

import { fill, h } from "wushu/clip/dom.js";

export class FreeViewBox {
  constructor({ id, view, playhead, film, controls }) {
    Object.assign(this, { id, view, playhead, film, controls });
    this.isOpen = false;
    this.wanted = {};
    this.element = h("div", { class: "three-box" });
    this.element.hidden = true;
  }

  // What is shown in it: {ghost, after}.
  show(wanted) {
    this.wanted = wanted;
    this.scene?.show(wanted);
  }

  async toggle() {
    this.isOpen = !this.isOpen;
    this.element.hidden = !this.isOpen;
    this.film.standBeside(this.isOpen);
    if (this.isOpen) await this.#open();
    else this.close();
    this.controls.shown3d = this.isOpen;
    this.controls.show();
  }

  close() {
    this.isOpen = false;
    this.scene?.close();
    this.scene = null;
  }

  async #open() {
    fill(this.element, h("p", { class: "faint" }, "Opening 3D…"));
    try {
      const { open3d } = await import("wushu/three/view.js");
      if (!this.isOpen) return;
      fill(this.element);
      const scene = await open3d(this.element, { id: this.id, playhead: this.playhead, view: this.view });
      if (!this.isOpen) {
        scene?.close();
        return;
      }
      this.scene = scene;
      scene.show(this.wanted);
    } catch (error) {
      fill(this.element, h("p", { class: "problem", role: "alert" }, "No 3D: " + error.message));
    }
  }
}
