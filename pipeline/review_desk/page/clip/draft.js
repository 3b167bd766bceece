// Edits that are not in a decision yet outlive a look at another clip, and a reload, in this tab.

export class Draft {
  constructor(edits, item) {
    this.key = `wushu-review/draft:${item.id}:${item.fingerprint}`;
    const kept = read(this.key);
    if (kept) edits.restore(kept);
    edits.addEventListener("change", () => write(this.key, edits.any ? edits.now : null));
  }
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null; // no storage here, or not of ours
  }
}

function write(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // no storage here: the edits last as long as the page
  }
}
