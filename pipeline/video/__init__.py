"""Turns a video file into :class:`pipeline.evidence.Evidence`: keypoints, landmarks, camera rotation of one person."""

from pipeline.video.config import VideoConfig
from pipeline.video.decode import VideoInfo, probe
from pipeline.video.extract import extract_evidence
from pipeline.video.find import find_videos
from pipeline.video.frames import frames_at
from pipeline.video.models import BlazePoseModels, fetch_models, find_models

__all__ = [
    "BlazePoseModels",
    "VideoConfig",
    "VideoInfo",
    "extract_evidence",
    "fetch_models",
    "find_models",
    "find_videos",
    "frames_at",
    "probe",
]
