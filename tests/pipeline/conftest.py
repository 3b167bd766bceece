"""A small dataset of motions of the real robot, written record by record: what a run leaves, without its minutes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from pipeline.clip import Clip, Source, SourceFacts
from pipeline.decisions import Decision, Ruling, add_decision
from pipeline.deliverable import Deliverable, Deliverables, Withheld
from pipeline.leads_stage import LedJudge
from pipeline.manifest import Attempt, ManifestRow, Usable, write_row
from pipeline.record_codec import digest, plain
from pipeline.settings import Settings
from pipeline.store import Dataset, Origin, Recipe
from pipeline.variants import stage_of
from pipeline.verdict import CheckResult, Verdict
from retarget.lead import LeadConfig
from retarget.result import RetargetResult
from robots.g1 import load_g1
from robots.motion import RobotMotion

FPS = 30.0
LEAD = 15
VERSION = 7


def swaying(variant="29dof", *, seconds=2.0, seed=0, bend_rad=0.0) -> RobotMotion:
    """Stand on both feet and move the arms; bend a knee further."""
    robot = load_g1(variant)
    frames = round(seconds * FPS)
    qpos = np.tile(robot.default_qpos, (frames, 1))
    time = np.arange(frames) / FPS
    for number, joint in enumerate(("left_shoulder_pitch_joint", "right_shoulder_pitch_joint")):
        qpos[:, 7 + robot.joint_names.index(joint)] += 0.2 * np.sin((1 + number + seed % 3) * time)
    qpos[:, 7 + robot.joint_names.index("left_knee_joint")] += bend_rad
    contact = np.ones((frames, 2))
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=robot.joint_names, foot_contact=contact)


def a_verdict(*, accepted: bool, score: float) -> Verdict:
    check = CheckResult(
        stage="validation",
        measurement="skate_mean",
        value=0.1 if accepted else 0.5,
        unit="m/s",
        limit=0.2,
        passed=accepted,
        severity="reject",
        reason="validation: skate_mean is as it is.",
    )
    return Verdict(tier="trainable", checks=(check,), score=score)


def delivered(name, variant, motion, score, kind="whole", frames=None) -> Deliverable:
    led = motion.frames(0, LEAD), motion, motion.frames(len(motion) - LEAD, len(motion))
    return Deliverable(
        name=name,
        kind=kind,
        variant=variant,
        motion=RobotMotion.from_qpos(
            np.concatenate([part.qpos for part in led]),
            fps=FPS,
            joint_names=motion.joint_names,
            foot_contact=np.concatenate([part.foot_contact for part in led]),
        ),
        n_lead_in=LEAD,
        n_lead_out=LEAD,
        frames=frames or (0, len(motion)),
        edits=() if kind == "whole" else ("the beginning was cut",),
        verdict=a_verdict(accepted=True, score=score),
    )


class Builder:
    """Adds clips to a dataset, each with the records that a run leaves of such an outcome."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        settings = Settings(leads=LeadConfig(lead_in=False, lead_out=False))
        self.settings = dataset.add_settings(plain(settings))
        self.judge_led = LedJudge.of(settings)

    def save(self, clip, stage, record) -> str:
        config = [["29dof", "23dof"], *self.judge_led.config] if stage == "leads" else []
        recipe = Recipe(name=stage, version=VERSION, config=config)
        self.dataset.add_recipe(recipe)
        fingerprint = digest([clip.id, stage])
        self.dataset.save(clip.id, stage, fingerprint, record, Origin(recipe=recipe.digest, facts=None, inputs={}))
        return fingerprint

    def add(
        self,
        name,
        *,
        outcome="accepted",
        seconds=2.0,
        score=0.8,
        part=None,
        licences=("CC BY 4.0, J. Doe",),
        variants=("29dof", "23dof"),
        withheld=(),
        refined=False,
        accepted_for=(),
        cap=0.2,
        bend_rad=0.0,
    ) -> Clip:
        """Add a clip; ``part`` numbers the clips of one source, ``accepted_for`` has a verdict of its own."""
        source = Source(
            path=f"/films/{name}.mp4",
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            facts=SourceFacts(licence=licences[0]),
        )
        clip = Clip.of(source, span_s=None if part is None else (10.0 * part, 10.0 * part + seconds))
        self.dataset.add_clip(clip)
        row = {"clip": clip, "licences": tuple(licences), "settings": self.settings}
        if outcome == "broken":
            row |= {"fingerprints": {}, "metrics": {}, "broken_stage": "recording", "error": "nobody is seen."}
        else:
            verdict = a_verdict(accepted=outcome == "accepted", score=score)
            motions = {v: swaying(v, seconds=seconds, seed=int(clip.id, 16), bend_rad=bend_rad) for v in variants}
            own = {v: a_verdict(accepted=True, score=0.9) if v in accepted_for else verdict for v in variants}
            prints, pieces = self.results(clip, outcome, motions, withheld, refined, own)
            row |= {
                "fingerprints": prints,
                "metrics": {"tracking.assist_cap": cap, "tracking.t1_certified": 1.0},
                "verdict": verdict,
                "duration_s": seconds,
                "pieces": pieces,
                "attempts": (_attempt(),) if pieces else (),
            }
        write_row(self.dataset, ManifestRow(**row))
        return clip

    def results(self, clip, outcome, motions, withheld, refined, verdicts):
        prints, items, pieces = {}, [], ()
        for variant, motion in motions.items():
            score = verdicts[variant].score
            prints[stage_of("retarget", variant)] = self.save(clip, stage_of("retarget", variant), _solved(motion))
            prints[stage_of("verdict", variant)] = self.save(clip, stage_of("verdict", variant), verdicts[variant])
            if outcome == "accepted" and variant not in withheld:
                items.append(delivered(clip.id, variant, motion, score))
            if outcome == "mended":
                half = (len(motion) // 2, len(motion))
                items.append(delivered(f"{clip.id}.part1", variant, motion.frames(*half), score, "part", half))
                pieces = (Usable(frames=half, edits=("cut",), duration_s=len(motion) / FPS / 2, score=score),)
        if refined:
            motion = swaying("29dof", seed=5)
            items.append(delivered(f"{clip.id}.refined", "29dof", motion, verdicts["29dof"].score, "refined"))
        kept = tuple(Withheld(name=clip.id, variant=v, reason="the motion of it was refused.") for v in withheld)
        prints["leads"] = self.save(clip, "leads", Deliverables(items=tuple(items), withheld=kept))
        return prints, pieces

    def decide(self, clip, ruling, *, by="ann", stale=False, **words) -> None:
        fingerprint = "0" * 16 if stale else digest([clip.id, "retarget"])
        add_decision(
            self.dataset,
            Decision(
                clip_id=clip.id,
                fingerprint=fingerprint,
                ruling=Ruling(ruling),
                by=by,
                at="2026-11-22T08:30:00+00:00",
                **words,
            ),
        )


def _attempt() -> Attempt:
    return Attempt(edits=("cut",), frames=(0, 1), duration_s=1.0, accepted=True, rejections=(), score=0.5)


def _solved(motion: RobotMotion) -> RetargetResult:
    frames, joints = motion.joint_pos.shape
    return RetargetResult(
        motion=motion,
        body_names=("pelvis",),
        pos_residual_m=np.zeros((frames, 1)),
        rot_residual_rad=np.zeros((frames, 1)),
        scale=0.8,
        contact_regions=(),
        stance_spans=(),
        infeasible_stances=(),
        flight_spans=(),
        at_position_limit=np.zeros((frames, joints), dtype=bool),
        at_speed_limit=np.zeros((frames, joints), dtype=bool),
    )


@pytest.fixture
def build(tmp_path):
    return Builder(Dataset.open_or_create(tmp_path / "set"))
