// Buttons for what a reviewer would change, a preview of what comes of it, and the ruling itself.

import { button, fill, h } from "wushu/clip/dom.js";
import { millimetres, plainName, quantity, score, spanText } from "wushu/clip/words.js";

export class EditPanel {
  // act: {first, last, preview, clear, undoEdit, accept, reject}; readOnly: null or why nothing can be decided.
  // Without a service (offline) nothing is ruled or solved here: only the edits are.
  constructor({ view, edits, playhead, act, readOnly, offline }) {
    Object.assign(this, { view, edits, playhead, act, readOnly, offline });
    this.trim = h("span", { class: "edit-value" });
    this.contacts = h("span", { class: "edit-value" });
    this.ground = h("input", { type: "number", step: "0.5", min: "-200", max: "200", class: "ground", "aria-label": "raise the robot by, in millimetres" });
    this.ground.addEventListener("change", () => this.edits.setGround(Number(this.ground.value) / 1000));
    this.ground.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") this.ground.blur();
    });
    this.previewButton = button({ onclick: act.preview, title: "judge what would be handed over, with its leads (p)" }, "Preview");
    this.undoButton = button({ onclick: act.undoEdit, title: "take the last edit back (z)" }, "Undo edit");
    this.clearButton = button({ onclick: act.clear, title: "take all edits back (c)" }, "Clear");
    this.acceptButton = button({ class: "accept", onclick: act.accept, title: "accept (a)" }, "Accept");
    this.rejectButton = button({ class: "reject", onclick: act.reject, title: "reject (r)" }, "Reject");
    this.result = h("div", { class: "preview", role: "status", "aria-live": "polite" });
    this.element = h("section", { class: "edits", "aria-label": "edits" }, this.#rows(), this.result);
    this.show();
  }

  show() {
    const frames = this.edits.frames;
    const length = frames ? ((frames[1] - frames[0]) / this.view.fps).toFixed(2) + " s" : "";
    fill(this.trim, frames ? `${frames[0]}–${frames[1] - 1}, ${length}` : "all frames");
    const changed = this.edits.contacts;
    const n = changed.reduce((sum, edit) => sum + edit.frames[1] - edit.frames[0], 0);
    fill(this.contacts, changed.length ? `${changed.length} changed (${n} frames)` : "as found; drag over a foot's row");
    if (document.activeElement !== this.ground) this.ground.value = String(Number((this.edits.now.ground_m * 1000).toFixed(1)));
    const any = this.edits.any;
    this.previewButton.disabled = Boolean(this.busy);
    this.undoButton.disabled = !this.edits.past.length;
    this.clearButton.disabled = !any;
    this.acceptButton.textContent = any ? "Accept with these edits" : "Accept";
    for (const control of [this.acceptButton, this.rejectButton]) {
      control.disabled = this.readOnly !== null;
      if (this.readOnly !== null) control.title = this.readOnly;
    }
  }

  waiting() {
    this.busy = true;
    fill(this.result, h("p", { class: "busy" }, h("span", { class: "spinner", "aria-hidden": "true" }), "cutting, leading and judging…"));
    this.show();
  }

  // preview: the answer of the service; outdated: edits have gone on since.
  told(preview, outdated = false) {
    this.busy = false;
    fill(this.result, previewText(preview, this.view, outdated));
    this.show();
  }

  failed(sentence) {
    this.busy = false;
    fill(this.result, h("p", { class: "problem" }, sentence));
    this.show();
  }

  empty() {
    this.busy = false;
    fill(this.result);
    this.show();
  }

  #rows() {
    const nudge = (mm) => button({ title: `${millimetres(mm / 1000)}`, onclick: () => this.edits.nudge(mm / 1000) }, (mm > 0 ? "+" : "−") + Math.abs(mm));
    const line = (name, ...children) => h("div", { class: "edit-row" }, h("span", { class: "edit-name" }, name), children);
    return [
      line("Keep", button({ title: "keep from this frame on ([)", onclick: this.act.first }, "["), button({ title: "keep up to this frame (])", onclick: this.act.last }, "]"), this.trim),
      line("Raise", nudge(-5), nudge(-1), this.ground, h("span", { class: "faint" }, "mm"), nudge(1), nudge(5)),
      line("Contacts", this.contacts),
      h("div", { class: "edit-row buttons" }, this.offline ? null : this.previewButton, this.undoButton, this.clearButton),
      this.offline ? null : h("div", { class: "edit-row buttons rulings" }, this.acceptButton, this.rejectButton),
    ];
  }
}

function previewText(preview, view, outdated) {
  const verdict = (of) => h("span", { class: "badge outcome-" + (of.accepted ? "accepted" : "rejected") }, of.accepted ? "accepted" : "rejected");
  const before = preview.before;
  const changes = changedChecks(view.checks, preview.checks);
  const leads = preview.n_lead_in || preview.n_lead_out ? `${lead(preview.n_lead_in, preview.fps)} lead in, ${lead(preview.n_lead_out, preview.fps)} lead out` : "no leads";
  return [
    outdated ? h("p", { class: "problem" }, "The edits have gone on since: preview again.") : null,
    h("p", {}, before ? [verdict(before), " ", score(before.score), " → "] : null, verdict(preview), " ", h("strong", {}, score(preview.score))),
    h("p", { class: "faint" }, `frames ${spanText(preview.frames, view.fps)}; ${leads}`),
    (preview.notes ?? []).map((note) => h("p", {}, note)),
    changes.length ? h("table", { class: "changes" }, h("tbody", {}, changes.map((change) => changeRow(change)))) : h("p", { class: "faint" }, "No check changed sides."),
  ];
}

const lead = (n, fps) => `${(n / fps).toFixed(2)} s`;

// Checks that passed before and fail now, or the other way; failures first, then what still fails.
function changedChecks(before, after) {
  const key = (check) => `${check.stage}.${check.measurement}.${check.severity}.${check.limit}`;
  const old = new Map((before ?? []).map((check) => [key(check), check]));
  const pairs = (after ?? []).map((check) => ({ before: old.get(key(check)), after: check }));
  const told = pairs.filter((pair) => !pair.after.passed || (pair.before && !pair.before.passed));
  return told.sort((a, b) => Number(a.after.passed) - Number(b.after.passed));
}

function changeRow({ before, after }) {
  const now = after.passed ? "passes" : after.severity === "reject" ? "refused" : "warned";
  return h(
    "tr",
    { class: after.passed ? "change-good" : "severity-" + after.severity },
    h("td", {}, plainName(after.measurement)),
    h("td", {}, before ? quantity(before.value, before.unit) : ""),
    h("td", {}, "→ " + quantity(after.value, after.unit)),
    h("td", {}, now),
  );
}
