"""Turns the published numbers of the Unitree G1 (29 joints, revision 1.0) into typed rows.

Sources: link frames, masses, inertias and joint ranges are those of Unitree's own URDF ``g1_29dof_rev_1_0.urdf``
(unitree_ros, BSD-3-Clause; SHA-256 of the revision read: 0e00fa4c4bc89b3e...8173), with the links that hang on a
fixed joint (contour, logo, head, rubber hands) added to the link that carries them. Rotor inertias, gear ratios,
motor limits and foot friction are those of mjlab 1.6.0 (Apache-2.0), which has them from Unitree.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

# Origin of each link in its parent [m], fixed-axis roll-pitch-yaw [rad], axis of its joint, joint range [rad].
_KINEMATICS = """
link                 parent                        x           y         z     roll     pitch        yaw a     lower   upper
left_hip_pitch       pelvis                        0    0.064452   -0.1027        0         0          0 y   -2.5307  2.8798
left_hip_roll        left_hip_pitch                0       0.052 -0.030465        0   -0.1749          0 x   -0.5236  2.9671
left_hip_yaw         left_hip_roll          0.025001           0  -0.12412        0         0          0 z   -2.7576  2.7576
left_knee            left_hip_yaw          -0.078273   0.0021489  -0.17734        0    0.1749          0 y -0.087267  2.8798
left_ankle_pitch     left_knee                     0  -9.4445e-5  -0.30001        0         0          0 y  -0.87267  0.5236
left_ankle_roll      left_ankle_pitch              0           0 -0.017558        0         0          0 x   -0.2618  0.2618
right_hip_pitch      pelvis                        0   -0.064452   -0.1027        0         0          0 y   -2.5307  2.8798
right_hip_roll       right_hip_pitch               0      -0.052 -0.030465        0   -0.1749          0 x   -2.9671  0.5236
right_hip_yaw        right_hip_roll         0.025001           0  -0.12412        0         0          0 z   -2.7576  2.7576
right_knee           right_hip_yaw         -0.078273  -0.0021489  -0.17734        0    0.1749          0 y -0.087267  2.8798
right_ankle_pitch    right_knee                    0   9.4445e-5  -0.30001        0         0          0 y  -0.87267  0.5236
right_ankle_roll     right_ankle_pitch             0           0 -0.017558        0         0          0 x   -0.2618  0.2618
waist_yaw            pelvis                        0           0         0        0         0          0 z    -2.618   2.618
waist_roll           waist_yaw            -0.0039635           0     0.044        0         0          0 x     -0.52    0.52
torso                waist_roll                    0           0         0        0         0          0 y     -0.52    0.52
left_shoulder_pitch  torso                 0.0039563     0.10022   0.24778  0.27931 5.4949e-5 -1.9159e-4 y   -3.0892  2.6704
left_shoulder_roll   left_shoulder_pitch           0       0.038 -0.013831 -0.27925         0          0 x   -1.5882  2.2515
left_shoulder_yaw    left_shoulder_roll            0     0.00624   -0.1032        0         0          0 z    -2.618   2.618
left_elbow           left_shoulder_yaw      0.015783           0 -0.080518        0         0          0 y   -1.0472  2.0944
left_wrist_roll      left_elbow                  0.1  0.00188791     -0.01        0         0          0 x  -1.97222 1.97222
left_wrist_pitch     left_wrist_roll           0.038           0         0        0         0          0 y  -1.61443 1.61443
left_wrist_yaw       left_wrist_pitch          0.046           0         0        0         0          0 z  -1.61443 1.61443
right_shoulder_pitch torso                 0.0039563    -0.10021   0.24778 -0.27931 5.4949e-5  1.9159e-4 y   -3.0892  2.6704
right_shoulder_roll  right_shoulder_pitch          0      -0.038 -0.013831  0.27925         0          0 x   -2.2515  1.5882
right_shoulder_yaw   right_shoulder_roll           0    -0.00624   -0.1032        0         0          0 z    -2.618   2.618
right_elbow          right_shoulder_yaw     0.015783           0 -0.080518        0         0          0 y   -1.0472  2.0944
right_wrist_roll     right_elbow                 0.1 -0.00188791     -0.01        0         0          0 x  -1.97222 1.97222
right_wrist_pitch    right_wrist_roll          0.038           0         0        0         0          0 y  -1.61443 1.61443
right_wrist_yaw      right_wrist_pitch         0.046           0         0        0         0          0 z  -1.61443 1.61443
"""  # noqa: E501

# Mass [kg], centre of mass in the link frame [m], inertia about it along the link's axes [kg mm^2].
_INERTIALS = """
link                 mass             x          y          z        xx        yy       zz       xy       xz       yz
pelvis               3.814            0          0 -0.0760301 10554.882  9314.782   7918.5        0      2.1        0
left_hip_pitch       1.35      0.002741   0.047791   -0.02606      1811    1419.3   1281.2     36.8    -34.4      171
left_hip_roll        1.52      0.029812  -0.001045  -0.087934    2377.3    2412.3   1659.5     -3.8   -390.8     18.4
left_hip_yaw         1.702    -0.057709  -0.010981   -0.15078    5777.4    7612.4     3149   -541.1  -2394.8   -707.2
left_knee            1.932     0.005457   0.003964   -0.12074     11329     11277   1516.8     48.2    -44.9   -714.6
left_ankle_pitch     0.074    -0.007269          0   0.011137       8.4      18.9     12.6        0     -2.9        0
left_ankle_roll      0.608     0.026505          0  -0.016425     223.1    1616.1   1666.7      0.2     89.1     -0.1
right_hip_pitch      1.35      0.002741  -0.047791   -0.02606      1811    1419.3   1281.2    -36.8    -34.4     -171
right_hip_roll       1.52      0.029812   0.001045  -0.087934    2377.3    2412.3   1659.5      3.8   -390.8    -18.4
right_hip_yaw        1.702    -0.057709   0.010981   -0.15078    5777.4    7612.4     3149    541.1  -2394.8    707.2
right_knee           1.932     0.005457  -0.003964   -0.12074     11329     11277   1516.8    -48.2     44.9    714.6
right_ankle_pitch    0.074    -0.007269          0   0.011137       8.4      18.9     12.6        0     -2.9        0
right_ankle_roll     0.608     0.026505          0  -0.016425     223.1    1616.1   1666.7     -0.2     89.1      0.1
waist_yaw            0.214     0.003494    2.33e-4   0.018034    106.73    104.22    162.5    2.703   -7.631   -0.201
waist_roll           0.086            0     2.3e-5          0     7.079     6.339    8.245        0        0        0
torso                7.817    0.0020313   3.397e-4  0.1845971 121646.52 109772.59 27521.92  31.1102 -3742.82 -15.4299
left_shoulder_pitch  0.718            0   0.035892  -0.011628     429.1       453      423     -9.2      6.4     22.6
left_shoulder_roll   0.643     -2.27e-4    0.00727  -0.063243     617.7     691.2    389.4       -1      8.7     -5.3
left_shoulder_yaw    0.734     0.010773  -0.002949  -0.072009     998.8    1060.5    435.4      7.9    141.2    -28.6
left_elbow           0.6       0.064956   0.004454  -0.010062     289.1     415.2    419.7     65.3     17.2     -5.6
left_wrist_roll      0.085445 0.0171394   5.376e-4       5e-7   48.2154    37.229  54.8211  -4.2451   0.0051  -0.0012
left_wrist_pitch     0.48405  0.0229999 -0.0011169 -0.0011166   165.797   429.541  429.537 -12.3121   12.317   0.8142
left_wrist_yaw       0.254576 0.0708244   1.917e-4  0.0016174   150.445   643.113  560.114  37.6028  -2.9549   3.7755
right_shoulder_pitch 0.718            0  -0.035892  -0.011628     429.1       453      423      9.2      6.4    -22.6
right_shoulder_roll  0.643     -2.27e-4   -0.00727  -0.063243     617.7     691.2    389.4        1      8.7      5.3
right_shoulder_yaw   0.734     0.010773   0.002949  -0.072009     998.8    1060.5    435.4     -7.9    141.2     28.6
right_elbow          0.6       0.064956  -0.004454  -0.010062     289.1     415.2    419.7    -65.3     17.2      5.6
right_wrist_roll     0.085445 0.0171394  -5.376e-4       5e-7   48.2154    37.229  54.8211   4.2451   0.0051   0.0012
right_wrist_pitch    0.48405  0.0229999  0.0011169 -0.0011166   165.797   429.541  429.537  12.3121   12.317  -0.8142
right_wrist_yaw      0.254576 0.0708244  -1.917e-4  0.0016174   150.445   643.113  560.114 -37.6028  -2.9549  -3.7755
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motor:
    """One joint drive: what it can give, and what its spinning rotor weighs at the output."""

    armature: float
    """Rotor and gear inertia as felt at the joint [kg m^2]."""
    effort_limit: float
    """Largest torque that any published description allows [N m]."""
    effort_limit_soft: float
    """Largest torque of the strictest published description [N m]."""
    velocity_limit: float
    """Largest speed that any published description allows [rad/s]."""
    velocity_limit_soft: float
    """Largest speed of the strictest published description [rad/s]."""


def reflected_inertia(rotor_inertias: tuple[float, float, float], gear_ratios: tuple[float, float]) -> float:
    """Return the inertia at the output of a two-stage planetary gear [kg m^2].

    Each stage's inertia counts with the square of the reduction that follows it.

    Args:
        rotor_inertias: Rotor, first carrier and second carrier [kg m^2].
        gear_ratios: Reduction of the first and of the second stage.
    """
    first, second = gear_ratios
    rotor, carrier, output = rotor_inertias
    return rotor * (first * second) ** 2 + carrier * second**2 + output


def _motor(armature: float, effort: float, velocity: float, *, soft: tuple[float, float] | None = None) -> Motor:
    effort_soft, velocity_soft = soft or (effort, velocity)
    return Motor(
        armature=armature,
        effort_limit=effort,
        effort_limit_soft=effort_soft,
        velocity_limit=velocity,
        velocity_limit_soft=velocity_soft,
    )


_ARMATURE_5020 = reflected_inertia((0.139e-4, 0.017e-4, 0.169e-4), (1 + 46 / 18, 1 + 56 / 16))

MOTORS = {
    "4010": _motor(reflected_inertia((0.068e-4, 0, 0), (5, 5)), 5, 22),
    "5020": _motor(_ARMATURE_5020, 25, 37),
    "7520-14": _motor(reflected_inertia((0.489e-4, 0.098e-4, 0.533e-4), (4.5, 1 + 48 / 22)), 88, 32),
    "7520-22": _motor(reflected_inertia((0.489e-4, 0.109e-4, 0.738e-4), (4.5, 5)), 139, 20),
    # Ankle and waist pitch and roll: two 5020 on a parallel linkage, taken as 1:1. Newer Unitree descriptions say
    # 35 N m and 30 rad/s for these joints, older ones and the RL projects 50 and 37.
    "2x5020": _motor(2 * _ARMATURE_5020, 50, 37, soft=(35, 30)),
}
"""Drives of the G1 by name."""

_MOTOR_OF_HINGE = {
    "hip_pitch": "7520-14",
    "hip_roll": "7520-22",
    "hip_yaw": "7520-14",
    "knee": "7520-22",
    "ankle_pitch": "2x5020",
    "ankle_roll": "2x5020",
    "waist_yaw": "7520-14",
    "waist_roll": "2x5020",
    "waist_pitch": "2x5020",
    "shoulder_pitch": "5020",
    "shoulder_roll": "5020",
    "shoulder_yaw": "5020",
    "elbow": "5020",
    "wrist_roll": "5020",
    "wrist_pitch": "4010",
    "wrist_yaw": "4010",
}

NATURAL_FREQUENCY = 2 * pi * 10
"""Of the position loop around every joint [rad/s] (mjlab, BeyondMimic)."""
DAMPING_RATIO = 2.0
"""Of the position loop around every joint."""

FOOT_FRICTION = 0.6
"""Sliding friction of the soles (mjlab)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinge:
    """How a link hangs on its parent: one rotation about one of the link's own axes."""

    name: str
    """Of the joint."""
    parent: str
    """Name of the parent link."""
    pos: tuple[float, float, float]
    """Origin of the link in the parent's frame [m]."""
    rpy: tuple[float, float, float]
    """Orientation in the parent's frame at angle zero: about the parent's x, then y, then z [rad]."""
    axis: str
    """x, y or z of the link."""
    range: tuple[float, float]
    """Lower and upper end [rad]."""
    motor: Motor
    """What drives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One rigid body of the robot."""

    name: str
    """As Unitree calls it."""
    hinge: Hinge | None
    """None for the floating base."""
    mass: float
    """Mass [kg]."""
    com: tuple[float, float, float]
    """Centre of mass in the link's frame [m]."""
    inertia: tuple[float, float, float, float, float, float]
    """About the centre of mass: xx, yy, zz, xy, xz, yz [kg m^2]."""


def _read_links() -> tuple[Link, ...]:
    """Join the two tables above by link."""
    hinges = {row[0]: row[1:] for row in map(str.split, _KINEMATICS.strip().splitlines()[1:])}
    links = []
    for name, *numbers in map(str.split, _INERTIALS.strip().splitlines()[1:]):
        mass, x, y, z, *moments = map(float, numbers)
        xx, yy, zz, xy, xz, yz = (1e-6 * moment for moment in moments)
        links.append(
            Link(
                name=_link_name(name),
                mass=mass,
                com=(x, y, z),
                inertia=(xx, yy, zz, xy, xz, yz),
                hinge=_read_hinge(name, hinges[name]) if name in hinges else None,
            )
        )
    return tuple(links)


def _read_hinge(link: str, row: list[str]) -> Hinge:
    parent, *numbers, axis, lower, upper = row
    x, y, z, roll, pitch, yaw = map(float, numbers)
    # The one joint that Unitree does not call after its link.
    name = "waist_pitch" if link == "torso" else link
    return Hinge(
        name=f"{name}_joint",
        parent=_link_name(parent),
        pos=(x, y, z),
        rpy=(roll, pitch, yaw),
        axis=axis,
        range=(float(lower), float(upper)),
        motor=MOTORS[_MOTOR_OF_HINGE[name.removeprefix("left_").removeprefix("right_")]],
    )


def _link_name(short: str) -> str:
    return short if short == "pelvis" else f"{short}_link"


LINKS = _read_links()
"""All links, depth first: parents before children, in MuJoCo's order."""

WRIST_JOINTS = tuple(f"{side}_wrist_{turn}_joint" for side in ("left", "right") for turn in ("roll", "pitch", "yaw"))
"""The joints that the 23-joint variant locks at zero."""

FOOT_BODY_NAMES = ("left_ankle_roll_link", "right_ankle_roll_link")
"""Links that carry the soles, left then right."""

SOLE_HEIGHT = -0.035
"""Height of the flat sole in the foot link's frame [m]."""

SOLE_CORNERS = ((-0.05, 0.025), (-0.05, -0.025), (0.12, 0.03), (0.12, -0.03))
"""Where Unitree's description puts the contact points of a foot: x forward, y to the left, in the link's frame [m]."""
SOLE_ENDS = ((-0.056, 0.0), (0.132, 0.0))
"""Heel and toe tip of the sole on its centre line [m]."""

DEFAULT_JOINT_POS = {
    "hip_pitch": -0.1,
    "knee": 0.3,
    "ankle_pitch": -0.2,
    "shoulder_pitch": 0.2,
    "left_shoulder_roll": 0.2,
    "right_shoulder_roll": -0.2,
    "elbow": 0.9,
}
"""Standing pose with slightly bent knees, by the end of the joint's name; the others are zero [rad] (PBHC)."""
