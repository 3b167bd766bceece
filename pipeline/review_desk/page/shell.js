// The frame of the page: its head, the list or one clip beneath, and messages.

import { offline } from "wushu/answers.js";
import { button, fill, h } from "wushu/clip/dom.js";
import { progressOf } from "wushu/filters.js";
import { showHelp } from "wushu/help.js";
import { ListView } from "wushu/list.js";
import { Messages } from "wushu/toast.js";
import { seconds } from "wushu/words.js";

export class Shell {
  #app;
  #clip = null;

  constructor(app, root) {
    this.#app = app;
    this.messages = new Messages();
    this.list = new ListView(app);
    this.#build(root);
    this.draw();
  }

  showList() {
    this.#leaveClip();
    this.list.element.hidden = false;
    document.title = `Review: ${lastPart(this.#app.session.dataset)}`;
    this.draw();
    this.list.reveal(this.#app.current);
    this.list.focus();
  }

  // Make room for a clip's page; returns its container.
  showClip(id) {
    this.#leaveClip();
    this.list.element.hidden = true;
    this.#clip = h("main", { class: "clip-place", "aria-label": "Clip" });
    this.place.append(this.#clip);
    document.title = this.#app.item(id).name;
    this.draw();
    return this.#clip;
  }

  clipFailed(error) {
    fill(this.#clip, h("p", { class: "starting bad" }, `This clip cannot be shown: ${error.message}`));
  }

  search() {
    this.list.search.focus();
    this.list.search.select();
  }

  clearSearch() {
    if (this.#app.query.text) this.#app.show({ text: "" });
  }

  draw() {
    const { session, items, name } = this.#app;
    const sums = progressOf(items);
    this.bar.value = sums.seconds > 0 ? sums.done_s / sums.seconds : 0;
    this.sums.textContent = `${seconds(sums.done_s)} of ${seconds(sums.seconds)} reviewed, ${sums.done} of ${sums.clips} clips`;
    this.who.textContent = session.read_only || offline ? "looking only" : (name ?? "Who reviews?");
    this.tools.hidden = this.#clip === null || offline;
    this.bar.hidden = this.sums.hidden = offline;
    if (this.#clip === null) this.list.draw();
    else this.#drawTools();
  }

  #build(root) {
    const { session } = this.#app;
    this.bar = h("progress", { max: "1", "aria-label": "Reviewed" });
    this.sums = h("span", { class: "sums" });
    this.who = button({ class: "quiet", title: "Change who reviews", onclick: () => this.#app.reviewer({ anew: true }) });
    this.tools = h("nav", { class: "clip-tools", "aria-label": "Decide" });
    const head = h(
      "header",
      { class: "head" },
      h("a", { class: "title", href: "#/", title: session.dataset }, lastPart(session.dataset) || "Review"),
      this.tools,
      h("span", { class: "stretch" }),
      this.bar,
      this.sums,
      this.who,
      button({ class: "quiet", title: "Keys (?)", "aria-label": "Help", onclick: () => showHelp() }, "?"),
    );
    this.place = h("div", { class: "place" }, this.list.element);
    root.className = "app";
    fill(root, head, this.messages.banner, this.place, this.messages.toasts);
    if (session.read_only || offline) this.who.disabled = true;
  }

  #leaveClip() {
    this.#clip?.remove();
    this.#clip = null;
  }

  #drawTools() {
    const app = this.#app;
    const at = app.order.findIndex((item) => item.id === app.current);
    const item = app.item(app.current);
    const off = offline || Boolean(app.session.read_only) || !item?.fingerprint;
    fill(
      this.tools,
      button({ onclick: () => app.toList(), title: "Back to the list" }, "List", h("kbd", {}, "Esc")),
      button({ onclick: () => app.prev(), disabled: at <= 0, "aria-label": "Previous clip", title: "Previous clip" }, "‹", h("kbd", {}, "k")),
      h("span", { class: "where" }, at < 0 ? "" : `${at + 1} of ${app.order.length}`),
      button({ onclick: () => app.next(), disabled: at + 1 >= app.order.length, "aria-label": "Next clip", title: "Next clip" }, "›", h("kbd", {}, "j")),
      button({ onclick: () => app.askNote(app.current), disabled: off, title: "A note for your decision" }, "Note…", h("kbd", {}, "n")),
      button({ onclick: () => app.rulings.undoHere(), disabled: off, title: "Take your decision back" }, "Undo", h("kbd", {}, "u")),
      app.noteOf(app.current) ? h("span", { class: "mark note", title: app.noteOf(app.current) }, "note ✎") : null,
      app.decider.isPending(app.current) ? h("span", { class: "mark pending" }, "not confirmed yet") : null,
    );
  }
}

function lastPart(path) {
  return path.split("/").filter(Boolean).at(-1) ?? "";
}
