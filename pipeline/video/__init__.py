"""Turns a video file into clips with their :class:`pipeline.evidence.Evidence`: one shot and one person each."""

from pipeline.video.clipping import ClipConfig, cut_clips, cut_motion
from pipeline.video.config import VideoConfig
from pipeline.video.decode import VideoInfo, probe
from pipeline.video.extract import evidence_of
from pipeline.video.frames import frames_at
from pipeline.video.models import BlazePoseModels, fetch_models, find_models
from pipeline.video.recording import PersonTrack, Recording, Shot
from pipeline.video.watch import watch_video

__all__ = [
    "BlazePoseModels",
    "ClipConfig",
    "PersonTrack",
    "Recording",
    "Shot",
    "VideoConfig",
    "VideoInfo",
    "cut_clips",
    "cut_motion",
    "evidence_of",
    "fetch_models",
    "find_models",
    "frames_at",
    "probe",
    "watch_video",
]
