// Everything else that is known of a clip: decisions, pieces, attempts, deliveries, licences, remarks, files.

import { button, h } from "wushu/clip/dom.js";
import { plainName, rulingText, score, spanText, stateText, when } from "wushu/clip/words.js";

// Decisions, the newest first.
export function decisionList(view) {
  const fingerprint = view.item.fingerprint;
  const list = [...(view.decisions ?? [])].reverse().map((decision) => {
    const stale = decision.fingerprint !== fingerprint && decision.ruling !== "undo";
    return h(
      "li",
      { class: "decision ruling-" + decision.ruling + (stale ? " is-stale" : "") },
      h("div", {}, h("strong", {}, decision.by), " ", rulingText(decision, view.fps || 30), stale ? h("span", { class: "badge mark-stale", title: "on an older motion" }, "stale") : null),
      decision.reason || decision.note ? h("div", { class: "decision-why" }, decision.reason ? h("code", {}, decision.reason) : null, decision.reason && decision.note ? " " : null, decision.note) : null,
      h("time", { class: "faint", datetime: decision.at }, when(decision.at)),
    );
  });
  const damaged = (view.damaged ?? []).map((sentence) => h("li", { class: "problem" }, sentence));
  const state = h("p", { class: "faint" }, `Stands: ${stateText(view.item.state)}${view.item.stale ? ", on an older motion" : ""}${view.item.disputed ? ", disputed" : ""}.`);
  if (!list.length && !damaged.length) {
    const none = view.item.fingerprint === null ? `This clip is ${view.item.outcome}: there is no motion to decide on.` : "Nobody has decided yet.";
    return [h("p", { class: "faint" }, none)];
  }
  return [state, view.hands_over ? h("p", { class: "hands-over" }, `A hand-over takes ${view.hands_over}.`.replace(/\.\.$/, ".")) : null, h("ul", { class: "decisions" }, list, damaged)];
}

// compare(name): show a piece beside the motion as it stood, null = the motion alone.
export function pieceList(view, compare) {
  if (!view.pieces?.length) return null;
  return h("ul", { class: "pieces" }, view.pieces.map((piece) => h(
    "li",
    {},
    h("div", {}, h("strong", {}, `piece ${piece.number}`), ` frames ${spanText(piece.frames, view.fps)}, ${piece.duration_s.toFixed(2)} s, score ${score(piece.score)}`),
    piece.edits.map((edit) => h("div", { class: "faint" }, edit)),
    button({ class: "link", onclick: () => compare("piece-" + piece.number) }, "show after"),
  )));
}

export function attemptList(view) {
  if (!view.attempts?.length) return null;
  return h("ol", { class: "attempts" }, view.attempts.map((attempt) => h(
    "li",
    {},
    h("div", {}, h("span", { class: "badge outcome-" + (attempt.accepted ? "accepted" : "rejected") }, attempt.accepted ? "accepted" : "refused"), ` frames ${spanText(attempt.frames, view.fps)}, score ${score(attempt.score)}`),
    attempt.edits.map((edit) => h("div", {}, edit)),
    attempt.rejections.map((reason) => h("div", { class: "faint" }, reason)),
  )));
}

export function deliveryList(view) {
  if (!view.deliveries?.length && !view.withheld?.length) return null;
  return h(
    "ul",
    { class: "deliveries" },
    (view.deliveries ?? []).map((delivery) => h(
      "li",
      {},
      h("div", {}, h("code", {}, delivery.name), ` ${delivery.kind}, ${delivery.variant}, frames ${spanText(delivery.frames, view.fps)}`),
      h("div", { class: "faint" }, `leads: ${(delivery.n_lead_in / view.fps).toFixed(2)} s in, ${(delivery.n_lead_out / view.fps).toFixed(2)} s out`),
      (delivery.notes ?? []).map((note) => h("div", { class: "faint" }, note)),
    )),
    (view.withheld ?? []).map((held) => h("li", { class: "withheld" }, h("code", {}, held.name), ` ${held.variant} withheld: ${held.reason}`)),
  );
}

export function metricTable(view) {
  const names = Object.keys(view.metrics ?? {}).sort();
  if (!names.length) return null;
  const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");
  return h("table", { class: "metrics" }, h("tbody", {}, names.map((name) => h("tr", {}, h("td", {}, plainName(name)), h("td", {}, number(view.metrics[name]))))));
}

export function textList(texts) {
  return texts?.length ? h("ul", {}, texts.map((text) => h("li", {}, text))) : null;
}

// A section that can be folded; nothing if there is nothing in it.
export function section(title, content, open = false) {
  const empty = content === null || content === undefined || (Array.isArray(content) && !content.length);
  if (empty) return null;
  return h("details", { class: "section", open }, h("summary", {}, title), content);
}
