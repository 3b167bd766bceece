// A camera that a hand leads: around a point by dragging, nearer by the wheel, aside with shift or the right button.

import * as THREE from "three";

const TURN = 0.0075; // rad a pixel
const KEY_TURN = Math.PI / 24;
const NEAREST_M = 0.4;
const FARTHEST_M = 18;
const LOWEST = -0.12; // of the elevation [rad]: a little below the floor's plane, never far under it
const STEEPEST = Math.PI / 2 - 0.001;

export class Orbit {
  constructor(canvas, camera, onChange) {
    Object.assign(this, { canvas, camera, onChange });
    this.target = new THREE.Vector3(0, 0, 0.7);
    this.aside = new THREE.Vector3(); // what panning added to the target
    this.azimuth = 0;
    this.elevation = 0.2;
    this.distance = 3;
    this.dragging = null;
    this.#listen();
  }

  // Stand in this direction from the target, seen from above [rad], so high over it, so far [m].
  stand({ azimuth, elevation, distance = this.distance }) {
    Object.assign(this, { azimuth, elevation, distance });
    this.aside.set(0, 0, 0);
    this.onChange();
  }

  follow(x, y, z) {
    this.target.set(x, y, z);
  }

  place() {
    const { azimuth, elevation, distance, camera } = this;
    const point = this.target.clone().add(this.aside);
    const away = distance * Math.cos(elevation);
    camera.position.set(
      point.x + away * Math.cos(azimuth), point.y + away * Math.sin(azimuth), point.z + distance * Math.sin(elevation),
    );
    camera.position.z = Math.max(camera.position.z, 0.03);
    camera.lookAt(point);
    camera.updateMatrixWorld();
  }

  turn(right, up) {
    this.azimuth -= right;
    this.elevation = Math.max(LOWEST, Math.min(STEEPEST, this.elevation + up));
    this.onChange();
  }

  zoom(factor) {
    this.distance = Math.max(NEAREST_M, Math.min(FARTHEST_M, this.distance * factor));
    this.onChange();
  }

  // By pixels of the picture: what is under the hand stays under it.
  pan(right, down) {
    const metres = (2 * this.distance * Math.tan((this.camera.fov * Math.PI) / 360)) / this.canvas.clientHeight;
    const [x, y] = [new THREE.Vector3(), new THREE.Vector3()];
    this.camera.matrixWorld.extractBasis(x, y, new THREE.Vector3());
    this.aside.addScaledVector(x, -right * metres).addScaledVector(y, down * metres);
    this.onChange();
  }

  #listen() {
    const canvas = this.canvas;
    canvas.style.touchAction = "none";
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.dragging = { x: event.clientX, y: event.clientY, pans: event.button !== 0 || event.shiftKey };
      canvas.style.cursor = "grabbing";
    });
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        this.dragging = null;
        canvas.style.cursor = "grab";
      });
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(Math.sign(event.deltaY) * Math.min(0.25, Math.abs(event.deltaY) * 0.0014)));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    canvas.style.cursor = "grab";
  }

  #drag(event) {
    if (!this.dragging) return;
    const [right, down] = [event.clientX - this.dragging.x, event.clientY - this.dragging.y];
    Object.assign(this.dragging, { x: event.clientX, y: event.clientY });
    if (this.dragging.pans) this.pan(right, down);
    else this.turn(right * TURN, down * TURN);
  }

  // Only while the picture itself has the keyboard; all other keys go on to the page.
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (step && event.shiftKey) this.pan(-24 * step[0], 24 * step[1]);
    else if (step) this.turn(-KEY_TURN * step[0], KEY_TURN * step[1]);
    else if (event.key === "+" || event.key === "=") this.zoom(0.87);
    else if (event.key === "-") this.zoom(1.15);
    else if (event.key === "Escape") this.canvas.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
