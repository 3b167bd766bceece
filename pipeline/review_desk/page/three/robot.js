// The robot as the review service describes it: triangles in the frames of its bodies, and a pose of each body a frame.

import * as THREE from "three";
import { depthTwin, glass } from "wushu/three/stage.js";

export const NUMBERS_A_POSE = 7; // x, y, z [m], then the quaternion w, x, y, z
const STANDING = 0x2a9d5c;
const FEW_POINTS = 24; // a box: flat faces, not rounded ones

// Turn the description of a robot into shapes that any number of robots share.
export function shapesOf(robot) {
  return robot.bodies.map((body) => ({ name: body.name, parts: body.geoms.map(partOf) }));
}

function partOf({ vertices, triangles, rgba }) {
  let geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(vertices, 3));
  geometry.setIndex(triangles);
  if (vertices.length / 3 <= FEW_POINTS) geometry = geometry.toNonIndexed();
  geometry.computeVertexNormals();
  const [r, g, b] = rgba ?? [0.8, 0.8, 0.8, 1];
  return { geometry, color: new THREE.Color().setRGB(r, g, b, THREE.SRGBColorSpace) };
}

export function footSide(name) {
  if (!/ankle_roll|foot/.test(name)) return null;
  return /left/.test(name) ? "left" : /right/.test(name) ? "right" : null;
}

// Poses of all bodies in all frames.
export class Track {
  constructor(buffer, nBodies) {
    this.numbers = new Float32Array(buffer);
    this.nBodies = nBodies;
    this.nFrames = Math.floor(this.numbers.length / (nBodies * NUMBERS_A_POSE));
  }

  // Where in `numbers` the pose of a body begins; frames before the first or after the last are these.
  at(frame, body) {
    const shown = Math.max(0, Math.min(this.nFrames - 1, frame));
    return (shown * this.nBodies + body) * NUMBERS_A_POSE;
  }

  place(frame, body) {
    const i = this.at(frame, body);
    return [this.numbers[i], this.numbers[i + 1], this.numbers[i + 2]];
  }

  // Direction in which a body's x axis points, seen from above [rad].
  heading(frame, body) {
    const i = this.at(frame, body) + 3;
    const [w, x, y, z] = this.numbers.subarray(i, i + 4);
    return Math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z));
  }
}

// A robot that is seen; `glassy`: as the one that another is compared with.
export class Robot {
  constructor(shapes, track, { glassy = false, tint = null } = {}) {
    this.track = track;
    this.root = new THREE.Group();
    this.feet = { left: [], right: [] };
    this.bodies = shapes.map((body) => {
      const group = new THREE.Group();
      for (const part of body.parts) this.#add(group, part, footSide(body.name), glassy, tint);
      this.root.add(group);
      return group;
    });
  }

  #add(group, { geometry, color }, side, glassy, tint) {
    if (glassy) {
      const twin = new THREE.Mesh(geometry, depthTwin());
      twin.renderOrder = 1;
      const mesh = new THREE.Mesh(geometry, glass(tint ?? color, 0.38));
      mesh.renderOrder = 2;
      group.add(twin, mesh);
      return;
    }
    const material = new THREE.MeshStandardMaterial({ color, roughness: 0.62, metalness: 0.04 });
    const mesh = new THREE.Mesh(geometry, material);
    mesh.castShadow = mesh.receiveShadow = true;
    group.add(mesh);
    if (side) this.feet[side].push({ material, color });
  }

  show(frame) {
    const { numbers } = this.track;
    this.bodies.forEach((group, body) => {
      const i = this.track.at(frame, body);
      group.position.set(numbers[i], numbers[i + 1], numbers[i + 2]);
      group.quaternion.set(numbers[i + 4], numbers[i + 5], numbers[i + 6], numbers[i + 3]);
    });
  }

  // Paint a foot that stands.
  stand(side, stands) {
    for (const { material, color } of this.feet[side]) {
      if (stands) material.color.setHex(STANDING);
      else material.color.copy(color);
    }
  }

  // Shapes are shared: only what is this robot's own is freed.
  free() {
    this.root.removeFromParent();
    this.root.traverse((thing) => thing.material?.dispose());
  }
}
