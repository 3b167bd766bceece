// The page of one clip: its film, the timeline and the plots in step with it, edits, and what was decided.

import { binary, fileUrl, json, offline, post } from "wushu/answers.js";
import { CommandBox } from "wushu/clip/command_box.js";
import { Compare } from "wushu/clip/compare.js";
import { Controls } from "wushu/clip/controls.js";
import { attemptList, decisionList, deliveryList, metricTable, pieceList, section, textList } from "wushu/clip/details.js";
import { fill, h } from "wushu/clip/dom.js";
import { Draft } from "wushu/clip/draft.js";
import { EditPanel } from "wushu/clip/edit_panel.js";
import { Edits } from "wushu/clip/edits.js";
import { Film } from "wushu/clip/film.js";
import { fillHeader } from "wushu/clip/header.js";
import { clipKeys } from "wushu/clip/keys.js";
import { Playhead } from "wushu/clip/playhead.js";
import { Plots } from "wushu/clip/plots.js";
import { reasonList } from "wushu/clip/reasons.js";
import { timelineRows } from "wushu/clip/rows.js";
import { Timeline } from "wushu/clip/timeline.js";
import { Timescale } from "wushu/clip/timescale.js";

// Show a clip in a container. Returns at once {close(), keys}; the clip comes when it is read.
export function openClip(container, { id, app }) {
  const page = new ClipPage(container, id, app);
  page.load();
  return { close: () => page.close(), keys: clipKeys(page), page };
}

class ClipPage {
  constructor(container, id, app) {
    Object.assign(this, { id, app });
    this.path = "/api/clips/" + encodeURIComponent(id);
    this.closed = false;
    this.toldAt = 0; // when numbers were last written [ms]
    this.header = h("header", { class: "clip-head" });
    this.main = h("div", { class: "clip-main" }, h("p", { class: "faint" }, "Reading the clip…"));
    this.side = h("aside", { class: "clip-side" });
    this.element = h("div", { class: "clip" }, this.header, this.main, this.side);
    fill(container, this.element);
    const item = app?.item?.(id);
    if (item) fillHeader(this.header, item, null);
    this.forget = app?.onChange?.(() => this.#changedElsewhere());
  }

  async load() {
    try {
      this.view = await json(this.path);
    } catch (error) {
      if (!this.closed) fill(this.main, h("p", { class: "problem", role: "alert" }, error.message));
      return;
    }
    if (this.closed) return;
    this.#build();
  }

  get readOnly() {
    if (offline) return "This page has no service behind it.";
    return this.app?.session?.read_only ?? null;
  }

  #build() {
    const { view } = this;
    this.item = view.item;
    this.edits = new Edits({ nFrames: view.n_frames, contacts: view.contacts });
    this.draft = new Draft(this.edits, this.item);
    const address = view.video ? fileUrl(this.path + "/files/playback.mp4") : null;
    this.film = new Film(view, address);
    this.playhead = new Playhead({ nFrames: view.n_frames, fps: view.fps || 30, video: this.film.video, film: this.film.film });
    this.scale = new Timescale(view.n_frames);
    fillHeader(this.header, this.item, view);
    if (view.n_frames) this.#buildMotion();
    else fill(this.main, this.film.element);
    if (!this.film.film) this.film.say(view.problem && !view.n_frames ? view.problem : "No film: " + this.#whyNoFilm());
    this.#buildSide();
  }

  #whyNoFilm() {
    const told = this.view.damaged?.find((sentence) => sentence.includes("playback"));
    if (told) return told;
    return this.item.has_playback ? "it is not in this page. The plots and the timeline follow a clock." : "none was made. The plots and the timeline follow a clock.";
  }

  #buildMotion() {
    const { view, scale, playhead, edits } = this;
    this.timeline = new Timeline({ fps: view.fps, scale, playhead, edits, readOnly: false, onSpan: (check, frames) => this.look(check, frames[0]) });
    this.plots = new Plots({ view, scale, playhead });
    this.controls = new Controls({ view, playhead, scale, film: this.film, toggle3d: () => this.toggle3d(), toggleGhost: () => this.toggleGhost() });
    this.compare = new Compare({ path: this.path, view, plots: this.plots, tell: (sentence) => this.say(sentence) });
    this.compare.addEventListener("change", () => this.#show3d());
    fill(this.plots.tools, this.compare.element);
    this.threeBox = h("div", { class: "three-box" });
    this.threeBox.hidden = true;
    fill(this.main, h("div", { class: "stage" }, this.film.element, this.threeBox), this.controls.element, this.timeline.element, this.plots.element);
    this.#connect();
    this.#contactsChanged();
    this.#rows();
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(this.timeline.element);
    this.#fit();
    this.#firstGhost();
  }

  #connect() {
    const { playhead, film, timeline, plots, controls, scale, edits } = this;
    playhead.addEventListener("frame", () => {
      const { frame } = playhead;
      const tells = !playhead.playing || performance.now() - this.toldAt > READABLE_MS;
      if (tells) this.toldAt = performance.now();
      scale.keepInSight(frame);
      film.show(frame);
      timeline.showFrame(frame, tells);
      plots.showFrame(frame, tells);
      if (tells) controls.showFrame();
    });
    playhead.addEventListener("state", () => {
      controls.show();
      timeline.showFrame(playhead.frame);
      plots.showFrame(playhead.frame);
    });
    playhead.addEventListener("problem", () => {
      film.say("No film: " + playhead.problem + " The plots and the timeline follow a clock.");
      controls.show();
    });
    scale.addEventListener("change", () => {
      timeline.redraw();
      plots.redraw();
    });
    edits.addEventListener("change", () => {
      this.#contactsChanged();
      this.#rows();
      this.#outdatePreview();
      this.panel?.show();
      this.commands?.show();
    });
  }

  #contactsChanged() {
    this.film.contacts = { left: this.edits.stands("left"), right: this.edits.stands("right") };
    this.film.draw();
  }

  #rows() {
    this.timeline?.setRows(timelineRows(this.view, this.edits, this.item.decision));
  }

  #fit() {
    this.scale.width = Math.max(GUTTER_AND_SOME, this.timeline.element.clientWidth);
    this.timeline.draw();
    this.plots.draw();
  }

  #buildSide() {
    const { view } = this;
    this.decisions = h("div", {}, decisionList(view));
    const act = {
      first: () => this.markFirst(), last: () => this.markLast(), preview: () => this.preview(), undoEdit: () => this.edits.undo(),
      clear: () => this.clear(), accept: () => this.accept(), reject: () => this.reject(),
    };
    const decide = [];
    if (offline && view.item.fingerprint) {
      this.commands = new CommandBox({ id: this.id, dataset: this.app?.session?.dataset, edits: this.edits });
      decide.push(this.commands.element);
    }
    if (view.n_frames) {
      this.panel = new EditPanel({ view, edits: this.edits, playhead: this.playhead, act, readOnly: this.readOnly, offline });
      decide.unshift(this.panel.element);
    }
    fill(
      this.side,
      section("Decide", decide.length ? decide : null, true),
      section("What the checks say", reasonList(view, (check, frame) => this.look(check, frame)), true),
      section("Decisions", this.decisions, true),
      section("Pieces", pieceList(view, (name) => this.compare.choose(name)), true),
      section("Remarks", textList([...(view.problem && view.n_frames ? [view.problem] : []), ...(view.remarks ?? [])]), true),
      section("Attempts to mend it", attemptList(view)),
      section("Handed off", deliveryList(view)),
      section("Licences", textList(view.licences)),
      section("All figures", metricTable(view)),
      section("Files", this.#files(), true),
    );
  }

  #files() {
    const link = (name, text) => {
      const address = fileUrl(this.path + "/files/" + name);
      return address ? h("li", {}, h("a", { href: address, target: "_blank", rel: "noopener" }, text)) : null;
    };
    const links = this.view.n_frames ? [link("report.png", "report"), link("retarget.png", "how well the robot follows"), this.film.film ? link("playback.mp4", "film") : null] : [];
    if (!offline) links.push(h("li", {}, h("a", { href: this.path + "/page.html", download: "" }, "this page, to watch without the service")));
    return links.some(Boolean) ? h("ul", { class: "files" }, links) : null;
  }

  // Plot a failed check and go to one of its frames.
  look(check, frame) {
    this.plots?.reveal(check.stage, check.measurement);
    if (frame !== null && frame !== undefined) {
      this.playhead.pause();
      this.playhead.seek(frame);
    }
  }

  say(sentence) {
    if (this.app?.toast) this.app.toast(sentence);
    else this.panel?.failed(sentence);
  }

  // Edits ------------------------------------------------------------------------------------------------------------

  markFirst() {
    if (this.view?.n_frames) this.edits.markFirst(this.playhead.frame);
  }

  markLast() {
    if (this.view?.n_frames) this.edits.markLast(Math.min(this.view.n_frames - 1, this.playhead.frame + this.playhead.stride - 1));
  }

  clear() {
    this.edits?.clear();
    this.panel?.empty();
    this.#forgetPreview();
  }

  async preview() {
    if (!this.panel || this.panel.busy) return;
    if (offline) {
      this.panel.failed("A preview needs the service: run `wushu review` on the dataset.");
      return;
    }
    const request = this.edits.request;
    this.panel.waiting();
    try {
      const preview = await post(this.path + "/preview", request);
      if (this.closed) return;
      this.previewed = { request: JSON.stringify(request), preview };
      this.panel.told(preview, this.#isOutdated());
      this.compare.addPreview(preview);
    } catch (error) {
      if (!this.closed) this.panel.failed(error.message);
    }
  }

  #isOutdated() {
    return JSON.stringify(this.edits.request) !== this.previewed?.request;
  }

  #outdatePreview() {
    if (this.previewed && !this.panel?.busy) this.panel?.told(this.previewed.preview, this.#isOutdated());
  }

  #forgetPreview() {
    this.previewed = null;
    this.compare?.addPreview(null);
  }

  // Rulings ----------------------------------------------------------------------------------------------------------

  async accept() {
    if (offline) this.commands?.focus();
    if (!this.#mayDecide()) return;
    const done = await this.app.decide({ id: this.id, ruling: "accept", ...this.edits.request });
    if (done) this.#decided();
  }

  reject() {
    if (!this.#mayDecide()) return;
    this.app.askReject(this.id);
  }

  #mayDecide() {
    if (!this.view || !this.app?.decide || offline) return false;
    if (this.readOnly === null) return true;
    this.say(this.readOnly);
    return false;
  }

  // The edits are in the decision now.
  #decided() {
    this.edits.past.length = 0;
    this.edits.clear();
    this.#forgetPreview();
    this.panel?.empty();
  }

  async #changedElsewhere() {
    const item = this.app.item?.(this.id);
    if (!item || !this.view || this.closed || JSON.stringify(item) === JSON.stringify(this.item)) return;
    const solvedAnew = item.fingerprint !== this.view.item.fingerprint;
    this.item = this.view.item = item;
    fillHeader(this.header, item, this.view);
    this.panel?.show();
    if (solvedAnew) this.say("This motion was solved anew: open the clip again to see it.");
    this.#rows();
    try {
      const { decisions } = await json(this.path);
      if (this.closed) return;
      this.view.decisions = decisions;
      fill(this.decisions, decisionList(this.view));
    } catch {
      // the header tells; the history comes with the next change
    }
  }

  // Ghost and 3D -----------------------------------------------------------------------------------------------------

  // After the first picture, so that it costs the start nothing.
  #firstGhost() {
    if (!this.view.ghost || !this.film.film) return;
    this.playhead.addEventListener("frame", () => this.toggleGhost(true), { once: true });
  }

  async toggleGhost(shown = !this.film?.ghostShown) {
    if (!this.view?.ghost) return;
    this.film.ghostShown = shown;
    this.controls?.show();
    this.film.draw();
    this.#show3d();
    if (!shown || this.film.ghost || !this.film.film) return;
    try {
      this.film.ghost = new Float32Array(await binary(this.path + "/ghost"));
    } catch (error) {
      this.film.ghostShown = false;
      this.say("No ghost: " + error.message);
      this.controls?.show();
    }
    this.film.draw();
  }

  #show3d() {
    this.scene?.show({ ghost: this.film.ghostShown, after: this.compare.shown });
  }

  async toggle3d() {
    if (!this.threeBox) return;
    if (this.threeOpen) {
      this.threeOpen = false;
      this.scene?.close();
      this.scene = null;
      this.threeBox.hidden = true;
    } else {
      this.threeOpen = true;
      this.threeBox.hidden = false;
      await this.#open3d();
    }
    this.controls.shown3d = this.threeOpen;
    this.controls.show();
  }

  async #open3d() {
    fill(this.threeBox, h("p", { class: "faint" }, "Opening 3D…"));
    try {
      const { open3d } = await import("wushu/three/view.js");
      if (this.closed || !this.threeOpen) return;
      fill(this.threeBox);
      const scene = await open3d(this.threeBox, { id: this.id, playhead: this.playhead, view: this.view });
      if (this.closed || !this.threeOpen) {
        scene?.close();
        return;
      }
      this.scene = scene;
      this.#show3d();
    } catch (error) {
      fill(this.threeBox, h("p", { class: "problem", role: "alert" }, "No 3D: " + error.message));
    }
  }

  close() {
    this.closed = true;
    this.forget?.();
    this.scene?.close();
    this.watcher?.disconnect();
    this.playhead?.close();
    this.film?.close();
    this.element.remove();
  }
}

const READABLE_MS = 100; // numbers that change faster cannot be read, and cost the film pictures on a slow machine
const GUTTER_AND_SOME = 240; // px: the names and a little of the frames, however narrow the window
