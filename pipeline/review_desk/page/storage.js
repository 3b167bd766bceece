// What this browser remembers: a reviewer's name, notes that are not sent, decisions that the service has not confirmed.
// A browser may refuse to remember (private windows, a full disk): then it lasts as long as the page.

const inMemory = new Map();

export function recall(key, otherwise) {
  try {
    const text = localStorage.getItem(key);
    return text === null ? (inMemory.get(key) ?? otherwise) : JSON.parse(text);
  } catch {
    return inMemory.get(key) ?? otherwise;
  }
}

export function remember(key, value) {
  inMemory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// Letters by chance, to tell things of this page apart.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}
