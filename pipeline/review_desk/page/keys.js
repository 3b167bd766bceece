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

// Call the first handler that one of the maps has for a key; true if there was one.
export function press(event, maps) {
  const name = keyOf(event);
  if (name === null) return false;
  const plain = name.replace(/^Shift\+/, "");
  for (const map of maps) {
    const handler = map?.[name] ?? map?.[plain] ?? (plain === "Space" ? map?.[" "] : undefined);
    if (!handler) continue;
    event.preventDefault();
    handler(event);
    return true;
  }
  return false;
}
