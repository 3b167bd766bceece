// The page of one clip: its film, the timeline and the plots in step with it, edits, and what was decided.

import { binary, fileUrl, json, NoAnswer, offline, post } from "wushu/answers.js";
import { CommandBox } from "wushu/clip/command_box.js";
import { Compare } from "wushu/clip/compare.js";
import { Controls } from "wushu/clip/controls.js";
import { attemptList, decisionList, deliveryList, metricTable, pieceList, section, textList } from "wushu/clip/details.js";
import { button, fill, h } from "wushu/clip/dom.js";
import { Draft } from "wushu/clip/draft.js";
import { EditPanel } from "wushu/clip/edit_panel.js";
import { Edits } from "wushu/clip/edits.js";
import { Film } from "wushu/clip/film.js";
import { FreeViewBox } from "wushu/clip/free_view_box.js";
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
  return { close: () => page.close(), keys: clipKeys(page), look: () => page.shown, page };
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
    this.forget = app?.onChange?.(() => (this.view ? this.#changedElsewhere() : this.load()));
  }

  // The motion that is on the screen, and how many decisions on it: decided is on these. Null before it is read.
  get shown() {
    return this.view ? { fingerprint: this.view.item.fingerprint, seen: this.seen } : null;
  }

  // The clip was solved anew since: what is shown is not decided on any more.
  get isOld() {
    return this.item.fingerprint !== this.view.item.fingerprint;
  }

  async load() {
    if (this.reading || this.closed) return;
    this.reading = true;
    clearTimeout(this.retry);
    let view = null;
    try {
      view = await json(this.path);
    } catch (error) {
      if (!this.closed) this.#cannotLoad(error);
    }
    this.reading = false;
    if (this.closed || !view) return;
    this.#takeDown();
    this.view = view;
    this.#build();
  }

  // Once more from the service: the motion that was solved meanwhile, or a film that broke off.
  loadAnew() {
    if (!offline && this.view) this.load();
  }

  #cannotLoad(error) {
    if (this.view) this.say(error.message);
    else fill(this.main, h("p", { class: "problem", role: "alert" }, error.message));
    const passes = error instanceof NoAnswer || error.status === 503;
    if (passes && !this.view) this.retry = setTimeout(() => this.load(), TRY_AGAIN_MS);
  }

  get readOnly() {
    if (offline) return "This page has no service behind it.";
    return this.app?.session?.read_only ?? null;
  }

  #build() {
    const { view } = this;
    this.item = view.item;
    this.seen = view.item.n_decisions;
    this.edits = new Edits({ nFrames: view.n_frames, contacts: view.contacts });
    this.draft = new Draft(this.edits, this.item, this.app?.name);
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
    this.free = new FreeViewBox({ id: this.id, view, playhead, film: this.film, controls: this.controls });
    fill(this.main, h("div", { class: "stage" }, this.film.element, this.free.element), this.controls.element, this.timeline.element, this.plots.element);
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
      const again = button({ onclick: () => this.loadAnew(), title: "load the clip again (l)" }, "Load again (l)");
      film.say("No film: " + playhead.problem + " The plots and the timeline follow a clock. ", offline ? null : again);
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
    const { decision } = this.item;
    const isOfThis = decision?.fingerprint === this.view.item.fingerprint;
    this.timeline?.setRows(timelineRows(this.view, this.edits, isOfThis ? decision : null));
  }

  #fit() {
    this.scale.width = Math.max(GUTTER_AND_SOME, this.timeline.element.clientWidth);
    this.timeline.draw();
    this.plots.draw();
  }

  #buildSide() {
    const { view } = this;
    this.decisions = h("div", {}, decisionList(this.#viewNow));
    const act = {
      first: () => this.markFirst(), last: () => this.markLast(), preview: () => this.preview(), undoEdit: () => this.edits.undo(),
      clear: () => this.clear(), accept: () => this.accept(), reject: () => this.reject(),
      acceptAll: () => this.acceptAll(), loadAnew: () => this.loadAnew(),
    };
    const decide = [];
    if (offline && view.item.fingerprint) {
      const { dataset } = this.app?.session ?? {};
      this.commands = new CommandBox({ id: this.id, dataset, fingerprint: view.item.fingerprint, edits: this.edits });
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
    if (!this.panel || this.panel.busy || this.#tellsOld()) return;
    if (offline) {
      this.panel.failed("A preview needs the service: run `wushu review` on the dataset.");
      return;
    }
    const { request } = this.edits;
    const { view } = this;
    this.panel.waiting();
    try {
      const preview = await post(this.path + "/preview", { ...request, fingerprint: view.item.fingerprint });
      if (this.closed || this.view !== view) return;
      this.previewed = { request: JSON.stringify(request), preview };
      this.panel.told(preview, this.#isOutdated());
      this.compare.addPreview(preview);
    } catch (error) {
      if (!this.closed && this.view === view) this.panel.failed(error.message);
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

  async accept(request = this.edits?.request) {
    if (offline) this.commands?.focus();
    if (!this.#mayDecide()) return;
    const done = await this.app.decide({ id: this.id, ruling: "accept", ...request, ...this.shown });
    if (done && !this.closed) this.#decided(done);
  }

  // Without the repairs: who names all frames takes them as they were solved.
  acceptAll() {
    return this.accept({ frames: [0, this.view.n_frames], ground_m: 0, contacts: [] });
  }

  reject() {
    if (!this.#mayDecide()) return;
    this.app.askReject(this.id, this.shown);
  }

  #tellsOld() {
    if (!this.view || !this.isOld) return false;
    this.say("This motion was solved anew since you opened it: load it (l) before you decide.");
    return true;
  }

  #mayDecide() {
    if (!this.view || !this.app?.decide || offline || this.#tellsOld()) return false;
    if (this.readOnly === null) return true;
    this.say(this.readOnly);
    return false;
  }

  // The edits are in the decision now.
  #decided({ item }) {
    this.edits.past.length = 0;
    this.draft.arrived(item.decision, this.app.name);
    this.#forgetPreview();
    this.panel?.empty();
  }

  async #changedElsewhere() {
    const item = this.app.item?.(this.id);
    if (!item || !this.view || this.closed || JSON.stringify(item) === JSON.stringify(this.item)) return;
    const { view } = this;
    this.item = item;
    fillHeader(this.header, item, view);
    this.draft.stand(item.decision, this.app.name);
    if (this.panel) this.panel.isOld = this.isOld;
    this.panel?.show();
    this.#rows();
    if (this.isOld) return;
    try {
      const now = await json(this.path);
      if (this.closed || this.view !== view || now.item.fingerprint !== view.item.fingerprint) return;
      Object.assign(view, { decisions: now.decisions, hands_over: now.hands_over });
      fill(this.decisions, decisionList(this.#viewNow));
      this.seen = now.item.n_decisions; // they are on the screen now
    } catch {
      // the header tells; the history comes with the next change
    }
  }

  get #viewNow() {
    return { ...this.view, item: this.item };
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
    this.free?.show({ ghost: this.film.ghostShown, after: this.compare.shown });
  }

  async toggle3d() {
    if (!this.free) return;
    await this.free.toggle();
    this.#show3d();
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    this.forget?.();
    this.#takeDown();
    this.element.remove();
  }

  #takeDown() {
    this.free?.close();
    this.watcher?.disconnect();
    this.playhead?.close();
    this.film?.close();
    Object.assign(this, { free: null, previewed: null, panel: null, timeline: null, plots: null });
  }
}

const TRY_AGAIN_MS = 2000; // a service that is away is asked again
const READABLE_MS = 100; // numbers that change faster cannot be read, and cost the film pictures on a slow machine
const GUTTER_AND_SOME = 240; // px: the names and a little of the frames, however narrow the window
