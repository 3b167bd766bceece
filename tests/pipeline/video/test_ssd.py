"""Anchors, decoding and merging of the person detector."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.video.ssd import INPUT_SIZE, anchor_centers, box_iou, decode_detections, sigmoid

ANCHORS = anchor_centers()


def _raw(people, anchors=ANCHORS):
    """Write people (score logit, centre, size, points) into the network's output at given anchors."""
    boxes, scores = np.zeros((len(anchors), 12)), np.full(len(anchors), -100.0)
    for anchor, (logit, center, size, points) in people.items():
        offset = anchors[anchor] * INPUT_SIZE
        boxes[anchor] = np.concatenate([center - offset, size, (points - offset).ravel()])
        scores[anchor] = logit
    return boxes, scores


def _person(x, y, logit=3.0):
    center = np.array([x, y], dtype=float)
    points = center + np.array([[0.0, 60.0], [0.0, -40.0], [0.0, 20.0], [5.0, -5.0]])
    return logit, center, np.array([30.0, 30.0]), points


def test_there_are_2254_anchors_in_the_order_of_the_network():
    """Two a cell on 28 x 28 and 14 x 14, six on 7 x 7; each grid row by row."""
    assert ANCHORS.shape == (2254, 2) == (2 * 28**2 + 2 * 14**2 + 6 * 7**2, 2)
    assert ANCHORS[:4] * 28 == pytest.approx(np.array([[0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [1.5, 0.5]]))
    assert ANCHORS[1568] * 14 == pytest.approx([0.5, 0.5])
    assert ANCHORS[-1] * 7 == pytest.approx([6.5, 6.5])
    assert ANCHORS.mean(axis=0) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("anchor", [0, 700, 1600, 2200])
def test_decoding_returns_what_an_anchor_was_told(anchor):
    boxes, scores = _raw({anchor: _person(100, 80)})
    (found,) = decode_detections(boxes, scores, ANCHORS, 0.5)
    assert found.box == pytest.approx([85, 65, 115, 95])
    assert found.points == pytest.approx(_person(100, 80)[3])
    assert found.score == pytest.approx(sigmoid(np.array(3.0)))


def test_overlapping_candidates_are_averaged_by_score():
    """Averaging steadies the square of the first frame, which all later ones descend from."""
    boxes, scores = _raw({10: _person(100, 80, 2.0), 11: _person(104, 80, 2.0), 1700: _person(200, 80, 4.0)})
    first, second = decode_detections(boxes, scores, ANCHORS, 0.5)
    assert first.box == pytest.approx([185, 65, 215, 95])
    assert second.box == pytest.approx([87, 65, 117, 95])


def test_nobody_is_found_below_the_threshold():
    boxes, scores = _raw({10: _person(100, 80, -0.1)})
    assert decode_detections(boxes, scores, ANCHORS, 0.5) == []
    assert len(decode_detections(boxes, scores, ANCHORS, 0.4)) == 1


def test_iou_of_boxes():
    box = np.array([0.0, 0.0, 2.0, 2.0])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 3, 3], [1, 1, 1, 1], [3, 3, 0, 0]], dtype=float)
    assert box_iou(others, box) == pytest.approx([1.0, 1 / 3, 0.0, 0.0, 0.0])


def test_sigmoid_neither_overflows_nor_leaves_its_range():
    values = sigmoid(np.array([-1e9, -1.0, 0.0, 1.0, 1e9], dtype=np.float32))
    assert values[2] == 0.5
    assert values[1] + values[3] == pytest.approx(1.0)
    assert 0.0 < values[0] < 1e-30
    assert values[4] == 1.0
