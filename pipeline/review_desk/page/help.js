// The keys, on one sheet.

import { button, h } from "wushu/clip/dom.js";
import { ask } from "wushu/dialogs.js";

const KEYS = [
  ["Everywhere", [
    ["j k", "next, previous clip (also ↓ ↑)"],
    ["a", "accept; on a clip's page with your trim and edits"],
    ["r", "reject: then a digit says why"],
    ["n", "note for your decision"],
    ["u", "undo your decision on this clip, or the last one"],
    ["?", "this sheet"],
  ]],
  ["List", [
    ["Enter", "open the clip"],
    ["x", "mark it; a and r then decide on all that are marked, each with its own note"],
    ["Shift+click", "mark all up to here"],
    ["/", "search"],
    ["Esc", "clear the marks, then the search"],
  ]],
  ["Clip", [
    ["Space", "play, pause"],
    ["← →", "one frame; with Shift ten"],
    [", .", "slower, faster"],
    ["Home End", "first, last frame"],
    ["[ ]", "keep from here; keep up to here"],
    ["p", "preview what the trim and edits make of it"],
    ["z", "take an edit back"],
    ["c", "clear trim and edits"],
    ["g", "ghost of the human over the robot"],
    ["d", "free 3D view"],
    ["l", "load the clip again, once it was solved anew"],
    ["v", "larger: one panel of the film"],
    ["+ - 0", "zoom the timeline; all of it"],
    ["Esc", "back to the list"],
  ]],
];

export function showHelp() {
  return ask(
    "Keys",
    (answer) => [
      h("div", { class: "keys" }, ...KEYS.map(([title, lines]) => h("section", {}, h("h3", {}, title), table(lines)))),
      h("div", { class: "answers" }, button({ class: "main", autofocus: true, onclick: () => answer(null) }, "Close")),
    ],
    {
      wide: true,
      key: (event, answer) => {
        if (event.key === "?") answer(null);
      },
    },
  );
}

function table(lines) {
  const rows = lines.map(([keys, what]) => h("tr", {}, h("td", {}, ...keys.split(" ").map((key) => h("kbd", {}, key))), h("td", {}, what)));
  return h("table", {}, h("tbody", {}, ...rows));
}
