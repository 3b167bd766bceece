// Edits that a clip's page keeps in this tab and that are in no decision yet, as the list knows of them.

// Where they are kept: edits of an older motion are not of this one.
export function draftKey({ id, fingerprint }) {
  return `wushu-review/draft:${id}:${fingerprint}`;
}

// The text that is kept of a clip's edits; null if there are none.
export function draftOf(item) {
  if (!item?.fingerprint) return null;
  try {
    return sessionStorage.getItem(draftKey(item));
  } catch {
    return null; // no storage here: the edits last as long as the clip's page
  }
}

export function isDrafted(item) {
  return draftOf(item) !== null;
}

// They are in a decision now, unless they have gone on since.
export function forgetDraft(item, text) {
  if (text === null || draftOf(item) !== text) return;
  sessionStorage.removeItem(draftKey(item));
}
