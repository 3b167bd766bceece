"""Puts a sample of truths and estimates on the robot and counts what is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.bench_estimate.config import BenchConfig
from pipeline.bench_estimate.sheet import Sheet
from pipeline.body import SkinnedBody
from pipeline.estimators import Estimator
from pipeline.kfbench.bench_clips import BenchClip
from pipeline.kfbench.bench_result import TRUTH
from pipeline.kfbench.bench_score import Tally
from pipeline.limits import find_limits
from pipeline.repair import HumanMender
from pipeline.settings import Settings
from retarget.progress import Progress
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError
from robots.g1 import Variant, load_g1


def judge_sample(
    config: BenchConfig,
    sample: Sequence[BenchClip],
    estimators: Mapping[str, Estimator],
    body: SkinnedBody,
    sheet: Sheet,
    progress: Progress,
) -> list[str]:
    """Put truths and estimates on the robot and count what is accepted, as it stands: nothing is mended."""
    mender = _mender(config.settings, body)
    verdicts: dict[int, bool] = {}
    estimated = [clip for clip in sample if all((clip.name, name) in sheet.kept for name in estimators)]
    total = len(estimated) * (1 + len(estimators))
    for number, clip in enumerate(estimated):
        for place, name in enumerate((TRUTH, *estimators)):
            progress(number * (1 + len(estimators)) + place, total)
            motion = clip.motion if name == TRUTH else sheet.kept[clip.name, name]
            if id(motion) in verdicts:  # a choreography whose truth was judged already
                continue
            verdicts[id(motion)] = accepted = _is_accepted(mender, motion)
            sheet.add(name, clip.groups, clip.name, {"accepted_pct": Tally(total=100.0 * accepted, weight=1.0)})
    return [
        f"accepted on the robot: {len(estimated)} clips drawn from the seed, moving camera, tier "
        f"'{mender.limits.tier}', no repair, robot with {mender.robot.name}"
    ]


def _mender(settings: Settings, body: SkinnedBody) -> HumanMender:
    variant: Variant = settings.robot or "29dof"
    robot = load_g1(variant)
    return HumanMender(
        body=body,
        plausibility=settings.plausibility,
        retargeter=Retargeter(robot, settings.retarget),
        robot=robot,
        validation=settings.validation,
        limits=find_limits(settings.limits),
        regrounding=settings.repair.regrounding,
    )


def _is_accepted(mender: HumanMender, motion: SmplMotion) -> bool:
    """A motion that the robot cannot follow at all is refused, not a failure of the bench."""
    try:
        return mender.diagnose(motion).verdict.accepted
    except WushuError:
        return False
