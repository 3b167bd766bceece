// How numbers, verdicts and decisions are told.

export const OUTCOMES = { accepted: "accepted", mended: "mended", rejected: "rejected", broken: "broken", damaged: "damaged" };

export const STATES = { todo: "to review", accepted: "accepted", trimmed: "trimmed", rejected: "rejected" };

// What a mark beside the state says, and what it means.
export const MARKS = {
  stale: ["stale", "The motion was solved anew since this was decided: decide again."],
  doubtful: ["unreadable line", "A line of the decisions cannot be read: the clip stays out until someone decides again."],
  disputed: ["disputed", "Two reviewers say different things: until they agree, the last ruling holds."],
};

export const USES = { allowed: "commercial use allowed", forbidden: "commercial use forbidden", unknown: "use unknown" };

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 99.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)} h` : `${minutes}:${two(rest)} min`;
}

export function score(value) {
  return value === null || value === undefined ? "–" : value.toFixed(2);
}

// "validation.skate_p95" -> "skate p95"
export function kindName(kind) {
  const dot = kind.indexOf(".");
  return kind.slice(0, dot) === "broken" ? `broken: ${kind.slice(dot + 1)}` : kind.slice(dot + 1).replaceAll("_", " ");
}

export function when(at) {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return at;
  return time.toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

// "accepted in part (frames 30 to 119)", "rejected (foot-skate)", "ruling taken back"
export function ruled(decision) {
  if (decision.ruling === "undo") return "ruling taken back";
  if (decision.ruling === "reject") return "rejected";
  const edited = decision.ground_m || decision.contacts?.length ? ", edited" : "";
  return decision.frames ? `accepted frames ${decision.frames[0]} to ${decision.frames[1] - 1}${edited}` : `accepted${edited}`;
}

// "rejected by Anna, 22 Nov, 08:30 (foot-skate: slides at the end)"
export function told(decision) {
  const why = [decision.reason, decision.note].filter(Boolean).join(": ");
  return `${ruled(decision)} by ${decision.by}, ${when(decision.at)}${why ? ` (${why})` : ""}`;
}

export function clips(count) {
  return count === 1 ? "1 clip" : `${count} clips`;
}
