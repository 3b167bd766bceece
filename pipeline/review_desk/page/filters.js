// Which clips the list shows, and in which order. Nothing here touches the page.

// What can be chosen, and the values that a clip has of it.
const VALUES = {
  outcome: (item) => [item.outcome],
  state: (item) => [...(isOpen(item) ? [item.state] : []), ...["stale", "disputed", "doubtful"].filter((mark) => item[mark])],
  kind: (item) => item.kinds,
  use: (item) => [item.use],
};

export const FACETS = Object.keys(VALUES);

// Values that are offered in this order, and only where a clip has them; kinds come by how often they are.
const ORDER = {
  outcome: ["accepted", "mended", "rejected", "broken", "damaged"],
  state: ["todo", "accepted", "trimmed", "rejected", "stale", "disputed", "doubtful"],
  use: ["allowed", "unknown", "forbidden"],
};

const KEYS = {
  name: (item) => item.name.toLowerCase(),
  score: (item) => item.score,
  duration: (item) => item.duration_s,
  usable: (item) => item.usable_s,
  reason: (item) => item.kinds[0] ?? null,
  state: (item) => ORDER.state.indexOf(item.state),
  decided: (item) => item.decision?.at ?? null,
};

export const SORTS = Object.keys(KEYS);

export function everything() {
  return { text: "", chosen: { outcome: [], state: [], kind: [], use: [] }, sort: "name", descending: false };
}

export function isNarrowed(query) {
  return query.text.trim() !== "" || FACETS.some((facet) => query.chosen[facet].length > 0);
}

export function arranged(items, query) {
  const words = wordsOf(query.text);
  const shown = items.filter((item) => holds(item, words) && FACETS.every((facet) => chosenIn(item, query, facet)));
  const keyed = shown.map((item) => [KEYS[query.sort](item), item]);
  keyed.sort(([a, one], [b, other]) => compare(a, b, query.descending) || byName(one, other));
  return keyed.map(([, item]) => item);
}

// How many clips each value would show, with all that is chosen elsewhere: {facet: [[value, count], ...]}.
export function counted(items, query) {
  const words = wordsOf(query.text);
  const counts = Object.fromEntries(FACETS.map((facet) => [facet, new Map()]));
  for (const item of items) {
    const fits = holds(item, words);
    const misses = FACETS.filter((facet) => !chosenIn(item, query, facet));
    for (const facet of FACETS) {
      const counts_here = fits && (misses.length === 0 || (misses.length === 1 && misses[0] === facet));
      for (const value of VALUES[facet](item)) {
        counts[facet].set(value, (counts[facet].get(value) ?? 0) + (counts_here ? 1 : 0));
      }
    }
  }
  return Object.fromEntries(FACETS.map((facet) => [facet, inOrder(facet, counts[facet])]));
}

// Seconds of motion, and how many of them a person has ruled on.
export function progressOf(items) {
  const sums = { clips: 0, done: 0, seconds: 0, done_s: 0 };
  for (const item of items) {
    if (item.fingerprint === null) continue;
    sums.clips += 1;
    sums.seconds += item.duration_s;
    if (isTodo(item)) continue;
    sums.done += 1;
    sums.done_s += item.duration_s;
  }
  return sums;
}

// Someone should look: nothing holds of the motion as it is now.
export function isTodo(item) {
  return item.fingerprint !== null && (item.state === "todo" || item.stale || item.doubtful);
}

// A clip without a motion waits for nobody.
function isOpen(item) {
  return item.fingerprint !== null || item.state !== "todo";
}

function wordsOf(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function holds(item, words) {
  if (words.length === 0) return true;
  const decision = item.decision;
  const all = [item.name, item.source, item.id, item.reason, item.short_reason, ...item.kinds, item.outcome];
  if (decision) all.push(decision.by, decision.reason, decision.note);
  const text = all.join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

function chosenIn(item, query, facet) {
  const chosen = query.chosen[facet];
  return chosen.length === 0 || VALUES[facet](item).some((value) => chosen.includes(value));
}

function inOrder(facet, counts) {
  const known = ORDER[facet];
  if (known) return known.filter((value) => counts.has(value)).map((value) => [value, counts.get(value)]);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

function compare(a, b, descending) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a < b ? -1 : 1) * (descending ? -1 : 1);
}

function byName(one, other) {
  return compare(one.name.toLowerCase(), other.name.toLowerCase(), false) || compare(one.id, other.id, false);
}
