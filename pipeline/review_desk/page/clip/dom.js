// Elements in few words. Texts are set as text, never as markup: names and notes come from strangers.

// h("button", {class: "x", title: "y", onclick: f, "aria-label": "z"}, "text", child, [children])
export function h(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  put(element, children);
  return element;
}

export function put(element, children) {
  for (const child of [children].flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren();
  return put(element, children);
}

// A button that gives the keyboard back to the page once it was clicked: space must go on to mean play.
export function button(facts, ...children) {
  const { onclick, ...rest } = facts;
  const made = h("button", { type: "button", ...rest }, ...children);
  made.addEventListener("click", (event) => {
    if (event.detail > 0) made.blur();
    onclick?.(event);
  });
  return made;
}

// Fit a canvas to its place in device pixels, and return a context that draws in CSS pixels.
export function sharp(canvas, width, height, options = undefined) {
  const ratio = window.devicePixelRatio || 1;
  const [w, hgt] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== hgt) {
    canvas.width = w;
    canvas.height = hgt;
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
  }
  const context = canvas.getContext("2d", options);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Call `draw` once before the next picture, however often it is asked for.
export function onceAPicture(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
