// Buttons for what a reviewer would change, a preview of what comes of it, and the ruling itself.

import { button, fill, h } from "wushu/clip/dom.js";
import { measurementName } from "wushu/clip/measurements.js";
import { millimetres, quantity, score, spanText } from "wushu/clip/words.js";

export class EditPanel {
  // act: {first, last, preview, clear, undoEdit, accept, acceptAll, reject, loadAnew}; readOnly: null or why nothing can be decided.
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
    this.allButton = button({ class: "as-stood", onclick: act.acceptAll, title: "all frames, without the repairs" }, "Accept all as it stood");
    this.takes = h("p", { class: "takes" });
    this.anew = h("div", { class: "anew", role: "alert" }, "This motion was solved anew since you opened it. Nothing is decided on what you no longer see. ", button({ onclick: act.loadAnew, title: "load it (l)" }, "Load it (l)"));
    this.isOld = false; // the motion that is shown is not the clip's any more
    this.result = h("div", { class: "preview", role: "status", "aria-live": "polite" });
    this.element = h("section", { class: "edits", "aria-label": "edits" }, this.anew, this.#rows(), this.result);
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
    this.anew.hidden = !this.isOld;
    this.previewButton.disabled = Boolean(this.busy) || this.isOld;
    this.undoButton.disabled = !this.edits.past.length;
    this.clearButton.disabled = !any;
    const { outcome } = this.view.item;
    this.acceptButton.textContent = any ? "Accept with these edits" : outcome === "rejected" ? "Accept though refused" : "Accept";
    this.allButton.hidden = any || outcome !== "mended";
    fill(this.takes, any ? `Accept hands over ${frames ? "these frames" : "all frames"} as they stood, with your edits.` : handedOver(this.view.accept_means));
    for (const control of [this.acceptButton, this.allButton, this.rejectButton]) {
      control.disabled = this.readOnly !== null || this.isOld;
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
      this.offline ? null : h("div", { class: "edit-row" }, this.takes, this.allButton),
    ];
  }
}

function previewText(preview, view, outdated) {
  const missing = notJudged(view.checks, preview);
  const verdict = (of) => h("span", { class: "badge outcome-" + (of.accepted ? "accepted" : "rejected") }, of.accepted ? "accepted" : "rejected");
  const before = preview.before;
  const changes = changedChecks(view.checks, preview.checks);
  const leads = preview.n_lead_in || preview.n_lead_out ? `${lead(preview.n_lead_in, preview.fps)} lead in, ${lead(preview.n_lead_out, preview.fps)} lead out` : "no leads";
  return [
    outdated ? h("p", { class: "problem" }, "The edits have gone on since: preview again.") : null,
    h("p", {}, before ? [verdict(before), " ", score(before.score), " → "] : null, missing.length && !refuses(preview) ? h("span", { class: "badge mark-doubtful" }, "passes what was judged") : verdict(preview), " ", h("strong", {}, score(preview.score))),
    h("p", { class: "faint" }, `frames ${spanText(preview.frames, view.fps)}; ${leads}`),
    missing.length ? h("p", { class: "problem" }, "Not judged on this cut: ", missing.map((code, index) => [index ? ", " : "", h("span", { title: code }, measurementName(code))]), ".") : null,
    (preview.notes ?? []).map((note) => h("p", {}, note.replace(/^not judged on these frames: [^;]*; /, "why not: "))),
    changes.length ? h("table", { class: "changes" }, h("tbody", {}, changes.map((change) => changeRow(change)))) : h("p", { class: "faint" }, "No check changed sides."),
  ];
}

const refuses = ({ checks }) => (checks ?? []).some((check) => !check.passed && check.severity === "reject");

const handedOver = (means) => (means ? `Accept hands over ${means.replace(/\.$/, "")}.` : "");

// Checks that could refuse the clip, and that nobody took of the preview.
function notJudged(before, { checks, not_judged }) {
  const key = (check) => `${check.stage}.${check.measurement}`;
  const taken = new Set((checks ?? []).map(key));
  const lost = (before ?? []).filter((check) => check.severity === "reject" && !taken.has(key(check))).map(key);
  return [...new Set([...(not_judged ?? []), ...lost])];
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
    h("td", { title: `${after.stage}.${after.measurement}` }, measurementName(after.measurement)),
    h("td", {}, before ? quantity(before.value, before.unit) : ""),
    h("td", {}, "→ " + quantity(after.value, after.unit)),
    h("td", {}, now),
  );
}
