// Keys of the clip page, by the names of KeyboardEvent.key; "Shift+" before those that mean something else with it.

const LEAP = 10; // frames

export function clipKeys(page) {
  const head = (use) => () => page.playhead && use(page.playhead);
  return {
    " ": head((playhead) => playhead.toggle()),
    ArrowLeft: head((playhead) => playhead.step(-1)),
    ArrowRight: head((playhead) => playhead.step(1)),
    "Shift+ArrowLeft": head((playhead) => playhead.step(-LEAP)),
    "Shift+ArrowRight": head((playhead) => playhead.step(LEAP)),
    Home: head((playhead) => playhead.seek(0)),
    End: head((playhead) => playhead.seek(playhead.lastFrame)),
    ",": head((playhead) => playhead.shiftSpeed(-1)),
    ".": head((playhead) => playhead.shiftSpeed(1)),
    "[": () => page.markFirst(),
    "]": () => page.markLast(),
    p: () => page.preview(),
    c: () => page.clear(),
    z: () => page.edits?.undo(),
    a: () => page.accept(),
    l: () => page.loadAnew(),
    g: () => page.toggleGhost(),
    d: () => page.toggle3d(),
    v: () => page.film?.nextPanel(),
    "+": () => page.scale?.zoom(2, page.playhead.frame),
    "-": () => page.scale?.zoom(0.5, page.playhead.frame),
    0: () => page.scale?.all(),
  };
}
