// What this browser remembers: a reviewer's name, notes that are not sent, decisions that the service has not confirmed.
// A browser may refuse to remember (private windows, a full disk): then it lasts as long as the page.

const inMemory = new Map();
const onlyHere = new Set(); // keys of which the browser holds an older value, or none

let refused = () => undefined; // called once, when the browser has refused to remember
let isTold = false;

export function recall(key, otherwise) {
  const here = () => (inMemory.has(key) ? inMemory.get(key) : otherwise);
  if (onlyHere.has(key)) return here();
  try {
    const text = localStorage.getItem(key);
    return text === null ? here() : JSON.parse(text);
  } catch {
    return here();
  }
}

export function remember(key, value) {
  inMemory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
    onlyHere.delete(key);
    return true;
  } catch {
    onlyHere.add(key);
    if (!isTold) ((isTold = true), refused());
    return false;
  }
}

// Call `tell` once, if the browser refuses to remember: now, or when it first does.
export function whenRefused(tell) {
  refused = tell;
  if (isTold) tell();
  else if (remember(PROBE, 1)) localStorage.removeItem(PROBE);
}

const PROBE = "wushu-review/probe";

// Letters by chance, to tell things of this page apart.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}
