// What the list can be narrowed to, each with how many clips it would show; and the decisions as a file.

import { offline, post } from "wushu/answers.js";
import { button, fill, h } from "wushu/clip/dom.js";
import { ask } from "wushu/dialogs.js";
import { counted, everything, FACETS, isNarrowed } from "wushu/filters.js";
import { kindName, MARKS, STATES, USES } from "wushu/words.js";

const TITLES = { outcome: "Checks say", state: "A person says", kind: "Fails", use: "Commercial use" };

const AT_FIRST = 8; // kinds of failure that are offered before "more"

export class Facets {
  #app;
  #all = false;
  #drawn = "";

  constructor(app) {
    this.#app = app;
    this.groups = h("div", {});
    this.element = h("aside", { class: "facets", "aria-label": "Narrow the list" }, this.groups, this.#files());
  }

  draw() {
    const { items, query } = this.#app;
    const counts = counted(items, query);
    const drawn = JSON.stringify([counts, query.chosen, query.text, this.#all]);
    if (drawn === this.#drawn) return; // leaves the focus where it is
    this.#drawn = drawn;
    const focused = this.groups.contains(document.activeElement) ? document.activeElement.dataset.choice : null;
    const clear = button({ class: "quiet", onclick: () => this.#clear() }, "Show all");
    fill(
      this.groups,
      FACETS.map((facet) => this.#group(facet, counts[facet])),
      isNarrowed(query) ? clear : null,
    );
    if (focused) this.groups.querySelector(`[data-choice="${CSS.escape(focused)}"]`)?.focus();
  }

  #group(facet, values) {
    if (values.length === 0) return null;
    const chosen = this.#app.query.chosen[facet];
    const isCut = !this.#all && facet === "kind" && values.length > AT_FIRST + 1;
    const shown = isCut ? values.filter(([value], index) => index < AT_FIRST || chosen.includes(value)) : values;
    const more = button({ class: "quiet", onclick: () => ((this.#all = true), this.draw()) }, `${values.length - shown.length} more…`);
    return h(
      "fieldset",
      {},
      h("legend", {}, TITLES[facet]),
      shown.map(([value, count]) => this.#choice(facet, value, count, chosen.includes(value))),
      isCut ? more : null,
    );
  }

  #choice(facet, value, count, isChosen) {
    const box = h("input", { type: "checkbox", "data-choice": `${facet}:${value}`, checked: isChosen });
    box.addEventListener("change", () => this.#toggle(facet, value, box.checked));
    return h("label", { class: count ? "" : "none", title: value }, box, h("span", {}, nameOf(facet, value)), h("span", { class: "count" }, count));
  }

  #toggle(facet, value, isChosen) {
    const { chosen } = this.#app.query;
    const rest = chosen[facet].filter((other) => other !== value);
    this.#app.show({ chosen: { ...chosen, [facet]: isChosen ? [...rest, value] : rest } });
  }

  #clear() {
    const { text, chosen } = everything();
    this.#app.show({ text, chosen });
  }

  #files() {
    if (offline) return null;
    const field = h("input", { type: "file", accept: ".csv,text/csv", "aria-label": "CSV with decisions", name: "csv", hidden: true });
    field.addEventListener("change", () => this.#import(field));
    const off = Boolean(this.#app.session.read_only);
    return h(
      "div",
      { class: "files" },
      h("a", { href: "/api/decisions.csv", download: "decisions.csv" }, "Decisions as CSV"),
      button({ class: "quiet", disabled: off, onclick: () => field.click() }, "Read a CSV…"),
      field,
    );
  }

  async #import(field) {
    const [file] = field.files;
    if (!file) return;
    try {
      const { imported, known, refused } = await post("/api/decisions.csv", await file.text());
      this.#app.toast(`${file.name}: ${imported} decisions read, ${known} were known, ${refused.length} refused.`);
      if (refused.length > 0) await showRefused(file.name, refused);
    } catch (error) {
      this.#app.toast(`${file.name}: ${error.message}`, { bad: true, stays: true });
    }
    field.value = "";
  }
}

function nameOf(facet, value) {
  if (facet === "state") return STATES[value] ?? MARKS[value][0];
  if (facet === "kind") return kindName(value);
  if (facet === "use") return (USES[value] ?? value).replace("commercial use ", "").replace("use ", "");
  return value;
}

function showRefused(name, refused) {
  return ask(
    `Lines of ${name} that were refused`,
    (answer) => [
      h("ul", { class: "long" }, ...refused.slice(0, 200).map(({ line, sentence }) => h("li", {}, `line ${line}: ${sentence}`))),
      h("div", { class: "answers" }, button({ class: "main", autofocus: true, onclick: () => answer(null) }, "Close")),
    ],
    { wide: true },
  );
}
