// The list of clips: what to show on the left, and one line a clip, of which only those in sight are in the page.

import { offline } from "wushu/answers.js";
import { button, fill, h } from "wushu/clip/dom.js";
import { isDrafted } from "wushu/drafts.js";
import { Facets } from "wushu/facets.js";
import { isTodo, SORTS } from "wushu/filters.js";
import { Row, ROW_HEIGHT } from "wushu/row.js";
import { clips } from "wushu/words.js";

const BEYOND = 5; // lines that are drawn above and below what is in sight

const SORT_NAMES = { duration: "length", decided: "last decided", state: "decision" };

export class ListView {
  #app;
  #rows = new Map();
  #spare = [];
  #anchor = null; // where a range of marks begins
  #shownCurrent = null;

  constructor(app) {
    this.#app = app;
    this.facets = new Facets(app);
    this.#build();
  }

  get rowsShown() {
    return Math.max(1, Math.floor(this.scroll.clientHeight / ROW_HEIGHT) - 1);
  }

  focus() {
    this.scroll.focus({ preventScroll: true });
  }

  draw() {
    const { order, items, query, marked, current } = this.#app;
    if (this.search.value !== query.text) this.search.value = query.text;
    this.sort.value = query.sort;
    this.direction.textContent = query.descending ? "↓" : "↑";
    const shown = order.length === items.length ? clips(items.length) : `${order.length} of ${clips(items.length)}`;
    this.count.textContent = shown;
    this.facets.draw();
    this.#drawBatch(marked);
    this.empty.hidden = order.length > 0;
    this.tall.style.height = `${order.length * ROW_HEIGHT}px`;
    if (current !== this.#shownCurrent) this.reveal(current);
    this.#shownCurrent = current;
    this.#drawRows();
  }

  // Scroll so far that a clip's line is in sight.
  reveal(id) {
    const at = this.#app.order.findIndex((item) => item.id === id);
    if (at < 0 || this.scroll.clientHeight === 0) return;
    const [top, bottom] = [at * ROW_HEIGHT, (at + 1) * ROW_HEIGHT];
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    else if (bottom > this.scroll.scrollTop + this.scroll.clientHeight) {
      this.scroll.scrollTop = bottom - this.scroll.clientHeight;
    }
  }

  #build() {
    const app = this.#app;
    this.search = h("input", { type: "search", placeholder: "search (/)", "aria-label": "Search", name: "search" });
    this.search.addEventListener("input", () => app.show({ text: this.search.value }));
    this.search.addEventListener("keydown", (event) => this.#onSearchKey(event));
    this.sort = h("select", { "aria-label": "Sort by", name: "sort" });
    for (const key of SORTS) this.sort.append(h("option", { value: key }, SORT_NAMES[key] ?? key));
    this.sort.addEventListener("change", () => (app.show({ sort: this.sort.value }), this.sort.blur()));
    const turn = () => app.show({ descending: !app.query.descending });
    this.direction = button({ title: "Other way round", "aria-label": "Other way round", onclick: turn });
    this.count = h("span", { class: "count", role: "status" });
    this.batch = h("div", { class: "batch" });
    this.empty = h("p", { class: "empty" }, "No clip is like this. Clear the search or some of the choices on the left.");
    this.tall = h("div", { class: "tall" });
    this.scroll = h("div", { class: "rows", role: "listbox", tabindex: "0", "aria-label": "Clips", "aria-multiselectable": "true" });
    this.scroll.append(this.tall, this.empty);
    this.scroll.addEventListener("scroll", () => requestAnimationFrame(() => this.#drawRows()), { passive: true });
    this.tall.addEventListener("click", (event) => this.#onClick(event));
    new ResizeObserver(() => this.#drawRows()).observe(this.scroll);
    this.element = h(
      "main",
      { class: "list", "aria-label": "List of clips" },
      this.facets.element,
      h(
        "div",
        { class: "table" },
        h("div", { class: "bar" }, this.search, h("label", {}, "sort by ", this.sort), this.direction, this.count, this.batch),
        head(),
        this.scroll,
      ),
    );
  }

  #drawBatch(marked) {
    const app = this.#app;
    const shown = app.order.filter((item) => marked.has(item.id)).length;
    const off = Boolean(app.session.read_only) || offline;
    const all = button({ onclick: () => this.#markShown(), disabled: off }, "Mark all shown");
    if (marked.size === 0) {
      fill(this.batch, all);
      return;
    }
    fill(
      this.batch,
      h("strong", {}, `${shown} marked${marked.size > shown ? ` (${marked.size - shown} not shown)` : ""}`),
      button({ onclick: () => app.rulings.accept(), disabled: off }, "Accept", h("kbd", {}, "a")),
      button({ onclick: () => app.rulings.reject(), disabled: off }, "Reject…", h("kbd", {}, "r")),
      all,
      button({ onclick: () => app.mark([...marked], false) }, "Clear"),
    );
  }

  // Those that nobody has ruled on; where there are none, all of them.
  #markShown() {
    const app = this.#app;
    const able = app.order.filter((item) => item.fingerprint !== null);
    const open = able.filter(isTodo);
    const left = able.length - open.length;
    app.mark((open.length > 0 ? open : able).map((item) => item.id), true);
    if (left === 0) return;
    app.toast(open.length > 0 ? `${clips(left)} with a decision left out: x marks them too.` : "All of these have a decision already.");
  }

  #drawRows() {
    const { order } = this.#app;
    const { scrollTop, clientHeight } = this.scroll;
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - BEYOND);
    const last = Math.min(order.length, Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + BEYOND);
    const wanted = new Set(order.slice(first, last).map((item) => item.id));
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      this.#rows.delete(id);
      row.element.remove();
      this.#spare.push(row);
    }
    for (let at = first; at < last; at += 1) this.#drawRow(order[at], at, order.length);
    const current = this.#rows.get(this.#app.current);
    if (current) this.scroll.setAttribute("aria-activedescendant", current.element.id);
    else this.scroll.removeAttribute("aria-activedescendant");
  }

  #drawRow(item, at, size) {
    const { current, marked, decider } = this.#app;
    let row = this.#rows.get(item.id);
    if (!row) {
      row = this.#spare.pop() ?? new Row();
      this.#rows.set(item.id, row);
      this.tall.append(row.element);
    }
    row.show(item, {
      at,
      size,
      isCurrent: item.id === current,
      isMarked: marked.has(item.id),
      isPending: decider.isPending(item.id),
      note: this.#app.noteOf(item.id),
      drafted: isDrafted(item),
    });
  }

  #onClick(event) {
    const row = [...this.#rows.values()].find((one) => one.element.contains(event.target));
    if (!row) return;
    const app = this.#app;
    const { id } = row.item;
    if (event.shiftKey) {
      app.mark(this.#between(this.#anchor ?? app.current, id), true);
      getSelection()?.removeAllRanges();
    } else if (event.target.closest(".tick")) {
      app.mark([id], !app.marked.has(id));
    } else {
      app.current = id;
      app.redraw();
      if (event.target.closest(".thumb, .name") || event.detail > 1) app.open(id);
    }
    this.#anchor = id;
  }

  #between(one, other) {
    const ids = this.#app.order.map((item) => item.id);
    const [a, b] = [ids.indexOf(one), ids.indexOf(other)].sort((x, y) => x - y);
    return ids.slice(Math.max(0, a), b + 1);
  }

  #onSearchKey(event) {
    if (event.key === "Escape" && this.search.value) {
      event.stopPropagation();
      event.preventDefault();
      this.#app.show({ text: "" });
    } else if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") {
      event.stopPropagation();
      event.preventDefault();
      const { order, current } = this.#app;
      if (order.length > 0 && !order.some((item) => item.id === current)) this.#app.select(order[0].id);
      this.focus();
    }
  }
}

function head() {
  const names = ["", "", "clip", "length", "usable", "score", "checks say", "a person says", "use"];
  return h("div", { class: "row-head", "aria-hidden": "true" }, ...names.map((name) => h("span", {}, name)));
}
