"""One robot's body: joints, limits, frames and kinematics in both engines (Pinocchio, MuJoCo)."""
