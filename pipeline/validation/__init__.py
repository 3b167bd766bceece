"""Measures a robot motion with MuJoCo: limits, speeds, self-collision, ground and feet. Judges nothing."""

from pipeline.validation.exceptions import WrongRobot
from pipeline.validation.measure import ValidationConfig, measure_robot

__all__ = ["ValidationConfig", "WrongRobot", "measure_robot"]
