"""The entrance for motion that exists already: AMASS, plain SMPL, GVHMR results and BVH become a motion of our body."""

from pipeline.readers.exceptions import ReaderError, UnreadableMotion
from pipeline.readers.motion_file import MotionFile
from pipeline.readers.read import MOTION_SUFFIXES, read_motion

__all__ = ["MOTION_SUFFIXES", "MotionFile", "ReaderError", "UnreadableMotion", "read_motion"]
