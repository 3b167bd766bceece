// What the free view is drawn from, asked of the review service, or of the page itself where there is none.

import { binary, json } from "wushu/answers.js";
import { NUMBERS_A_POSE, Track, shapesOf } from "wushu/three/robot.js";

const clipPath = (id, rest) => `/api/clips/${encodeURIComponent(id)}/${rest}`;

// The robot that is shown and its motion: {shapes, track, names}.
export async function loadRobot(id, variant) {
  const [robot, poses] = await Promise.all([
    json(`/api/robots/${encodeURIComponent(variant)}`),
    binary(clipPath(id, "poses")),
  ]);
  const nBodies = robot.bodies.length;
  return { shapes: shapesOf(robot), track: trackOf(poses, nBodies), names: robot.bodies.map((body) => body.name) };
}

// The motion of a piece or a preview of the same robot.
export async function loadAfter(id, of, nBodies) {
  return trackOf(await binary(clipPath(id, `poses?of=${encodeURIComponent(of)}`)), nBodies);
}

function trackOf(poses, nBodies) {
  if (!poses.byteLength || poses.byteLength % (4 * NUMBERS_A_POSE * nBodies)) {
    throw new Error("the motion is empty, or another robot's");
  }
  return new Track(poses, nBodies);
}

export function loadHuman(id) {
  return binary(clipPath(id, "human"));
}
