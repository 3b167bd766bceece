"""What a detector would have said of a known motion before a known camera."""

from pipeline.synthetic.detector import DetectorModel, Seen, load_detector_model
from pipeline.synthetic.disturbance import Disturbance
from pipeline.synthetic.exceptions import InvalidDetectorTables, SyntheticError
from pipeline.synthetic.observe import observe
from pipeline.synthetic.occlusion import HIDEABLE, Occlusion, hidden_keypoints, sample_occlusions
from pipeline.synthetic.point_sets import KEYPOINT_LANDMARKS, landmark_regressor

__all__ = [
    "HIDEABLE", "KEYPOINT_LANDMARKS", "DetectorModel", "Disturbance", "InvalidDetectorTables",
    "Occlusion", "Seen", "SyntheticError", "hidden_keypoints", "landmark_regressor", "load_detector_model", "observe",
    "sample_occlusions",
]  # fmt: skip
