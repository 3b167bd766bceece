// One line of the list. Lines are filled again and again with other clips while the list is scrolled.

import { fileUrl } from "wushu/answers.js";
import { h } from "wushu/clip/dom.js";
import { kindName, MARKS, score, seconds, STATES, told, USES } from "wushu/words.js";

export const ROW_HEIGHT = 64; // px, as in style.css

const REST_MS = 60; // a line that is only scrolled past fetches no picture

const DRAFTED = "Edited on its page, and not decided yet: Enter shows it.";

let made = 0;

export class Row {
  #shown = "";
  #timer = 0;

  constructor() {
    this.item = null;
    this.tick = h("span", { class: "tick", title: "Mark for a decision on many (x)" });
    this.picture = h("img", { alt: "", width: "132", height: "58", draggable: "false" });
    this.picture.addEventListener("error", () => this.picture.removeAttribute("src"));
    this.name = h("span", { class: "name" });
    this.why = h("span", { class: "why" });
    this.ruling = h("span", { class: "why ruling" });
    this.duration = h("span", { class: "number" });
    this.usable = h("span", { class: "number" });
    this.score = h("span", { class: "number" });
    this.outcome = h("span", { class: "chip" });
    this.state = h("span", { class: "state" });
    this.use = h("span", { class: "use" });
    this.element = h(
      "div",
      { class: "row", role: "option", id: `row-${(made += 1)}` },
      this.tick,
      h("span", { class: "thumb" }, this.picture),
      h("span", { class: "text" }, this.name, this.why, this.ruling),
      this.duration,
      this.usable,
      this.score,
      h("span", {}, this.outcome),
      this.state,
      this.use,
    );
  }

  show(item, { at, size, isCurrent, isMarked, isPending, note, drafted }) {
    const { element } = this;
    element.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
    element.classList.toggle("current", isCurrent);
    element.classList.toggle("marked", isMarked);
    element.setAttribute("aria-selected", String(isCurrent));
    element.setAttribute("aria-checked", String(isMarked));
    element.setAttribute("aria-posinset", String(at + 1));
    element.setAttribute("aria-setsize", String(size));
    const isOther = this.item?.id !== item.id;
    const shown = `${isPending}${drafted}${note}`;
    if (this.item === item && this.#shown === shown) return;
    this.item = item;
    this.#shown = shown;
    if (isOther) this.#picture(item);
    this.#texts(item, { isPending, note, drafted });
  }

  #texts(item, { isPending, note, drafted }) {
    this.element.dataset.id = item.id;
    this.element.dataset.state = item.state;
    this.element.dataset.outcome = item.outcome;
    this.name.textContent = item.name;
    this.name.title = `${item.name}\n${item.source}\n${item.id}`;
    this.why.textContent = item.short_reason;
    this.why.hidden = !item.short_reason;
    this.ruling.textContent = item.decision ? told(item.decision) : "";
    this.ruling.title = this.ruling.textContent;
    this.ruling.hidden = !item.decision;
    this.why.title = [item.reason, item.kinds.map(kindName).join(", ")].filter(Boolean).join("\n");
    this.duration.textContent = seconds(item.duration_s);
    this.usable.textContent = seconds(item.usable_s);
    this.score.textContent = score(item.score);
    this.outcome.textContent = item.outcome;
    this.outcome.className = `chip ${item.outcome}`;
    this.use.textContent = item.use;
    this.use.className = `use ${item.use}`;
    this.use.title = USES[item.use] ?? item.use;
    const state = item.fingerprint === null && item.state === "todo" ? "" : STATES[item.state];
    const marks = Object.keys(MARKS).filter((mark) => item[mark]);
    this.state.replaceChildren(
      h("span", { class: `said ${item.state}` }, state),
      ...marks.map((mark) => h("span", { class: "mark", title: MARKS[mark][1] }, MARKS[mark][0])),
      ...(isPending ? [h("span", { class: "mark pending" }, "not confirmed yet")] : []),
      ...(drafted ? [h("span", { class: "mark note", title: DRAFTED }, "edits ✎")] : []),
      ...(note ? [h("span", { class: "mark note", title: note }, "note ✎")] : []),
    );
  }

  #picture(item) {
    clearTimeout(this.#timer);
    this.picture.removeAttribute("src");
    if (!item.has_poster) return;
    this.#timer = setTimeout(() => {
      const url = fileUrl(`/api/clips/${item.id}/files/poster.jpg`);
      if (url !== null) this.picture.src = url;
    }, REST_MS);
  }
}
