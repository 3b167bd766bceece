// What the keys mean where. The open clip's page has keys of its own, which come first.

import { showHelp } from "wushu/help.js";

export function keysEverywhere(app) {
  return {
    j: () => app.next(),
    k: () => app.prev(),
    ArrowDown: () => app.next(),
    ArrowUp: () => app.prev(),
    a: () => app.rulings.accept(),
    r: () => app.rulings.reject(),
    n: () => app.askNote(app.current),
    u: () => app.rulings.undoHere(),
    "?": () => showHelp(),
  };
}

// The list has to be there before its search can be used.
export function clipKeys(app) {
  return { Escape: () => app.toList(), "/": () => (app.toList(), setTimeout(() => app.shell.search(), 30)) };
}

export function listKeys(app) {
  const { list } = app.shell;
  return {
    Enter: () => app.current && app.open(app.current),
    x: () => app.current && app.mark([app.current], !app.marked.has(app.current)),
    "/": () => app.shell.search(),
    Escape: () => (app.marked.size > 0 ? app.mark([...app.marked], false) : app.shell.clearSearch()),
    PageDown: () => app.step(list.rowsShown),
    PageUp: () => app.step(-list.rowsShown),
    Home: () => app.step(-app.order.length),
    End: () => app.step(app.order.length),
  };
}
