// The buttons of the free view.

import { button, h } from "wushu/clip/dom.js";

const PLACES = [
  ["film", "Film", "as the film's camera stands"],
  ["front", "Front", "from where the robot looks"],
  ["side", "Side", "from the robot's left"],
  ["top", "Top", "from above"],
];

export class Tools {
  constructor(view) {
    this.view = view;
    this.places = PLACES.map(([where, word, title]) =>
      button({ title, onclick: () => view.robot && view.standAt(where) }, word));
    this.follow = this.#toggle("Follow", "the camera goes with the robot, or stays where it is", () => {
      view.follows = !view.follows;
    });
    this.ghost = this.#toggle("Ghost", "the human in the robot's size", () => view.show({ ghost: !view.wanted.ghost }));
    this.traces = this.#toggle("Traces", "paths of feet and pelvis on the floor; dots where a foot stood", () => {
      if (view.trace) view.trace.root.visible = !view.trace.root.visible;
    });
    const leads = [["in", "▶ Lead-in"], ["out", "▶ Lead-out"]];
    this.leads = leads.map(([which, word]) => {
      const title = `play what is added ${which === "in" ? "before" : "after"} it, which the film does not have`;
      return button({ title, onclick: () => view.after?.playLead(which) }, word);
    });
    this.bar = h("div", { role: "toolbar", "aria-label": "free view" },
      this.places, this.follow, this.ghost, this.traces, this.leads);
    Object.assign(this.bar.style, {
      position: "absolute", left: "8px", top: "8px", right: "8px", display: "flex", flexWrap: "wrap", gap: "4px",
    });
    this.refresh();
  }

  refresh() {
    const { view } = this;
    this.follow.setAttribute("aria-pressed", String(view.follows));
    this.ghost.setAttribute("aria-pressed", String(view.wanted.ghost));
    this.ghost.disabled = !view.view.ghost;
    this.traces.setAttribute("aria-pressed", String(view.trace?.root.visible ?? true));
    this.leads[0].hidden = !(view.after?.nLeadIn > 0);
    this.leads[1].hidden = !(view.after?.nLeadOut > 0);
  }

  #toggle(word, title, onclick) {
    return button({
      title,
      class: "switch",
      "aria-pressed": "false",
      onclick: () => {
        onclick();
        this.refresh();
        this.view.draw();
      },
    }, word);
  }
}
