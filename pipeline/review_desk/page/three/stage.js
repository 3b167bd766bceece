// The stage of the free view: the film's checker floor with squares of half a metre, its sky and its light. z is up.

import * as THREE from "three";

const LIGHT = 0xb0b6bc;
const DARK = 0x8e959d;
const SKY = 0xccd3da;
const REACH_M = 40; // how far the floor goes; fog hides its end

// Return {scene, keep(x, y)}; `keep` brings floor and light to where the robot is.
export function buildStage() {
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(SKY);
  scene.fog = new THREE.Fog(SKY, 9, 26);
  const floor = new THREE.Mesh(
    new THREE.PlaneGeometry(2 * REACH_M, 2 * REACH_M),
    new THREE.MeshStandardMaterial({ map: checker(), roughness: 0.95 }),
  );
  floor.receiveShadow = true;
  const sun = new THREE.DirectionalLight(0xffffff, 1.7);
  sun.castShadow = true;
  sun.shadow.mapSize.set(1024, 1024);
  sun.shadow.radius = 3;
  sun.shadow.bias = -0.0004;
  sun.shadow.normalBias = 0.01;
  Object.assign(sun.shadow.camera, { left: -1.6, right: 1.6, top: 1.9, bottom: -1.3, near: 0.5, far: 9 });
  scene.add(floor, new THREE.HemisphereLight(0xffffff, 0xb9bcc0, 1.7), sun, sun.target);
  const keep = (x, y) => {
    floor.position.set(Math.round(x), Math.round(y), 0); // by whole metres: the squares stay where they are
    sun.target.position.set(x, y, 0.5);
    sun.position.set(x + 1.2, y - 0.9, 5);
  };
  keep(0, 0);
  return { scene, keep };
}

// One metre of floor: two squares by two.
function checker() {
  const squares = [LIGHT, DARK, DARK, LIGHT].flatMap((c) => [(c >> 16) & 255, (c >> 8) & 255, c & 255, 255]);
  const texture = new THREE.DataTexture(new Uint8Array(squares), 2, 2);
  texture.colorSpace = THREE.SRGBColorSpace;
  texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
  texture.repeat.set(2 * REACH_M, 2 * REACH_M);
  texture.magFilter = THREE.NearestFilter;
  texture.minFilter = THREE.LinearMipmapLinearFilter;
  texture.generateMipmaps = true;
  texture.anisotropy = 8;
  texture.needsUpdate = true;
  return texture;
}

// Free what the graphics card holds of everything in a scene.
export function freeAll(scene) {
  scene.traverse((thing) => {
    thing.geometry?.dispose();
    for (const material of [thing.material ?? []].flat()) {
      material.map?.dispose();
      material.dispose();
    }
    thing.shadow?.dispose?.();
  });
}

// A material that is seen through evenly: what lies behind the first surface of the thing itself is not drawn twice.
// Give the thing a twin with `depthTwin()` as well. Where it lies within some millimetres of something solid, the solid
// is what is seen: two robots in one pose look like one.
const BEHIND = { polygonOffset: true, polygonOffsetFactor: 2, polygonOffsetUnits: 600 };

export function glass(color, opacity) {
  const material = new THREE.MeshStandardMaterial({ color, roughness: 0.8, transparent: true, opacity, ...BEHIND });
  material.depthFunc = THREE.LessEqualDepth;
  material.depthWrite = false;
  return material;
}

export function depthTwin() {
  return new THREE.MeshBasicMaterial({ colorWrite: false, transparent: true, ...BEHIND });
}
