// Numbers, spans and decisions in words.

const digits = (value, n) => String(Number(value.toPrecision(n)));

// A number with its unit as the reports give it: shares as per cent, angles in degrees, small lengths in centimetres.
export function quantity(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (unit === "1") return value !== 0 && Math.abs(value) < 5e-5 ? "≈ 0 %" : digits(100 * value, 3) + " %";
  if (unit === "rad" && value !== 0 && Math.abs(value) < 1e-4) return "≈ 0°";
  if (unit === "rad") return digits((value * 180) / Math.PI, 3) + "°";
  if (unit === "m" && value !== 0 && Math.abs(value) < 5e-5) return "≈ 0 cm";
  if (unit === "m" && Math.abs(value) < 1) return digits(100 * value, 3) + " cm";
  if (value !== 0 && Math.abs(value) < 5e-4) return `≈ 0 ${unit}`;
  const number = Math.abs(value) >= 1000 ? value.toFixed(0) : digits(value, 3);
  return unit ? number + " " + unit : number;
}

export const seconds = (frame, fps) => (frame / fps).toFixed(2) + " s";

export function duration(s) {
  if (s === null || s === undefined) return "–";
  if (s < 60) return s.toFixed(1) + " s";
  return Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0") + " min";
}

// A half-open span as people count: first to last.
export function spanText([start, stop], fps) {
  if (stop - start <= 1) return `${start} (${seconds(start, fps)})`;
  return `${start}–${stop - 1} (${(start / fps).toFixed(2)}–${seconds(stop - 1, fps)})`;
}

const MEASURED_ON = { plausibility: "human", validation: "robot", tracking: "simulation" };
export const measuredOn = (stage) => MEASURED_ON[stage] ?? stage;

export const plainName = (name) => name.replaceAll("_", " ");

export const score = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));

const STATES = { todo: "not reviewed", accepted: "accepted", trimmed: "accepted in part", rejected: "rejected" };
export const stateText = (state) => STATES[state] ?? state;

const RULINGS = { accept: "accepted", reject: "rejected", undo: "took the last ruling back" };

export function rulingText(decision, fps) {
  const parts = [RULINGS[decision.ruling] ?? decision.ruling];
  if (decision.frames) parts.push("frames " + spanText(decision.frames, fps));
  if (decision.ground_m) parts.push(`raised by ${millimetres(decision.ground_m)}`);
  if (decision.contacts?.length) parts.push(`${decision.contacts.length} contact edit${decision.contacts.length > 1 ? "s" : ""}`);
  return parts.join(", ");
}

export const millimetres = (metres) => (metres > 0 ? "+" : metres < 0 ? "−" : "") + digits(Math.abs(metres * 1000), 4) + " mm";

// "2026-11-22T08:30:00+00:00" in the reader's own time.
export function when(at) {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return at;
  const two = (n) => String(n).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
