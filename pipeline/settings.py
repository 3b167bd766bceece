"""All that a user can choose about a run, one frozen dataclass a stage, from TOML and from the command line."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from cattrs import transform_error
from cattrs.v import format_exception

from pipeline.estimators import FeatureConfig, GvhmrConfig, LandmarkConfig
from pipeline.exceptions import InvalidSettings
from pipeline.plausibility import PlausibilityConfig
from pipeline.record_codec import from_plain
from pipeline.repair import RepairConfig
from pipeline.review import PlaybackConfig
from pipeline.spelling import misspelt
from pipeline.tracking import FollowConfig
from pipeline.validation import ValidationConfig
from pipeline.video import ClipConfig, VideoConfig
from retarget.lead import LeadConfig
from retarget.retargeter import RetargetConfig
from robots.exceptions import WushuError
from robots.g1 import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the whole chain, in the order in which a clip meets them."""

    video: VideoConfig = field(default_factory=VideoConfig)
    """Decoding, keypoints, camera."""
    clips: ClipConfig = field(default_factory=ClipConfig)
    """How a video is cut into clips, and at what rate they are given."""
    body: str = "open"
    """Body model: ``open``, or the name under which ``wushu body import`` stored a licensed one."""
    estimator: str = "gvhmr"
    """Which estimator turns evidence into human motion: ``gvhmr``, a network, or ``landmark``, a fit without one."""
    landmark: LandmarkConfig = field(default_factory=LandmarkConfig)
    """The estimator ``landmark``; the height of the person is set here."""
    gvhmr: GvhmrConfig = field(default_factory=GvhmrConfig)
    """The estimator ``gvhmr``; the height of the person is set here."""
    features: FeatureConfig = field(default_factory=FeatureConfig)
    """Image features for it, where its weights were trained with them."""
    plausibility: PlausibilityConfig = field(default_factory=PlausibilityConfig)
    """What is measured on the human."""
    retarget: RetargetConfig = field(default_factory=RetargetConfig)
    """Human to robot."""
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    """What is measured on the robot."""
    limits: str = "trainable"
    """Which limits decide: a preset's name, or the path of a TOML file of your own."""
    repair: RepairConfig = field(default_factory=RepairConfig)
    """How hard to try to save what was refused."""
    tracking: FollowConfig = field(default_factory=FollowConfig)
    """How the simulated robot follows what was solved; measured, and no reason to refuse."""
    leads: LeadConfig = field(default_factory=LeadConfig)
    """What is put before and after an accepted motion, so that a robot can begin it from its standing pose."""
    formats: tuple[str, ...] = ("pbhc", "mjlab", "unitree-csv")
    """Hand-off formats written for what is accepted."""
    robot: Variant | None = None
    """The G1 that is judged and shown: 29 joints, or 23 with the wrists welded. None: as many as the formats have.
    A format with fewer joints (pbhc) gets a motion of its own, solved and judged with these joints welded."""
    playback: PlaybackConfig = field(default_factory=PlaybackConfig)
    """The side-by-side video."""


def load_settings(path: Path) -> Settings:
    """Read settings from TOML; what the file does not name keeps its default.

    Raises:
        InvalidSettings: The file cannot be read, or names a setting that does not exist.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if unknown := misspelt(Settings, document):
            raise InvalidSettings(path, problem="; ".join(unknown))
        return from_plain(Settings, document)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(path, problem=str(error)) from error
    except (ExceptionGroup, ValueError, TypeError) as error:
        raise InvalidSettings(path, problem="; ".join(transform_error(error, format_exception=_sentence))) from error


def _sentence(error: BaseException, wanted: type | None) -> str:
    """Say what is wrong with one entry; our own errors say it themselves."""
    return str(error) if isinstance(error, WushuError) else format_exception(error, wanted)
