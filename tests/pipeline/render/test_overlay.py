"""Evidence drawn onto the picture it came from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.evidence import Evidence, FrameFlag
from pipeline.render import draw_evidence


def _evidence(*, flags=0, confidence=0.9, at=(160.0, 120.0)):
    kp2d = np.zeros((1, 17, 3))
    kp2d[..., :2], kp2d[..., 2] = at, confidence
    foot = np.zeros((1, 4, 3))
    foot[..., :2], foot[..., 2] = at, confidence
    return Evidence(
        fps=30.0,
        timestamps=np.zeros(1),
        native_fps=30.0,
        image_size=(320, 240),
        K=np.eye(3),
        K_source="default",
        boxes=np.array([[100.0, 60.0, 220.0, 180.0]]),
        kp2d=kp2d,
        foot_kp2d=foot,
        landmarks_w=np.zeros((1, 33, 3)),
        R_w2c=np.eye(3)[None],
        flags=np.array([flags]),
    )


@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_marks_lie_where_the_evidence_says_at_any_size(scale):
    blank = np.zeros((int(240 * scale), int(320 * scale), 3), dtype=np.uint8)
    drawn = draw_evidence(blank, _evidence(), 0)
    assert drawn[int(120 * scale), int(160 * scale)].min() > 200
    rows, columns = np.nonzero(drawn.any(axis=2))
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / scale
    assert box == pytest.approx([100, 60, 220, 180], abs=2)


def test_marks_follow_the_lens():
    """Evidence is given for one focal length, the picture beneath the marks is the zoomed one."""
    zoomed = replace(_evidence(), zoom=np.array([1.5]))
    center = zoomed.K[:2, 2]
    drawn = draw_evidence(np.zeros((240, 320, 3), dtype=np.uint8), zoomed, 0)
    column, row = np.rint((np.array([160.0, 120.0]) - center) * 1.5 + center).astype(int)
    assert drawn[row, column].min() > 200


def test_the_source_picture_stays_as_it_is():
    blank = np.zeros((240, 320, 3), dtype=np.uint8)
    draw_evidence(blank, _evidence(), 0)
    assert not blank.any()


def test_a_frame_without_a_person_looks_different():
    """A reviewer must not take interpolation for measurement."""
    blank = np.zeros((240, 320, 3), dtype=np.uint8)
    seen = draw_evidence(blank, _evidence(), 0)
    unseen = draw_evidence(blank, _evidence(flags=FrameFlag.NO_PERSON, confidence=0.0), 0)
    edge = (60, 150)
    assert seen[edge].argmax() == 1
    assert unseen[edge].argmax() == 0
    assert unseen[200:].any()
    assert not seen[200:].any()


def test_keypoints_far_outside_the_picture_can_be_drawn():
    """A limb that left the frame may be extrapolated anywhere."""
    draw_evidence(np.zeros((240, 320, 3), dtype=np.uint8), _evidence(at=(-1e12, 1e12)), 0)
