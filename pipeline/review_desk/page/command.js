// The same decision as a command, for a page that has no service behind it.

// Text as one word of a POSIX shell.
export function quoted(word) {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function decideCommand({ dataset, id, ruling, frames, ground_m, contacts, reason, note, by }) {
  const words = ["wushu", "decide", dataset || "DATASET", id, ruling];
  if (frames) words.push("--frames", `${frames[0]}:${frames[1]}`);
  if (ground_m) words.push("--ground", String(ground_m));
  for (const edit of contacts ?? []) {
    words.push("--contact", `${edit.foot}:${edit.frames[0]}:${edit.frames[1]}:${edit.stands ? "on" : "off"}`);
  }
  if (reason) words.push("--reason", reason);
  if (note) words.push(`--note=${note}`); // a note may begin like an option
  if (by) words.push(`--by=${by}`);
  return words.map(quoted).join(" ");
}
