// The free view: robot, ghost and traces in 3D, in step with the playhead, seen from wherever one likes.

import * as THREE from "three";
import { h, onceAPicture } from "wushu/clip/dom.js";
import { After } from "wushu/three/after.js";
import { Human } from "wushu/three/human.js";
import { loadAfter, loadHuman, loadRobot } from "wushu/three/load.js";
import { Orbit } from "wushu/three/orbit.js";
import { Pace } from "wushu/three/pace.js";
import { Robot, footSide } from "wushu/three/robot.js";
import { buildStage, freeAll } from "wushu/three/stage.js";
import { Tools } from "wushu/three/tools.js";
import { Trace } from "wushu/three/trace.js";

const NO_WEBGL = "This browser draws no 3D here (WebGL 2 is off or missing). The film beside shows the same motion.";
const BEFORE_TINT = 0xb45309;
const FOLLOW_S = 0.5; // as calmly as the film's camera
const FILM_AZIMUTH = (35 * Math.PI) / 180; // to the robot's left of straight ahead, as in the film
const FIELD_OF_VIEW = 36;

// Show a clip in `container`; return {close(), show({ghost, after}), ready}. `after` is null, "piece-1", "preview-KEY",
// or {of, frames, n_lead_in, n_lead_out}: which motion, of which frames of the clip, with how many frames of lead.
export function open3d(container, { id, playhead, view }) {
  const made = new FreeView(container, { id, playhead, view });
  return {
    ready: made.start(),
    show: (what) => made.show(what),
    close: () => made.close(),
  };
}

class FreeView {
  constructor(container, { id, playhead, view }) {
    Object.assign(this, { container, id, playhead, view });
    this.wanted = { ghost: true, after: null };
    this.follows = true;
    this.closed = false;
    this.draw = onceAPicture(() => this.#draw());
    this.canvas = h("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": "Free view of the robot. Arrow keys turn it, plus and minus zoom, shift and arrows move it aside.",
    });
    this.words = h("p", { role: "status" });
    this.frameWord = h("output", { "aria-label": "frame" });
    this.tools = new Tools(this);
    this.box = h("section", { "aria-label": "free 3D view" }, this.canvas, this.tools.bar, this.frameWord, this.words);
    lay(this);
    container.append(this.box);
  }

  async start() {
    this.say("loading the robot…");
    try {
      this.#light();
    } catch {
      this.say(NO_WEBGL);
      this.canvas.hidden = this.tools.bar.hidden = true;
      return;
    }
    try {
      const robot = await loadRobot(this.id, this.view.variant);
      if (this.closed) return;
      this.#stage(robot);
      this.say("");
    } catch (error) {
      this.say(`No 3D of this clip: ${error.message}`);
      return;
    }
    await this.show(this.wanted);
  }

  say(sentence) {
    this.words.textContent = sentence;
    this.words.hidden = !sentence;
  }

  // Show or hide the ghost; show a piece or a preview instead of the motion, which stays as a translucent one.
  async show({ ghost = this.wanted.ghost, after = this.wanted.after } = {}) {
    this.wanted = { ghost, after };
    if (this.closed || !this.robot) return;
    try {
      await this.#showAfter();
      if (ghost) await this.#loadHuman();
      this.say("");
    } catch (error) {
      this.say(error.message);
    }
    this.tools.refresh();
    this.draw();
  }

  // front, side, top, film: as seen from where the robot looks now.
  standAt(where) {
    const ahead = this.track.heading(this.#frame(), this.rootBody);
    const places = {
      front: { azimuth: ahead, elevation: 0.08 },
      side: { azimuth: ahead + Math.PI / 2, elevation: 0.08 },
      top: { azimuth: ahead + Math.PI, elevation: Math.PI / 2 - 0.001 },
      film: { azimuth: this.track.heading(0, this.rootBody) + FILM_AZIMUTH, elevation: 0.2 },
    };
    this.orbit.stand({ ...places[where], distance: 2.9 });
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.playhead.removeEventListener("frame", this.draw);
    this.sizes?.disconnect();
    this.after?.free();
    if (this.stage) freeAll(this.stage.scene);
    this.renderer?.dispose();
    this.renderer?.forceContextLoss();
    this.box.remove();
  }

  #light() {
    this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, antialias: true });
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio || 1));
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = THREE.PCFShadowMap;
    this.pace = new Pace(this.renderer.getContext());
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.pace.forget();
      if (!this.closed) this.say("The graphics card let go of the picture; it comes back by itself, or on reopening.");
    });
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.say("");
      this.draw();
    });
  }

  #stage({ shapes, track, names }) {
    Object.assign(this, { shapes, track });
    this.stage = buildStage();
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.05, 60);
    this.camera.up.set(0, 0, 1);
    this.camera.add(new THREE.DirectionalLight(0xffffff, 0.9)); // what is looked at is never in the dark
    this.stage.scene.add(this.camera);
    this.orbit = new Orbit(this.canvas, this.camera, this.draw);
    this.rootBody = Math.max(0, names.findIndex((name) => /pelvis|base|root/.test(name)));
    this.path = calmPath(track, this.rootBody, Math.round(FOLLOW_S * this.view.fps));
    this.robot = new Robot(shapes, track);
    this.trace = new Trace(track, this.#feet(names), (side, frame) => this.#stands(side, frame));
    this.stage.scene.add(this.robot.root, this.trace.root);
    this.standAt("film");
    this.playhead.addEventListener("frame", this.draw);
    this.sizes = new ResizeObserver(() => this.#fit());
    this.sizes.observe(this.box);
    this.#fit();
  }

  #feet(names) {
    const of = (side) => names.findIndex((name) => footSide(name) === side);
    return { root: this.rootBody, left: of("left"), right: of("right") };
  }

  #stands(side, frame) {
    return (this.view.contacts?.[side] ?? []).some(([start, stop]) => start <= frame && frame < stop);
  }

  async #showAfter() {
    const wanted = this.wanted.after;
    const of = typeof wanted === "string" ? wanted : (wanted?.of ?? null);
    if ((this.after?.of ?? null) === of) return;
    this.#dropAfter();
    if (of === null) return;
    const facts = typeof wanted === "string" ? pieceFacts(this.view, of) : wanted;
    const track = await loadAfter(this.id, of, this.track.nBodies).catch((error) => {
      throw new Error(`"After" cannot be shown in 3D: ${error.message}`);
    });
    if (this.closed || this.wanted.after !== wanted) return;
    this.after = new After({ of, facts, robot: new Robot(this.shapes, track), fps: this.view.fps, onFrame: this.draw });
    this.before = new Robot(this.shapes, this.track, { glassy: true, tint: BEFORE_TINT });
    this.stage.scene.add(this.after.robot.root, this.before.root);
  }

  #dropAfter() {
    this.after?.free();
    this.before?.free();
    this.after = this.before = null;
  }

  async #loadHuman() {
    const parents = this.view.ghost?.parents;
    if (this.human || !parents) return;
    const joints = await loadHuman(this.id).catch((error) => {
      throw new Error(`The ghost cannot be shown in 3D: ${error.message}`);
    });
    if (this.closed || this.human || joints.byteLength % (12 * parents.length)) return;
    this.human = new Human(joints, parents);
    this.stage.scene.add(this.human.root);
  }

  #frame() {
    return Math.max(0, Math.min(this.track.nFrames - 1, this.playhead.frame));
  }

  #fit() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !height || this.closed) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  #draw() {
    if (this.closed || !this.robot) return;
    if (this.pace.isBusy) {
      this.draw();
      return;
    }
    const frame = this.#frame();
    const leading = this.after?.leading ?? false;
    this.robot.root.visible = !this.after;
    this.robot.show(frame);
    this.after?.show(frame);
    this.before?.show(frame);
    if (this.before) this.before.root.visible = !leading;
    for (const side of ["left", "right"]) {
      this.robot.stand(side, this.#stands(side, frame));
      this.after?.robot.stand(side, !leading && this.#stands(side, frame));
    }
    if (this.human) this.human.root.visible = this.wanted.ghost && !leading; // he does not move in a lead
    if (this.human?.root.visible) this.human.show(frame);
    this.trace.show(frame);
    if (this.follows) this.orbit.follow(...this.path(frame));
    this.stage.keep(this.orbit.target.x, this.orbit.target.y);
    this.orbit.place();
    this.renderer.render(this.stage.scene, this.camera);
    this.pace.drawn();
    this.canvas.dataset.frame = String(frame);
    this.frameWord.textContent = this.after ? `frame ${frame} · ${this.after.told(frame)}` : `frame ${frame}`;
  }
}

function pieceFacts(view, of) {
  const piece = view.pieces.find(({ number }) => `piece-${number}` === of);
  return { frames: piece?.frames ?? [0, view.n_frames], n_lead_in: 0, n_lead_out: 0 };
}

// Where the camera looks: the root's path, smoothed over `sigma` frames, so that it does not hide what the feet do.
function calmPath(track, body, sigma) {
  const reach = 3 * sigma;
  const weight = (i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma || 1));
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => weight(i));
  const total = weights.reduce((sum, one) => sum + one, 0);
  return (frame) => {
    const sum = [0, 0, 0];
    weights.forEach((one, i) => {
      track.place(frame + i - reach, body).forEach((value, axis) => {
        sum[axis] += (one / total) * value;
      });
    });
    return [sum[0], sum[1], Math.max(0.45, sum[2] - 0.08)];
  };
}

function lay({ box, canvas, frameWord, words }) {
  const filled = { width: "100%", height: "100%" };
  Object.assign(box.style, filled, { position: "relative", minHeight: "260px", overflow: "hidden" });
  Object.assign(canvas.style, filled, { position: "absolute", inset: "0", display: "block" });
  const label = { position: "absolute", margin: "0", font: "12px/1.4 system-ui, sans-serif", color: "#1f2937" };
  const plate = { background: "rgba(255,255,255,0.82)", borderRadius: "4px", padding: "2px 6px" };
  Object.assign(frameWord.style, label, plate, { left: "8px", bottom: "8px", fontVariantNumeric: "tabular-nums" });
  const under = { left: "8px", right: "8px", top: "44px", padding: "6px 8px", width: "fit-content" };
  Object.assign(words.style, label, plate, under);
}
