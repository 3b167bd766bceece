// Where feet and root went, on the floor: all of it faintly, what was up to now strongly; dots where a foot stood.

import * as THREE from "three";

const HEIGHT_M = 0.004; // over the floor, or they flicker in it
const COLOURS = { root: 0x4b5563, left: 0x1a5fb4, right: 0x8a3ab9 };

export class Trace {
  // bodies: {root, left, right} numbers of bodies of the track; stands(side, frame) tells whether a foot stands.
  constructor(track, bodies, stands) {
    this.root = new THREE.Group();
    this.grown = [];
    for (const [part, body] of Object.entries(bodies)) {
      if (body < 0) continue;
      const path = new Float32Array(3 * track.nFrames);
      for (let frame = 0; frame < track.nFrames; frame += 1) {
        const [x, y] = track.place(frame, body);
        path.set([x, y, HEIGHT_M], 3 * frame);
      }
      this.#draw(path, COLOURS[part]);
      if (part !== "root") this.#dots(path, COLOURS[part], (frame) => stands(part, frame));
    }
  }

  #draw(path, color) {
    for (const [opacity, grows] of [[0.28, false], [0.95, true]]) {
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(path, 3));
      const line = new THREE.Line(geometry, new THREE.LineBasicMaterial({ color, transparent: true, opacity }));
      line.frustumCulled = false;
      this.root.add(line);
      if (grows) this.grown.push((frame) => geometry.setDrawRange(0, frame + 1));
    }
  }

  #dots(path, color, stood) {
    const frames = Array.from({ length: path.length / 3 }, (_, frame) => frame).filter(stood);
    const dots = frames.flatMap((frame) => [path[3 * frame], path[3 * frame + 1], HEIGHT_M]);
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.Float32BufferAttribute(dots, 3));
    const material = new THREE.PointsMaterial({ color, size: 0.018, transparent: true, opacity: 0.7 });
    const points = new THREE.Points(geometry, material);
    points.frustumCulled = false;
    this.root.add(points);
    this.grown.push((shown) => {
      const after = frames.findIndex((frame) => frame > shown);
      geometry.setDrawRange(0, after < 0 ? frames.length : after);
    });
  }

  show(frame) {
    for (const grow of this.grown) grow(frame);
  }
}
