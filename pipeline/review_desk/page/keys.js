// One place that hears the keyboard.

// "a", "?", "Space", "ArrowLeft", "Shift+ArrowLeft"; null where the browser or a text field should have the key.
export function keyOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  const target = event.target;
  if (event.key !== "Escape" && target instanceof Element) {
    if (target.closest("textarea, select, dialog, [contenteditable]")) return null;
    if (target.matches("input:not([type=checkbox]):not([type=range])")) return null;
    if (target.matches("button, a, summary, input") && (event.key === "Enter" || event.key === " ")) return null;
  }
  const name = event.key === " " ? "Space" : event.key;
  return event.shiftKey && name.length > 1 ? `Shift+${name}` : name;
}

// What a key that is held down does again and again: steps. Nothing is decided, opened or closed by holding a key.
const REPEATED = /^(Shift\+)?(j|k|Arrow(Up|Down|Left|Right)|Page(Up|Down))$/;

export function isStep(event) {
  return REPEATED.test(event.key);
}

// True for a key that is held down and presses a button, or sends a form, once more.
export function isPressedAnew(event) {
  return Boolean(event.repeat) && (event.key === "Enter" || event.key === " ") && !event.shiftKey && !isText(event);
}

// Call the first handler that one of the maps has for a key; true if there was one.
export function press(event, maps) {
  if (isPressedAnew(event)) event.preventDefault();
  const name = keyOf(event);
  if (name === null) return false;
  const plain = name.replace(/^Shift\+/, "");
  for (const map of maps) {
    const handler = map?.[name] ?? map?.[plain] ?? (plain === "Space" ? map?.[" "] : undefined);
    if (!handler) continue;
    event.preventDefault();
    if (!event.repeat || REPEATED.test(name)) handler(event);
    return true;
  }
  return false;
}

// A space that is held in a text is text; Enter is not, without Shift.
function isText(event) {
  return event.key === " " && event.target instanceof Element && event.target.matches("textarea, input:not([type=checkbox])");
}
