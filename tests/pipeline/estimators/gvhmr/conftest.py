"""Finds golden arrays: numbers that the reference program printed, by which ours are judged.

Directories: only the one that the environment variable ``WUSHU_GOLDEN`` names, where it is set; else ``tests/golden``
and, beside the repository, ``shared/golden``. A file that no directory has skips its tests; one that is there is
tested in every case that its keys show, whatever the cases are called and however large they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.estimators.gvhmr.codec import Codec
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkShape
from pipeline.estimators.gvhmr.rotations import angle_between, matrix_from_rotvec
from pipeline.estimators.gvhmr.skeleton import N_JOINTS, Skeleton
from pipeline.estimators.gvhmr.weights_statistics import published_statistics

_TESTS = Path(__file__).parents[3]
_PLACES = (_TESTS / "golden", _TESTS.parents[1] / "shared" / "golden")


class Golden:
    """One file of golden arrays, read when first asked, as tensors."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name = directory, name

    @cached_property
    def _arrays(self) -> dict[str, Tensor]:
        with np.load(self.directory / f"{self.name}.npz", allow_pickle=False) as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}

    def __getitem__(self, key: str) -> Tensor:
        return self._arrays[key]

    @property
    def names(self) -> list[str]:
        """All names of arrays."""
        return list(self._arrays)

    def sibling(self, name: str) -> Golden:
        """Another file of the same directory, without which the test cannot be made."""
        if not (self.directory / f"{name}.npz").is_file():
            pytest.skip(f"{self.directory} has no {name}.npz, which {self.name}.npz is to be read with")
        return Golden(self.directory, name)

    def lengths(self, key: str) -> tuple[int, ...]:
        """Valid frames of each clip."""
        return tuple(int(length) for length in self[key])

    def rotations(self, key: str) -> Tensor:
        """Axis-angle parameters, of one joint or of several in a row, as matrices."""
        rotvec = self[key]
        return matrix_from_rotvec(rotvec if rotvec.shape[-1] == 3 else rotvec.unflatten(-1, (-1, 3)))

    def pose(self, prefix: str) -> Tensor:
        """Root and body of SMPL-X's parameters as matrices (..., 22, 3, 3)."""
        root = self.rotations(f"{prefix}.global_orient")[..., None, :, :]
        return torch.cat([root, self.rotations(f"{prefix}.body_pose")], dim=-3)

    def skeleton(self) -> Skeleton:
        """The joints of the made-up body."""
        body = self.sibling("body_synth")
        return Skeleton(body["J_template"][:N_JOINTS], body["J_shapedirs"][:N_JOINTS], body="made up")

    def codec(self) -> Codec:
        """The published normalisation."""
        known = published_statistics()
        return Codec(**{name: torch.from_numpy(np.array(getattr(known, name))).float() for name in known.__slots__})

    def network(self) -> GvhmrNetwork:
        """The small network whose weights lie in this file; sizes that weights do not tell come from the hparams."""
        weights = {key[2:]: self[key] for key in self.names if key.startswith("w.")}
        sizes = self if "hparams" in self.names else self.sibling("gvhmr_small")
        latent, layers, heads, features, output, window = (int(size) for size in sizes["hparams"])
        shape = NetworkShape(
            latent=latent,
            layers=layers,
            heads=heads,
            mlp_ratio=float(sizes["mlp_ratio"]),
            window=window,
            embed=len(weights["embed_noisyobs.fc1.bias"]),
            image_features=features,
            output=output,
        )
        network = GvhmrNetwork(shape)
        network.load_state_dict(weights)
        return network.eval()

    def assert_close(self, actual: Tensor, key: str, *, atol: float) -> None:
        """Compare numbers."""
        _compare(actual, self[key], key, atol, (actual - self[key]).abs())

    def assert_rotations(self, actual: Tensor, expected: Tensor | str, *, atol: float = 1e-5) -> None:
        """Compare matrices entry by entry with matrices, or with axis-angle parameters of some name."""
        told = self.rotations(expected) if isinstance(expected, str) else expected
        _compare(actual, told, str(expected), atol, (actual - told).abs())

    def assert_turned_alike(self, actual: Tensor, key: str, *, radians: float) -> None:
        """Compare rotations by the angle between them."""
        told = self.rotations(key)
        _compare(actual, told, key, radians, angle_between(actual, told))

    def lite_body(self, local: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
        """Skin the made-up body: the vertices that the reference trains on, and COCO's points of the others."""
        body = self.sibling("body_synth")
        rest = body["J_template"] + torch.einsum("jak,...k->...ja", body["J_shapedirs"], betas)
        vertices = body["v_template"] + torch.einsum("vak,...k->...va", body["shapedirs"], betas)
        hands = body.rotations("other_default_pose").expand(*local.shape[:-3], -1, 3, 3)
        local = torch.cat([local, hands], dim=-3)
        bent = (local[..., 1:, :, :] - torch.eye(3)).flatten(-3)
        vertices = vertices + torch.einsum("...p,pva->...va", bent, body["posedirs"])
        rotation, place = [local[..., 0, :, :]], [rest[..., 0, :]]
        for joint in range(1, rest.shape[-2]):
            parent = int(body["parents"][joint])
            bone = rest[..., joint, :] - rest[..., parent, :]
            place.append(place[parent] + (rotation[parent] @ bone[..., None]).squeeze(-1))
            rotation.append(rotation[parent] @ local[..., joint, :, :])
        turned, placed = torch.stack(rotation, dim=-3), torch.stack(place, dim=-2)
        shift = placed - (turned @ rest[..., None]).squeeze(-1)
        skin = torch.einsum("vj,...jab->...vab", body["lbs_weights"], turned)
        vertices = (skin @ vertices[..., None]).squeeze(-1) + torch.einsum(
            "vj,...ja->...va", body["lbs_weights"], shift
        )
        vertices = vertices + transl[..., None, :]
        regressor = body["smplx2coco17"]
        coco = torch.einsum("vk,...va->...ka", regressor, vertices[..., : len(regressor), :])
        return vertices[..., len(regressor) :, :], coco


def _compare(actual: Tensor, expected: Tensor, key: str, limit: float, error: Tensor) -> None:
    assert actual.shape == expected.shape, f"{key}: {tuple(actual.shape)} is not {tuple(expected.shape)}"
    assert bool(torch.isfinite(actual).all()), f"{key}: not finite"
    assert float(error.max()) <= limit, f"{key}: off by {float(error.max()):.3g}, more than {limit:g}"


def _directories() -> list[Path]:
    named = os.environ.get("WUSHU_GOLDEN")
    if named is None:
        return [place for place in _PLACES if place.is_dir()]
    if not Path(named).is_dir():
        raise pytest.UsageError(f"WUSHU_GOLDEN names {named}, which is no directory.")
    return [Path(named)]


def _cases(directory: Path, name: str, pattern: str) -> Sequence[str]:
    with np.load(directory / f"{name}.npz", allow_pickle=False) as file:
        found = sorted({match[1] for key in file.files if (match := re.fullmatch(pattern, key))})
    if not found:
        raise pytest.UsageError(f"{directory / name}.npz has no array like {pattern}: it is not the file it should be.")
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark means."""
    config.addinivalue_line("markers", "golden(name, case=None): once for each file, and for each case its keys show")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each golden file of its name, and for each case in it."""
    mark = metafunc.definition.get_closest_marker("golden")
    if mark is None:
        return
    name, pattern = mark.args[0], mark.kwargs.get("case")
    names = ("golden",) if pattern is None else ("golden", "case")
    parameters = []
    for directory in _directories():
        if not (directory / f"{name}.npz").is_file():
            continue
        label = f"{directory.parent.name}-{name}"
        golden = Golden(directory, name)
        if pattern is None:
            parameters.append(pytest.param(golden, id=label))
        else:
            cases = _cases(directory, name, pattern)
            parameters += [pytest.param(golden, case, id=f"{label}-{case}") for case in cases]
    if not parameters:
        places = ", ".join(str(place) for place in _directories()) or "no directory"
        skip = pytest.mark.skip(reason=f"{name}.npz is not in {places}")
        parameters = [pytest.param(*(None,) * len(names), marks=skip, id=f"no-{name}")]
    metafunc.parametrize(names, parameters)
