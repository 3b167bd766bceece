"""Each row of the comparison turns the switch that it names and no other, on the bench's own views."""

from dataclasses import fields

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import gvhmr_world
from benchmarks.gvhmr_world import TOLD, compare, variants
from pipeline.bench_estimate import BenchConfig
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.home import Home


class Upright:
    """Stands on the spot, and remembers under which settings it was asked."""

    name, version, trained_on = "upright", 1, frozenset()
    asked: list[GvhmrConfig]

    def __init__(self, config, *, weights=None):
        self.config, self.asked = config, []

    def estimate(self, evidence, body, progress=None):
        self.asked.append(self.config)
        n = len(evidence)
        orient = np.tile([np.pi / 2, 0.0, 0.0], (n, 1))
        return body.motion(evidence.fps, np.zeros(10), orient, np.zeros((n, 21, 3)), np.tile([0.0, 0.0, 0.9], (n, 1)))


def test_a_row_turns_the_switches_that_it_names():
    """A row that forgot its switch would show a gain of nothing."""
    rows = variants("some")
    default = rows["default"]
    for name, config in rows.items():
        changed = {f.name: getattr(config, f.name) for f in fields(config)}
        changed = {key: value for key, value in changed.items() if value != getattr(default, key)}
        if "=" in name:
            turned = {f"{key}={str(value).lower().removesuffix('.0')}" for key, value in changed.items()}
            assert {word.replace("yaw=", "yaw_chain=") for word in name.split()} == turned
        else:
            assert changed == ({"world": "original"} if name == "original" else {})
    assert {"mirrored_too=false", "refine=false", TOLD} <= set(rows)


def test_the_one_who_is_told_of_the_camera_is_told_of_every_view(monkeypatch):
    """And nobody else is."""
    made = {}

    def make(config, *, weights=None):
        return made.setdefault(len(made), Upright(config))

    monkeypatch.setattr(gvhmr_world, "GvhmrEstimator", make)
    monkeypatch.setattr(gvhmr_world, "load_weights", lambda name, place: None)
    rows = {"default": GvhmrConfig(), TOLD: GvhmrConfig()}
    bench = BenchConfig(robot=False, views=4, longest_s=1.0)
    result = compare(rows, bench, Home.of_user())
    default, told = made.values()
    assert {config.camera for config in default.asked} == {"auto"}
    assert [config.camera for config in told.asked[::2]] == ["static"] * 8  # a tripod first, then what moves
    assert "moving" in {config.camera for config in told.asked[1::2]}
    assert {key for key, _ in result.values} == {"default", TOLD}
