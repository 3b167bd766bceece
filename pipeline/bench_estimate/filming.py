"""Turns a view into an H.264 file and lets the front end watch it; what lies in the folder is not made again."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8
from scipy.spatial.transform import Rotation

from pipeline.bench_estimate.config import FPS
from pipeline.bench_estimate.views import View, ViewShot, into_hall, wardrobe
from pipeline.body import SkinnedBody
from pipeline.camera import CameraPath
from pipeline.clip import Clip, Source
from pipeline.evidence import Evidence
from pipeline.front_stages import RECORDING_VERSION
from pipeline.home import Home
from pipeline.kfbench.bench_cameras import IMAGE_SIZE
from pipeline.record_codec import decode, digest, encode, plain
from pipeline.render import FilmConfig, Hall, Occluder, Performer, add_picture, film_people, h264_stream
from pipeline.settings import Settings
from pipeline.store import atomic_path
from pipeline.video import BlazePoseModels, Recording, VideoConfig, cut_clips, evidence_of, find_models, watch_video
from retarget.progress import Progress
from retarget.smpl_motion import SmplMotion

_RENDERING = 1
"""Raised whenever the same view would be drawn differently, so that videos lying about are made anew."""

_BYSTANDER_AT = (-1.2, 1.1)  # from the middle of the person's path: farther back, and to the side [m]
_DOCUMENT = "document"


class FrontEnd:
    """Films views and lets the front end watch them: what it says of them is what is measured."""

    def __init__(
        self, folder: Path, body: SkinnedBody, settings: Settings, home: Home, *, size: tuple[int, int] = IMAGE_SIZE
    ) -> None:
        """Prepare; the networks are looked for at once.

        Args:
            folder: Where videos and recordings are kept; made if missing.
            body: Who performs.
            settings: Of the front end. The lens is known, and the rate is the bench's.
            home: Where the networks are.
            size: Width and height of the videos [px], of the shape of ``IMAGE_SIZE``.

        Raises:
            MissingModelFile: BlazePose's networks are not on this machine.
        """
        self._folder = folder
        self._body = body
        self._settings = settings
        self._models: BlazePoseModels = find_models(home.models_dir)
        self._size = size

    def __call__(self, view: View, progress: Progress) -> list[Evidence]:
        """Return what the front end says of a view: one evidence a clip that it makes of the video.

        Pixels are those of ``IMAGE_SIZE``, whatever the size of the video.

        Args:
            view: What is filmed.
            progress: Told of frames filmed, then of frames watched, of all of both.

        Raises:
            NoPersonFound: The front end makes no clip of the video.
            MissingRenderer: No OpenGL on this machine.
            OutputNotWritable: The folder cannot be written.
        """
        video = self._filmed(view, progress)
        recording = self._watched(video, view, progress)
        whole = Clip.of(Source.from_file(video))
        clips = replace(self._settings.clips, fps=FPS)
        found = [evidence_of(recording, clip, clips) for clip in cut_clips(recording, whole, clips)]
        return found if self._size == IMAGE_SIZE else [_enlarged(evidence, self._size) for evidence in found]

    def video_of(self, view: View) -> Path:
        """Where the video of a view is kept."""
        slug = re.sub(r"[^a-z0-9]+", "-", view.name.lower()).strip("-")
        return self._folder / f"{slug}-{self._recipe(view)}.mp4"

    def _filmed(self, view: View, progress: Progress) -> Path:
        path, n = self.video_of(view), len(view.clip.motion)
        if path.is_file():
            return path
        with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
            stream = h264_stream(container, size=self._size, fps=FPS, crf=view.look.crf)
            for done, picture in enumerate(self._pictures(view), start=1):
                add_picture(container, stream, picture)
                progress(done, 2 * n)
            container.mux(stream.encode())
        return path

    def _pictures(self, view: View) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        for shot in view.shots:
            people, camera, film = staged(view, shot, self._body, self._size)
            # Closed here: a film left to the end of the process outlives the graphics it is drawn with.
            with closing(film_people(people, camera, film)) as pictures:
                yield from pictures

    def _watched(self, video: Path, view: View, progress: Progress) -> Recording:
        config = self._config(view)
        said = digest([RECORDING_VERSION, plain(config)])
        path, n = video.with_suffix(f".{said}.npz"), len(view.clip.motion)
        found = _load(path)
        if found is None:
            found = watch_video(video, config, self._models, lambda done, _: progress(n + min(done, n), 2 * n))
            document, arrays = encode(found)
            with atomic_path(path) as temporary:
                np.savez(temporary, allow_pickle=False, **{_DOCUMENT: np.array(json.dumps(document))}, **arrays)
        progress(2 * n, 2 * n)
        return found

    def _config(self, view: View) -> VideoConfig:
        focal = float(view.shots[0].camera.K[0, 0]) * self._size[0] / IMAGE_SIZE[0]
        return replace(self._settings.video, focal_px=focal)

    def _recipe(self, view: View) -> str:
        """Digest all that decides the pictures; numbers to a micrometre, which mathematics libraries agree on."""
        content = hashlib.sha256()
        motion, camera = view.clip.motion, view.cameras
        arrays = (motion.betas, motion.global_orient, motion.body_pose, motion.transl, camera.R_w2c, camera.pos_w)
        for array in (*arrays, camera.K):
            content.update((np.round(array, 6) + 0.0).tobytes())
        cuts = [shot.first for shot in view.shots]
        return digest([_RENDERING, self._body.name, content.hexdigest(), cuts, plain(view.look), list(self._size)])


def staged(
    view: View, shot: ViewShot, body: SkinnedBody, size: tuple[int, int]
) -> tuple[list[Performer], CameraPath, FilmConfig]:
    """Put a shot into its hall: who is there, the camera, and how it is filmed."""
    turn, shift, hall_size = into_hall(view, shot)
    motion, look = view.clip.motion.frames(shot.first, shot.end), view.look
    main = _moved(motion, turn, shift, body)
    people = [Performer(body=body, motion=main, colours=wardrobe(look.clothes))]
    if look.bystander is not None:
        people.append(Performer(body=body, motion=_bystander(main, body), colours=wardrobe(look.bystander)))
    scale = size[0] / IMAGE_SIZE[0]
    camera = CameraPath(
        K=np.diag([scale, scale, 1.0]) @ shot.camera.K,
        R_w2c=shot.camera.R_w2c @ turn.as_matrix().T,
        pos_w=turn.apply(shot.camera.pos_w.copy()) + shift,
    )
    film = FilmConfig(
        width=size[0],
        height=size[1],
        samples=look.samples,
        seed=look.hall,
        hall=Hall.varied(look.hall, size=hall_size),
        light=look.light,
        shutter=look.shutter,
        occluders=_posts(look.post, camera),
    )
    return people, camera, film


def _moved(motion: SmplMotion, turn: Rotation, shift: np.ndarray, body: SkinnedBody) -> SmplMotion:
    orient = (turn * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec()
    pelvis = turn.apply(motion.rest_joint_pos[0] + motion.transl) + shift
    return body.motion(motion.fps, motion.betas, orient, motion.body_pose, pelvis - motion.rest_joint_pos[0])


def _bystander(motion: SmplMotion, body: SkinnedBody) -> SmplMotion:
    """Somebody who stands behind, arms down, and turns to the camera."""
    n = len(motion)
    pose = np.zeros((n, 21, 3))
    pose[:, 15, 2], pose[:, 16, 2] = -1.2, 1.2  # upper arms, from the T of the rest pose
    orient = (Rotation.from_euler("z", np.pi / 2) * Rotation.from_euler("x", np.pi / 2)).as_rotvec()
    rest = body.rest_joints(np.zeros(10))
    middle = (motion.rest_joint_pos[0] + motion.transl).mean(axis=0)
    height = rest[0, 1] - body.rest_verts(np.zeros(10))[:, 1].min()
    place = np.array([middle[0] + _BYSTANDER_AT[0], middle[1] + _BYSTANDER_AT[1], height])
    return body.motion(motion.fps, np.zeros(10), np.tile(orient, (n, 1)), pose, np.tile(place - rest[0], (n, 1)))


def _posts(beside: float | None, camera: CameraPath) -> tuple[Occluder, ...]:
    if beside is None:
        return ()
    x = float(min(1.5, 0.45 * camera.pos_w[len(camera.pos_w) // 2, 0]))
    return (Occluder(pos=(x, beside, 1.0), size=(0.12, 0.12, 2.0), round=True),)


def _enlarged(evidence: Evidence, size: tuple[int, int]) -> Evidence:
    """Give pixels of a smaller video as those of ``IMAGE_SIZE``."""
    scale = IMAGE_SIZE[0] / size[0]
    return replace(
        evidence,
        image_size=IMAGE_SIZE,
        K=np.diag([scale, scale, 1.0]) @ evidence.K,
        boxes=evidence.boxes * scale,
        kp2d=evidence.kp2d * [scale, scale, 1.0],
        foot_kp2d=evidence.foot_kp2d * [scale, scale, 1.0],
    )


def _load(path: Path) -> Recording | None:
    """Read a recording; one that is missing, damaged or of another layout is made again."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as npz:
            arrays = dict(npz)
        return decode(Recording, json.loads(str(arrays.pop(_DOCUMENT))), arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, ExceptionGroup):
        return None
