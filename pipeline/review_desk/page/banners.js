// What is wrong, in a sentence across the top of the page.

import { choose } from "wushu/dialogs.js";

// gone: why the service does not answer, or null; stuck: {sentence} why it keeps nothing, or null; again(): send anew.
export function bannersOf(app, { gone, stuck, again, offline }) {
  const entries = app.outbox.entries;
  const waits = entries.length > 0;
  const many = `${entries.length === 1 ? "1 decision is" : `${entries.length} decisions are`} kept in this browser`;
  const drop = ["Give up…", () => giveUp(app, entries)];
  const banners = [];
  if (gone) {
    const then = waits ? `${many} and sent when it is back.` : "What you decide is kept in this browser and sent when it is back.";
    banners.push({ text: `${gone} ${then}`, bad: true, actions: waits ? [drop] : [] });
  } else if (stuck && waits) {
    banners.push({ text: `${stuck.sentence} ${many}.`, bad: true, actions: [["Send again", again], drop] });
  }
  const { read_only, damaged } = app.session;
  if (read_only && !offline) banners.push({ text: read_only });
  if (damaged.length > 0) banners.push({ text: damaged[0] + (damaged.length > 1 ? ` (and ${damaged.length - 1} more)` : "") });
  return banners;
}

async function giveUp(app, entries) {
  const named = entries.slice(0, 8).map((entry) => `${entry.name}: ${entry.body.ruling}`);
  const sure = await choose("Give these decisions up?", [...named, "The service has not confirmed them."], [
    [null, "Keep them", true],
    [true, "Give up", false],
  ]);
  if (sure) app.decider.drop(entries);
}
