// The human as a ghost: translucent limbs between the joints that the robot was told to follow, in the robot's size.

import * as THREE from "three";
import { depthTwin, glass } from "wushu/three/stage.js";

const TINT = 0xff4fa3;
const HEAD = 15; // of SMPL's joints
const SMPL_JOINTS = [22, 24];
const THIN_M = 0.022;
const THICK_M = 0.062;
const UP = new THREE.Vector3(0, 1, 0);

export class Human {
  // joints: float32, frames x parents.length x 3 [m]
  constructor(buffer, parents) {
    this.numbers = new Float32Array(buffer);
    this.nJoints = parents.length;
    this.nFrames = Math.floor(this.numbers.length / (3 * this.nJoints));
    this.bones = parents.map((parent, joint) => [parent, joint]).filter(([parent]) => parent >= 0);
    this.radii = this.#radii();
    this.root = new THREE.Group();
    this.limbs = this.#instances(new THREE.CylinderGeometry(1, 1, 1, 14, 1, true), this.bones.length);
    this.knobs = this.#instances(new THREE.SphereGeometry(1, 14, 10), this.nJoints);
    this.lines = this.#lines();
  }

  #instances(geometry, count) {
    return [[depthTwin(), 3], [glass(TINT, 0.42), 4]].map(([material, order]) => {
      const mesh = new THREE.InstancedMesh(geometry, material, count);
      mesh.frustumCulled = false;
      mesh.renderOrder = order;
      this.root.add(mesh);
      return mesh;
    });
  }

  // Bones as thin lines over everything: where the ghost is inside the robot, they are all that is seen of it.
  #lines() {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(6 * this.bones.length), 3));
    const material = new THREE.LineBasicMaterial({ color: TINT, transparent: true, opacity: 0.75, depthTest: false });
    const lines = new THREE.LineSegments(geometry, material);
    lines.frustumCulled = false;
    lines.renderOrder = 5;
    this.root.add(lines);
    return lines;
  }

  #joint(frame, joint, into) {
    const shown = Math.max(0, Math.min(this.nFrames - 1, frame));
    return into.fromArray(this.numbers, 3 * (shown * this.nJoints + joint));
  }

  #radii() {
    const [a, b] = [new THREE.Vector3(), new THREE.Vector3()];
    const radii = new Float32Array(this.nJoints).fill(THIN_M);
    for (const [parent, joint] of this.bones) {
      const length = this.#joint(0, parent, a).distanceTo(this.#joint(0, joint, b));
      radii[joint] = Math.min(THICK_M, Math.max(THIN_M, 0.17 * length));
    }
    return radii;
  }

  show(frame) {
    const [a, b, middle, along] = Array.from({ length: 4 }, () => new THREE.Vector3());
    const [matrix, turn, size] = [new THREE.Matrix4(), new THREE.Quaternion(), new THREE.Vector3()];
    const line = this.lines.geometry.attributes.position;
    this.bones.forEach(([parent, joint], bone) => {
      this.#joint(frame, parent, a);
      this.#joint(frame, joint, b);
      along.subVectors(b, a);
      const length = along.length();
      turn.setFromUnitVectors(UP, length > 1e-6 ? along.divideScalar(length) : UP);
      size.set(this.radii[joint], Math.max(length, 1e-6), this.radii[joint]);
      matrix.compose(middle.addVectors(a, b).multiplyScalar(0.5), turn, size);
      for (const mesh of this.limbs) mesh.setMatrixAt(bone, matrix);
      a.toArray(line.array, 6 * bone);
      b.toArray(line.array, 6 * bone + 3);
    });
    for (let joint = 0; joint < this.nJoints; joint += 1) this.#placeKnob(frame, joint, matrix, a);
    for (const mesh of [...this.limbs, ...this.knobs]) mesh.instanceMatrix.needsUpdate = true;
    line.needsUpdate = true;
  }

  #placeKnob(frame, joint, matrix, point) {
    const head = joint === HEAD && SMPL_JOINTS.includes(this.nJoints);
    const radius = head ? 0.085 : this.radii[joint];
    this.#joint(frame, joint, point);
    matrix.makeScale(radius, radius, head ? 1.25 * radius : radius).setPosition(point);
    for (const mesh of this.knobs) mesh.setMatrixAt(joint, matrix);
  }
}
