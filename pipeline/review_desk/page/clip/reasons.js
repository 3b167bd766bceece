// Why the checks refused a clip, or warn: sentences, each with buttons to the frames it speaks of.

import { button, h } from "wushu/clip/dom.js";
import { failedChecks, worstFrame } from "wushu/clip/rows.js";
import { measurementName } from "wushu/clip/measurements.js";
import { measuredOn, quantity, spanText } from "wushu/clip/words.js";

const SPANS = 8; // shown at most, the longest

// go(check, frame): look at a frame of a failed check.
export function reasonList(view, go) {
  const failed = failedChecks(view);
  if (!failed.length && !view.checks?.length) return [h("p", { class: "faint" }, view.problem ? "No motion, so no check." : "No check was made.")];
  if (!failed.length) return [h("p", { class: "passed" }, `All ${view.checks.length} checks passed.`)];
  return [h("ul", { class: "reasons" }, failed.map((check) => reason(view, check, go)))];
}

function reason(view, check, go) {
  const worst = worstFrame(view, check);
  const comparison = check.value > check.limit ? "at most" : "at least";
  const [name, stage] = [h("span", { class: "reason-name" }, measurementName(check.measurement)), h("span", { class: "faint" }, measuredOn(check.stage))];
  const numbers = h("span", { class: "reason-value" }, `${quantity(check.value, check.unit)}, ${comparison} ${quantity(check.limit, check.unit)}`);
  const rest = withoutFirst(check.reason);
  return h(
    "li",
    { class: "reason severity-" + check.severity },
    h("div", { class: "reason-head" }, button({ class: "link", title: `${check.stage}.${check.measurement}: plot it` + (worst === null ? "" : ", and go to the worst frame"), onclick: () => go(check, worst) }, name), stage, numbers),
    rest ? h("p", { class: "reason-text" }, rest) : null,
    spanButtons(view, check, worst, go),
  );
}

function spanButtons(view, check, worst, go) {
  if (!check.spans?.length) return null;
  const longest = [...check.spans].sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, SPANS);
  longest.sort((a, b) => a[0] - b[0]);
  const more = check.spans.length - longest.length;
  return h(
    "div",
    { class: "spans" },
    button({ class: "chip worst", onclick: () => go(check, worst) }, `worst ${worst}`),
    longest.map((span) => button({ class: "chip", onclick: () => go(check, span[0]) }, spanText(span, view.fps))),
    more > 0 ? h("span", { class: "faint" }, `and ${more} more`) : null,
  );
}

// The first sentence repeats the numbers, and the one on frames the buttons: what is left tells what it means and what helps.
function withoutFirst(text) {
  const sentences = text.split(/(?<=[.!?])\s+(?=[A-Z])/).slice(1);
  return sentences.filter((sentence) => !/^Beyond it: frames? /.test(sentence)).join(" ");
}
