"""Turns configurations into where the robot's centre of mass is, and how it moves with each coordinate."""

from __future__ import annotations

import numpy as np
import pinocchio as pin
from jaxtyping import Float
from scipy.spatial.transform import Rotation


class CentreOfMass:
    """The centre of mass of one robot, by Pinocchio."""

    def __init__(self, model: pin.Model) -> None:
        """Take a robot whose links have masses."""
        self._model, self._data = model, model.createData()

    def __call__(
        self, q: Float[np.ndarray, "frames nq"]
    ) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3 nv"]]:
        """Return places [m] and Jacobians.

        The Jacobians are with respect to base translation and base rotation in world axes, then joints; Pinocchio's
        base moves in its own axes.
        """
        place, jacobian = np.empty((len(q), 3)), np.empty((len(q), 3, self._model.nv))
        for t, row in enumerate(q):
            jacobian[t] = pin.jacobianCenterOfMass(self._model, self._data, row)
            place[t] = self._data.com[0]
        turned = Rotation.from_quat(q[:, 3:7]).as_matrix().transpose(0, 2, 1)
        jacobian[:, :, :3] = np.eye(3)
        jacobian[:, :, 3:6] = jacobian[:, :, 3:6] @ turned
        return place, jacobian
