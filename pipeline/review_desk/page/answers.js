// What the page asks of its service; or, in a page that stands alone, what was put into it, by the same paths.
//
//   <script type="application/json" id="answers">{"json": {path: ...}, "binary": {path: base64}, "files": {path: url}}

const held = globalThis.document?.getElementById("answers") ?? null;
const kept = held === null ? null : JSON.parse(held.textContent);

// True in a page without a service: nothing can be decided or computed there.
export const offline = kept !== null;

// The service refused, and said why. `clip` is the clip as it is now, where the service tells it.
export class Refused extends Error {
  constructor(sentence, { status = 0, kind = "refused", clip = null } = {}) {
    super(sentence);
    Object.assign(this, { name: "Refused", status, kind, clip });
  }
}

// The service did not answer: what was sent may have arrived, or not.
export class NoAnswer extends Error {
  constructor(sentence) {
    super(sentence);
    this.name = "NoAnswer";
  }
}

export async function json(path) {
  if (offline) return structuredClone(inside("json", path));
  const answer = await ask(path, { cache: "no-cache" });
  return read(answer.json());
}

export async function binary(path) {
  if (offline) return fromBase64(inside("binary", path));
  const answer = await ask(path, {});
  return read(answer.arrayBuffer());
}

// Where a picture or a film lies; null in a page that stands alone and does not hold it.
export function fileUrl(path) {
  return offline ? (kept.files?.[path] ?? null) : path;
}

// Send JSON, or a text as CSV.
export async function post(path, body) {
  if (offline) throw new Refused("This page stands alone: nothing can be sent from it.", { kind: "read_only" });
  const isText = typeof body === "string";
  const answer = await ask(path, {
    method: "POST",
    headers: { "X-Wushu-Review": "1", "Content-Type": isText ? "text/csv" : "application/json" },
    body: isText ? body : JSON.stringify(body),
  });
  return read(answer.json());
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", redirect: "error", ...options });
  } catch {
    throw new NoAnswer("The service does not answer.");
  }
  if (answer.ok) return answer;
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // not from our service, or cut off: its status must do
  }
  if (typeof told.error !== "string") {
    if (answer.status >= 500) throw new NoAnswer(`The service failed (${answer.status}).`);
    told = { error: `The service refused this (${answer.status}).` };
  }
  throw new Refused(told.error, { status: answer.status, kind: told.kind ?? "refused", clip: told.clip ?? null });
}

async function read(promise) {
  try {
    return await promise;
  } catch (error) {
    throw new NoAnswer(`The answer of the service was cut off (${error.message}).`);
  }
}

function inside(kind, path) {
  const found = kept[kind]?.[path];
  if (found === undefined) {
    throw new Refused(`This page stands alone and does not hold ${path}.`, { status: 404, kind: "missing_file" });
  }
  return found;
}

function fromBase64(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let index = 0; index < letters.length; index += 1) bytes[index] = letters.charCodeAt(index);
  return bytes.buffer;
}
