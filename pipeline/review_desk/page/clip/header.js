// The head of the clip page: what it is, what the checks say of it, what a person said.

import { fill, h } from "wushu/clip/dom.js";
import { duration, score, stateText } from "wushu/clip/words.js";

export function clipHeader(item, view) {
  const facts = [
    item.score === null || item.score === undefined ? null : fact("score", score(item.score)),
    item.tier ? fact("limits", item.tier) : null,
    fact("length", duration(item.duration_s)),
    fact("usable", duration(item.usable_s)),
    view?.fps && view.n_frames ? fact("frames", `${view.n_frames} at ${Number(view.fps.toPrecision(4))}/s`) : null,
    item.use && item.use !== "allowed" ? h("span", { class: "badge use-" + item.use }, item.use === "forbidden" ? "training not allowed" : "licence unknown") : null,
  ];
  return [
    h("h1", { class: "clip-name", title: item.source }, item.name),
    h("span", { class: "badge outcome-" + item.outcome }, item.outcome),
    facts,
    h("span", { class: "spread" }),
    marks(item),
    item.fingerprint === null && item.state === "todo" ? null : h("span", { class: "badge state-" + item.state, title: "what a person decided" }, stateText(item.state)),
  ];
}

export const fillHeader = (element, item, view) => fill(element, clipHeader(item, view));

function marks(item) {
  return [
    item.stale ? h("span", { class: "badge mark-stale", title: "the motion was solved anew since the decision" }, "stale") : null,
    item.disputed ? h("span", { class: "badge mark-disputed", title: "two reviewers disagree" }, "disputed") : null,
    item.doubtful ? h("span", { class: "badge mark-doubtful", title: "a line of the decisions cannot be read" }, "doubtful") : null,
  ];
}

const fact = (name, value) => h("span", { class: "fact" }, h("span", { class: "faint" }, name + " "), value);
