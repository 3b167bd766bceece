// The same decision as a command, for a page that has no service behind it.

// Text as one word of a POSIX shell.
export function quoted(word) {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function decideCommand({ dataset, id, ruling, fingerprint, frames, ground_m, contacts, reason, note, by }) {
  const words = ["wushu", "decide", dataset || "DATASET", id, ruling];
  if (fingerprint) words.push("--fingerprint", fingerprint); // of what the page shows: the clip may change meanwhile
  if (frames) words.push("--frames", `${frames[0]}:${frames[1]}`);
  if (ground_m) words.push(`--ground-m=${ground_m}`); // what follows = may begin like an option
  if (reason) words.push("--reason", reason);
  if (note) words.push(`--note=${note}`);
  if (by) words.push(`--by=${by}`);
  const edits = contacts ?? [];
  if (edits.length > 0) words.push("--contacts", ...edits.map(asWord));
  return words.map(quoted).join(" ");
}

function asWord({ foot, frames, stands }) {
  return `${foot}:${frames[0]}:${frames[1]}:${stands ? "stands" : "lifted"}`;
}
