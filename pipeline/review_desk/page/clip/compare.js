// What the motion as it stood is compared with: nothing, a mended piece, or the preview of edits.

import { json } from "wushu/answers.js";
import { fill, h } from "wushu/clip/dom.js";

export class Compare extends EventTarget {
  constructor({ path, view, plots, tell }) {
    super();
    Object.assign(this, { path, view, plots, tell });
    this.name = null; // "piece-1", "preview-KEY" or null
    this.preview = null;
    this.after = null; // {frames, series, ...} of what is chosen
    this.read = new Map();
    this.select = h("select", { "aria-label": "compare with", onchange: () => this.#picked() });
    this.element = h("label", { class: "compare" }, "compare with ", this.select);
    this.#fill();
  }

  // What the free view is to show beside the motion: null, or which motion, of which frames, with which leads.
  get shown() {
    if (!this.after) return null;
    const { frames, n_lead_in = 0, n_lead_out = 0 } = this.after;
    return { of: this.name, frames, n_lead_in, n_lead_out };
  }

  addPreview(preview) {
    this.preview = preview && { ...preview, name: "preview-" + preview.key, series: preview.series ?? [] };
    this.choose(this.preview ? this.preview.name : this.name?.startsWith("preview-") ? null : this.name);
  }

  async choose(name) {
    this.name = name;
    this.#fill();
    const after = await this.#after(name);
    if (this.name !== name) return; // another was chosen meanwhile
    this.after = after;
    this.plots.setAfter(after);
    this.dispatchEvent(new Event("change"));
  }

  #picked() {
    this.select.blur();
    this.choose(this.select.value || null);
  }

  #fill() {
    const options = (this.view.pieces ?? []).map((piece) => ["piece-" + piece.number, "piece " + piece.number]);
    if (this.preview) options.push([this.preview.name, "preview"]);
    fill(this.select, h("option", { value: "" }, "nothing"), options.map(([value, text]) => h("option", { value }, text)));
    this.select.value = this.name ?? "";
    this.element.hidden = !options.length;
  }

  async #after(name) {
    if (name === null) return null;
    if (name.startsWith("preview-")) return this.preview;
    try {
      if (!this.read.has(name)) this.read.set(name, await json(`${this.path}/pieces/${name.slice("piece-".length)}`));
      return this.read.get(name);
    } catch (error) {
      this.tell(error.message);
      return null;
    }
  }
}
