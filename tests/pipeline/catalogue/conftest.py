"""A small dataset whose stages are real but tiny, so that every file of it can be harmed in turn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from pipeline.catalogue.index import write_catalogue
from pipeline.clip import Clip, Source, SourceFacts
from pipeline.exceptions import PipelineError
from pipeline.measurement import Measurement, Measurements
from pipeline.process_clip import process_source
from pipeline.stage import Stage, WrittenFiles
from pipeline.stages import Stages
from pipeline.store import Dataset, write_bytes
from pipeline.verdict import CheckResult, Verdict
from pipeline.video import ClipConfig, PersonTrack, Recording, Shot


@dataclass
class Studio:
    """Makes datasets, and counts what ran."""

    ran: list[str] = field(default_factory=list)

    def stages(self, *, scale=2.0, limit=3.0, versions=None, people="all", broken=()):
        versions = versions or {}

        def watch(context):
            self.ran.append("recording")
            return recording()

        def measure(context, recording):
            self.ran.append("plausibility")
            if context.clip.source.name in broken:
                raise PipelineError("this clip cannot be used")
            item = Measurement(name="size", value=1.0, unit="m", meaning="A size")
            return Measurements(stage="plausibility", fps=30.0, n_frames=60, items=(item,))

        def scaled(context, first):
            self.ran.append("validation")
            item = replace(first.items[0], value=first.items[0].value * scale)
            return replace(first, stage="validation", items=(item,))

        def judge(context, second):
            self.ran.append("verdict")
            value = second.items[0].value
            check = CheckResult(
                stage="validation",
                measurement="size",
                value=value,
                unit="m",
                limit=limit,
                passed=value <= limit,
                severity="reject",
                reason=f"the size is {value} m",
            )
            return Verdict(tier="any", checks=(check,), score=1.0 / value)

        def files(context, second, verdict):
            self.ran.append("handoff")
            path = context.clip_dir / "handoff" / f"{context.clip.id}.csv"
            if not verdict.accepted:
                path.unlink(missing_ok=True)
                return WrittenFiles.of(context.clip_dir, [], withdrawn=[path])
            write_bytes(path, str(second.items[0].value).encode())
            return replace(WrittenFiles.of(context.clip_dir, [path]), seconds={"csv": 2.0})

        def stage(name, config, reads, result, run, **more):
            version = versions.get(name, 1)
            return Stage(name=name, version=version, config=config, reads=reads, result=result, run=run, **more)

        first = stage("recording", None, (), Recording, watch, of_whole=True, licences=("BlazePose: Apache-2.0",))
        rest = (
            stage("plausibility", None, ("recording",), Measurements, measure, facts=notes_of),
            stage("validation", {"model": {"scale": scale}}, ("plausibility",), Measurements, scaled),
            stage("verdict", {"limit": limit}, ("validation",), Verdict, judge),
            stage("handoff", None, ("validation", "verdict"), WrittenFiles, files),
        )
        settings = {"limits": "any", "retarget": {"scale": scale, "limit": limit}}
        return Stages(video=(first, *rest), motion_file=(), cutting=ClipConfig(people=people), settings=settings)

    def build(self, root, sources, **how):
        """Take sources through the chain; return the dataset, with its index."""
        dataset = Dataset.open_or_create(root)
        for source in sources:
            process_source(source, self.stages(**how), dataset)
        write_catalogue(dataset)
        return dataset


def notes_of(clip):
    """What the user noted decides the first measurement."""
    return {"notes": clip.source.facts.notes}


def recording():
    """A shot of four seconds with two people, and one with nobody: no clip is the source as a whole."""
    times = np.arange(80) / 10.0
    track = PersonTrack(
        pictures=np.arange(40),
        boxes=np.zeros((40, 4)),
        kp2d=np.zeros((40, 17, 3)),
        foot_kp2d=np.zeros((40, 4, 3)),
        landmarks_w=np.zeros((40, 33, 3)),
        kp_trust=np.ones((40, 21)),
        flags=np.zeros(40),
    )
    return Recording(
        image_size=(64, 48),
        K=np.eye(3),
        K_source="default",
        native_fps=10.0,
        times=times,
        repeated_times=[],
        R_w2c=np.broadcast_to(np.eye(3), (80, 3, 3)),
        zoom=np.ones(80),
        camera_flags=np.zeros(80),
        shots=(Shot(first=0, end=40, people=(track, track)), Shot(first=40, end=80, people=())),
    )


@pytest.fixture
def studio():
    return Studio()


@pytest.fixture
def film(tmp_path):
    """Makes a source of a name and a content."""

    def make(name="kata", content=b"film", **facts):
        path = tmp_path / "films" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return Source.from_file(path, SourceFacts(**{"licence": "CC BY 4.0, J. Doe", **facts}))

    return make


@pytest.fixture
def dataset(studio, film, tmp_path):
    """One source, two clips, all that can lie in a dataset."""
    made = studio.build(tmp_path / "set", [film()])
    studio.ran.clear()
    return made


@pytest.fixture
def whole(film):
    return Clip.of(film())
