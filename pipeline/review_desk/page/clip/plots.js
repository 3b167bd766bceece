// Plots of what was measured frame by frame: limits, spans beyond them, the value under the cursor, before and after.

import { button, fill, h, onceAPicture, sharp } from "wushu/clip/dom.js";
import { COLOURS, severityColour } from "wushu/clip/palette.js";
import { measurementName } from "wushu/clip/measurements.js";
import { failedChecks, findSeries } from "wushu/clip/rows.js";
import { GUTTER, MARGIN } from "wushu/clip/timescale.js";
import { measuredOn, quantity, seconds } from "wushu/clip/words.js";

const HEIGHT = 78; // px of a plot
const USUAL = ["force_residual_p95_lp6", "penetration_max", "skate_p95", "assist_p95"];
const AT_FIRST = 4;
const FAR = 4; // a limit so many times beyond the values would flatten them: it is named, not drawn

export class Plots {
  // after: null or {name, frames, n_frames, series}: a piece or a preview to compare with.
  constructor({ view, scale, playhead }) {
    Object.assign(this, { view, scale, playhead });
    this.after = null;
    this.pointer = null; // frame under the mouse
    this.chosen = firstChoice(view);
    this.plots = [];
    this.cursor = h("div", { class: "cursor" });
    this.body = h("div", { class: "plots-body" });
    this.adder = h("select", { "aria-label": "add a plot", onchange: () => this.#add() });
    this.tools = h("span", { class: "plots-tools" });
    this.element = h(
      "section",
      { class: "plots", "aria-label": "plots" },
      h("div", { class: "plots-head" }, h("h2", {}, "Measured"), this.adder, this.tools),
      h("div", { class: "plots-area" }, this.body, this.cursor),
    );
    this.redraw = onceAPicture(() => this.draw());
    this.body.addEventListener("pointermove", (event) => this.#hover(event));
    this.body.addEventListener("pointerleave", () => this.#point(null));
    this.body.addEventListener("pointerdown", (event) => this.#seek(event));
    this.#build();
  }

  setAfter(after) {
    this.after = after;
    this.redraw();
  }

  // Make sure that a measurement is plotted, and in sight.
  reveal(stage, name) {
    if (!findSeries(this.view.series, stage, name)) return;
    const key = keyOf({ stage, name });
    if (!this.chosen.includes(key)) {
      this.chosen = [key, ...this.chosen];
      this.#build();
    }
    this.plots.find((plot) => plot.key === key)?.element.scrollIntoView({ block: "nearest" });
  }

  // tells: also the values there.
  showFrame(frame, tells = true) {
    const x = this.scale.x(frame + 0.5);
    this.cursor.hidden = !this.plots.length || x < GUTTER - 1 || x > this.scale.width - MARGIN + 1;
    this.cursor.style.transform = `translateX(${x.toFixed(1)}px)`;
    if (!tells) return;
    const read = this.pointer ?? frame;
    for (const plot of this.plots) {
      const value = quantity(plot.series.values[Math.floor(read / this.#stretch(plot.series))], plot.series.unit);
      const after = this.#afterValue(plot.series, read);
      plot.value.textContent = value;
      plot.afterValue.textContent = after === undefined ? "" : "after " + quantity(after, plot.series.unit);
      plot.at.textContent = this.pointer === null ? "" : `at ${read} (${seconds(read, this.view.fps)})`;
    }
  }

  draw() {
    for (const plot of this.plots) this.#draw(plot);
    this.showFrame(this.playhead.frame);
  }

  #build() {
    this.plots = this.chosen.map((key) => this.#plot(this.view.series.find((series) => keyOf(series) === key)));
    fill(this.body, this.plots.map((plot) => plot.element));
    if (!this.plots.length) {
      const text = this.view.series.length ? "Choose what to plot." : "Nothing was measured frame by frame.";
      fill(this.body, h("p", { class: "faint plots-none" }, text));
    }
    this.#fillAdder();
    this.redraw();
  }

  #plot(series) {
    const key = keyOf(series);
    const remove = button({ class: "plain", title: "take this plot away", "aria-label": "take away " + measurementName(series.name), onclick: () => this.#remove(key) }, "×");
    const plot = { key, series, canvas: h("canvas", { "aria-hidden": "true" }), value: h("strong"), afterValue: h("span", { class: "after" }), at: h("span", { class: "faint" }) };
    const label = h("div", { class: "plot-label", title: `${series.stage}.${series.name}, of the ${measuredOn(series.stage)}: ${series.meaning}` }, h("span", { class: "plot-name" }, measurementName(series.name), remove), plot.value, plot.afterValue, plot.at);
    plot.element = h("div", { class: "plot" }, plot.canvas, label);
    return plot;
  }

  #fillAdder() {
    const stages = [...new Set(this.view.series.map((series) => series.stage))];
    const groups = stages.map((stage) => {
      const left = this.view.series.filter((series) => series.stage === stage && !this.chosen.includes(keyOf(series)));
      return h("optgroup", { label: measuredOn(stage) }, left.map((series) => h("option", { value: keyOf(series) }, measurementName(series.name))));
    });
    fill(this.adder, h("option", { value: "" }, "add a plot…"), groups);
  }

  #add() {
    if (this.adder.value) this.chosen = [...this.chosen, this.adder.value];
    this.adder.blur();
    this.#build();
  }

  #remove(key) {
    this.chosen = this.chosen.filter((other) => other !== key);
    this.#build();
  }

  // Frames of the motion for each value: what a simulation measured has a rate of its own.
  #stretch(series) {
    return series.fps ? this.view.fps / series.fps : 1;
  }

  #afterValue(series, frame) {
    const curve = this.#afterCurve(series);
    if (!curve) return undefined;
    const value = curve.values[Math.floor((frame - curve.from) / curve.stretch)];
    return frame < curve.from ? undefined : value;
  }

  // The same measurement of a piece or a preview, and where its frames lie among the clip's.
  #afterCurve({ stage, name }) {
    const series = this.after && findSeries(this.after.series, stage, name);
    if (!series || !series.values.length) return null;
    const [start, stop] = this.after.frames;
    return { values: series.values, from: start, stretch: (stop - start) / series.values.length };
  }

  #draw({ canvas, series }) {
    const { scale } = this;
    const context = sharp(canvas, scale.width, HEIGHT);
    const after = this.#afterCurve(series);
    const [low, high, drawn] = valueRange(series, after?.values);
    const y = (value) => HEIGHT - 6 - ((value - low) / (high - low)) * (HEIGHT - 14);
    context.fillStyle = COLOURS.band;
    context.fillRect(GUTTER, 2, scale.width - GUTTER - MARGIN, HEIGHT - 4);
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, scale.width - GUTTER - MARGIN, HEIGHT);
    context.clip();
    this.#drawSpans(context, series);
    this.#drawCurve(context, series.values, 0, this.#stretch(series), y, COLOURS.ink);
    if (after) this.#drawCurve(context, after.values, after.from, after.stretch, y, COLOURS.accept);
    for (const limit of drawn) this.#drawLimit(context, limit, series, y);
    context.restore();
    this.#drawAxis(context, series, low, high, drawn);
  }

  // Where the quantity was counted, in grey; where a check failed, in its colour.
  #drawSpans(context, series) {
    const paint = (spans, colour) => {
      context.fillStyle = colour;
      for (const [start, stop] of spans ?? []) {
        context.fillRect(this.scale.x(start), 2, Math.max(1.5, this.scale.x(stop) - this.scale.x(start)), HEIGHT - 4);
      }
    };
    paint(series.spans, "rgba(90, 110, 130, 0.13)");
    for (const check of failedChecks(this.view)) {
      if (check.stage === series.stage && check.measurement === series.name) paint(check.spans, severityColour(check.severity) + "33");
    }
  }

  #drawLimit(context, { limit, severity }, series, y) {
    context.strokeStyle = context.fillStyle = severityColour(severity);
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(GUTTER, y(limit));
    context.lineTo(this.scale.width, y(limit));
    context.stroke();
    context.setLineDash([]);
    context.font = "10px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = y(limit) > 16 ? "bottom" : "top";
    haloed(context, quantity(limit, series.unit), this.scale.width - MARGIN - 3, y(limit));
  }

  #drawCurve(context, values, from, stretch, y, colour) {
    const { scale } = this;
    const begin = Math.max(0, Math.floor((scale.start - from) / stretch) - 1);
    const end = Math.min(values.length, Math.ceil((scale.stop - from) / stretch) + 1);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    context.beginPath();
    for (let i = begin, open = false; i < end; i += 1) {
      if (values[i] === null || values[i] === undefined) {
        open = false;
        continue;
      }
      const [px, py] = [scale.x(from + (i + 0.5) * stretch), y(values[i])];
      const alone = !open && (values[i + 1] === null || values[i + 1] === undefined);
      if (alone) context.fillRect(px - 1, py - 1, 2, 2);
      else if (open) context.lineTo(px, py);
      else context.moveTo(px, py);
      open = true;
    }
    context.stroke();
    context.lineWidth = 1;
  }

  #drawAxis(context, series, low, high, drawn) {
    context.font = "10px system-ui, sans-serif";
    context.fillStyle = COLOURS.faint;
    context.textAlign = "left";
    context.textBaseline = "top";
    haloed(context, quantity(high, series.unit), GUTTER + 3, 4);
    context.textBaseline = "bottom";
    haloed(context, quantity(low, series.unit), GUTTER + 3, HEIGHT - 3);
    const far = series.limits.filter((limit) => !drawn.includes(limit));
    if (!far.length) return;
    context.textAlign = "right";
    context.textBaseline = "top";
    haloed(context, "limit " + far.map(({ limit }) => quantity(limit, series.unit)).join(", "), this.scale.width - MARGIN - 3, 4);
  }

  #frameAt(event) {
    const x = event.clientX - this.body.getBoundingClientRect().left;
    return x < GUTTER ? null : this.scale.frame(x);
  }

  #hover(event) {
    const frame = this.#frameAt(event);
    this.#point(frame);
    if (event.buttons & 1 && frame !== null && event.target.tagName === "CANVAS") this.playhead.seek(frame);
  }

  #seek(event) {
    const frame = this.#frameAt(event);
    if (event.button === 0 && frame !== null && event.target.tagName === "CANVAS") this.playhead.seek(frame);
  }

  #point(frame) {
    this.pointer = frame;
    this.showFrame(this.playhead.frame);
  }
}

const keyOf = ({ stage, name }) => stage + "." + name;

// Text that a curve behind it does not make unreadable.
function haloed(context, text, x, y) {
  context.strokeStyle = COLOURS.band;
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.lineWidth = 1;
  context.fillText(text, x, y);
}

// What failed first, then the usual.
function firstChoice(view) {
  const failed = failedChecks(view).map((check) => findSeries(view.series, check.stage, check.measurement));
  const usual = USUAL.flatMap((name) => view.series.filter((series) => series.name === name && series.stage !== "plausibility"));
  const keys = [...failed, ...usual].filter(Boolean).map(keyOf);
  return [...new Set(keys)].slice(0, AT_FIRST);
}

// Lowest and highest value to show, and the limits that fit.
function valueRange(series, after) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of [series.values, after ?? []]) {
    for (const value of values) {
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) [low, high] = [0, 1];
  if (low > 0 && low < 0.5 * high) low = 0;
  const size = Math.max(Math.abs(low), Math.abs(high), 1e-9);
  const drawn = series.limits.filter(({ limit }) => Math.abs(limit) <= FAR * size);
  for (const { limit } of drawn) [low, high] = [Math.min(low, limit), Math.max(high, limit)];
  if (high - low < 1e-9) high = low + Math.max(1e-6, Math.abs(low) * 0.1);
  return [low, high + (high - low) * 0.06, drawn];
}
