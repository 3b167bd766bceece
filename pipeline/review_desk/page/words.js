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

// "accepted frames 30 to 119, raised 5 mm, left foot stands in 40 to 52", "rejected", "ruling taken back"
export function ruled(decision) {
  if (decision.ruling === "undo") return "ruling taken back";
  if (decision.ruling === "reject") return "rejected";
  const { frames, ground_m, contacts } = decision;
  const parts = [frames ? `accepted frames ${frames[0]} to ${frames[1] - 1}` : "accepted"];
  const mm = Number((Math.abs(ground_m || 0) * 1000).toFixed(1));
  if (ground_m) parts.push(`${ground_m > 0 ? "raised" : "lowered"} ${mm} mm`);
  if (contacts?.length > 2) parts.push(`${contacts.length} contacts changed`);
  else for (const edit of contacts ?? []) parts.push(contactText(edit));
  return parts.join(", ");
}

function contactText({ foot, frames, stands }) {
  const where = frames[1] - frames[0] > 1 ? `${frames[0]} to ${frames[1] - 1}` : frames[0];
  return `${foot} foot ${stands ? "stands" : "lifted"} in ${where}`;
}

// The same of what is kept now, with what the checks say against it: "accepted, though the checks refuse it (skate p95
// 9.1 > 5 cm)".
export function confirmed(decision, items) {
  const refused = items.filter((item) => item.outcome === "rejected");
  if (decision.ruling !== "accept" || refused.length === 0) return ruled(decision);
  if (items.length > 1) return `${ruled(decision)}, though the checks refuse ${named(refused.map((item) => item.name))}`;
  const [item] = refused;
  const checks = item.kinds.length > 2 ? `${item.kinds.length} checks refuse` : "the checks refuse";
  const what = decision.frames || decision.ground_m || decision.contacts?.length ? "the clip as it stood" : "it";
  return `${ruled(decision)}, though ${checks} ${what} (${item.short_reason})`;
}

// A few names, and how many more there are.
export function named(names) {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

// "rejected by Anna, 22 Nov, 08:30 (foot-skate: slides at the end)"
export function told(decision) {
  const why = [decision.reason, decision.note].filter(Boolean).join(": ");
  return `${ruled(decision)} by ${decision.by}, ${when(decision.at)}${why ? ` (${why})` : ""}`;
}

export function clips(count) {
  return count === 1 ? "1 clip" : `${count} clips`;
}
