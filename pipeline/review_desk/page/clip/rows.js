// What the timeline's rows hold: a clip view, the edits and the decisions turned into marks on frames.

import { runs } from "wushu/clip/edits.js";
import { measurementName } from "wushu/clip/measurements.js";
import { COLOURS, severityColour } from "wushu/clip/palette.js";
import { measuredOn, plainName, quantity, rulingText, spanText, when } from "wushu/clip/words.js";

// Rows of failed checks from which all warnings share one, so that the plots stay in sight.
const MOST_CHECKS = 8;

// Row: {label, title, marks: [{frames, colour, text, faint}], foot, kind}
export function timelineRows(view, edits, decision) {
  const fps = view.fps;
  const rows = [];
  if (edits.trimmed) rows.push(row("to keep", "what your trim marks keep", [mark(edits.frames, COLOURS.accent, "kept by your marks")], "trim"));
  for (const foot of ["left", "right"]) rows.push(contactRow(foot, edits, fps));
  const letGo = (view.let_go ?? []).map((stance) =>
    mark([stance.start, stance.stop], COLOURS.letGo, stance.reason.includes(" ") ? stance.reason : `${plainName(stance.region)} let go: ${stance.reason}`),
  );
  if (letGo.length) rows.push(row("let go", "contacts that the robot could not hold", letGo));
  const hands = (view.stances ?? []).filter((stance) => !/foot/.test(stance.region) && stance.spans.length);
  for (const stance of hands) {
    const text = plainName(stance.region) + " bears weight";
    rows.push(row(plainName(stance.region), text, stance.spans.map((span) => mark(span, COLOURS.stance, text))));
  }
  if (view.flight?.length) {
    rows.push(row("flight", "nothing touches the floor", view.flight.map((span) => mark(span, COLOURS.flight, "in the air"))));
  }
  rows.push(...checkRows(view, fps));
  if (view.pieces?.length) {
    const marks = view.pieces.map((piece) =>
      mark(piece.frames, COLOURS.accept, `piece ${piece.number}: accepted${piece.edits.length ? " — " + piece.edits.join(" ") : ""}`),
    );
    rows.push(row("accepted", "what can be used, as it stood or mended", marks));
  }
  if (decision && decision.ruling !== "undo") rows.push(decisionRow(decision, view));
  return rows;
}

// Failed checks that know where they failed, rejecting ones first.
export function failedChecks(view) {
  const failed = (view.checks ?? []).filter((check) => !check.passed);
  return [...failed.filter((c) => c.severity === "reject"), ...failed.filter((c) => c.severity !== "reject")];
}

export const findSeries = (list, stage, name) => (list ?? []).find((series) => series.stage === stage && series.name === name);

// Worst frame of a failed check: where its series is furthest beyond the limit within its spans.
export function worstFrame(view, check) {
  const series = findSeries(view.series, check.stage, check.measurement);
  if (!check.spans?.length) return null;
  const upper = check.value > check.limit;
  let worst = check.spans[0][0];
  let most = -Infinity;
  for (const [start, stop] of check.spans) {
    for (let frame = start; series && frame < stop; frame += 1) {
      const value = series.values[frame];
      if (value === null || value === undefined) continue;
      const beyond = upper ? value - check.limit : check.limit - value;
      if (beyond > most) [most, worst] = [beyond, frame];
    }
  }
  return worst;
}

function checkRows(view, fps) {
  const failed = failedChecks(view).filter((check) => check.spans?.length);
  const names = failed.map((check) => check.measurement);
  const rows = failed.map((check) => {
    const colour = severityColour(check.severity);
    const told = `${measurementName(check.measurement)}: ${quantity(check.value, check.unit)}, limit ${quantity(check.limit, check.unit)}`;
    const marks = check.spans.map((span) => ({ ...mark(span, colour, `${told}; frames ${spanText(span, fps)}`), check }));
    const twice = names.filter((name) => name === check.measurement).length > 1;
    return row(measurementName(check.measurement) + (twice ? `, ${measuredOn(check.stage)}` : ""), `${check.stage}.${check.measurement}: ${check.reason}`, marks, "check");
  });
  const refusing = rows.filter((_, index) => failed[index].severity === "reject");
  const warning = rows.slice(refusing.length);
  if (rows.length <= MOST_CHECKS || warning.length < 2) return rows;
  const text = "warnings: " + warning.map((one) => one.label).join(", ");
  return [...refusing, row(`${warning.length} warnings`, text, warning.flatMap((one) => one.marks), "check")];
}

function contactRow(foot, edits, fps) {
  const after = edits.stands(foot);
  const changed = edits.contacts.filter((edit) => edit.foot === foot);
  const marks = runs(after).map((span) => mark(span, COLOURS[foot], `${foot} foot stands, frames ${spanText(span, fps)}`));
  for (const edit of changed) {
    const text = `edited: ${foot} foot ${edit.stands ? "stands" : "does not stand"}, frames ${spanText(edit.frames, fps)}`;
    marks.push({ ...mark(edit.frames, COLOURS.edited, text), edited: true, stands: edit.stands });
  }
  return { ...row(`${foot} foot`, "contacts; drag to change them", marks, "contact"), foot };
}

function decisionRow(decision, view) {
  const text = `${rulingText(decision, view.fps)} by ${decision.by}, ${when(decision.at)}`;
  const colour = decision.ruling === "accept" ? COLOURS.accept : COLOURS.reject;
  return row("decided", text, [mark(decision.frames ?? [0, view.n_frames], colour, text)]);
}

const mark = (frames, colour, text) => ({ frames, colour, text });
const row = (label, title, marks, kind = "spans") => ({ label, title, marks, kind });
