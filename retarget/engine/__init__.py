"""The inner loop of retargeting: poses, prices and their derivatives, compiled; with Pinocchio as the reference.

Coordinates are Pinocchio's: base position, base quaternion xyzw, joints. A step has 6 + joints entries: translation of
the base along world axes [m], its rotation vector in world axes (``R <- exp(w) R``) [rad], joints [rad].
"""
