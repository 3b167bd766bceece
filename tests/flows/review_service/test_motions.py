"""What moves on the page is what the dataset holds: poses, human and preview of a real motion, number by number."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.clip import Source, SourceFacts
from pipeline.home import Home
from pipeline.kfbench import PIECES, stage_piece
from pipeline.process_clip import process_source
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset
from pipeline.tracking import FollowConfig
from retarget.result import RetargetResult


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A second and a half of the kung-fu form, as a motion file, taken through the chain; no pictures."""
    folder = tmp_path_factory.mktemp("built")
    motion = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion.part(0.0, 1.5)
    np.savez(
        folder / "form.npz",
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, motion.body_pose.reshape(len(motion), -1), np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "MUJOCO_GL", "disable")
        stages = build_stages(Settings(tracking=FollowConfig(certify=False)), Home.of_user())
    source = Source.from_file(folder / "form.npz", SourceFacts(licence="CC0"))
    dataset = Dataset.open_or_create(folder / "set")
    (row,) = process_source(source, stages, dataset)
    return dataset, row


def test_what_is_sent_of_a_motion_is_that_motion(built, serve):
    """Root poses to a tenth of a millimetre; a human beside every frame; no film, said in a sentence."""
    dataset, row = built
    solved = dataset.load(row.clip.id, "retarget", row.fingerprints["retarget"], RetargetResult).motion
    clip = f"/api/clips/{row.clip.id}"
    with serve(dataset) as client:
        tracks = client.get(f"{clip}/tracks").json()
        assert (tracks["n_frames"], tracks["variant"]) == (len(solved), "29dof")
        robot = client.get(f"/api/robots/{tracks['variant']}").json()
        assert len(robot["bodies"]) == tracks["n_bodies"]
        assert client.get("/api/robots/..").status_code == 404
        assert client.get("/api/robots/7dof").json()["kind"] == "invalid"
        poses = floats(client.get(f"{clip}/poses")).reshape(tracks["n_frames"], tracks["n_bodies"], 7)
        np.testing.assert_allclose(poses[:, 0, :3], solved.root_pos_w, atol=1e-4)
        human = floats(client.get(f"{clip}/human")).reshape(len(solved), -1, 3)
        assert np.abs(human[:, 0] - solved.root_pos_w).max() < 0.15
        ghost = client.get(f"{clip}/ghost")
        assert (ghost.status_code // 100, set(ghost.json())) == (4, {"error", "kind"})
        for nothing in ("?of=piece-99", "?of=preview-x", "?of=../x", "?of=piece-1e9"):
            assert client.get(f"{clip}/poses{nothing}").json()["kind"] == "missing_file", nothing


def test_a_preview_is_shown_as_it_would_be_handed_over_and_writes_nothing(built, serve):
    """Its poses have its leads; asked again it is the same; a preview of another clip's, or a wrong one, is none."""
    dataset, row = built
    clip, before = f"/api/clips/{row.clip.id}", sorted(dataset.root.rglob("*"))
    with serve(dataset) as client:
        asked = {"frames": [5, 40], "ground_m": 0.01, "contacts": [{"foot": "left", "frames": [8, 12], "stands": True}]}
        preview = client.post(f"{clip}/preview", json=asked).json()
        assert preview["n_frames"] == 35 + preview["n_lead_in"] + preview["n_lead_out"]
        poses = floats(client.get(f"{clip}/poses?of=preview-{preview['key']}")).reshape(preview["n_frames"], -1, 7)
        own = floats(client.get(f"{clip}/poses")).reshape(-1, *poses.shape[1:])
        led = poses[preview["n_lead_in"] :][:35]
        np.testing.assert_allclose(led[:, 0, 2], own[5:40, 0, 2] + 0.01, atol=1e-4)
        assert client.post(f"{clip}/preview", json=asked).json() == preview
        for wrong in ({"frames": [5, 5000]}, {"frames": "all"}, {"ground_m": 3}):
            assert client.post(f"{clip}/preview", json=wrong).json()["kind"] == "invalid"
    assert [path for path in sorted(dataset.root.rglob("*")) if path not in before and ".lock" not in str(path)] == []


def test_a_page_that_stands_alone_is_a_download_of_this_clip(built, serve):
    """Under a name that any disk takes."""
    dataset, row = built
    with serve(dataset) as client:
        page = client.get(f"/api/clips/{row.clip.id}/page.html")
        assert page.headers["content-disposition"] == f'attachment; filename="form-{row.clip.id}.html"'
        assert page.text.startswith("<!doctype html>")
        assert row.clip.id in page.text


def test_a_film_that_is_none_costs_the_film_and_no_more(built, serve):
    """A pipe, which would be read for ever, and a file that holds something else."""
    dataset, row = built
    film = dataset.clip_dir(row.clip.id) / "playback.mp4"
    try:
        with serve(dataset) as client:
            for make, said in ((lambda: os.mkfifo(film), "is no file"), (lambda: film.write_bytes(b"no"), "be played")):
                make()
                view = client.get(f"/api/clips/{row.clip.id}").json()
                assert view["video"] is None
                assert any("playback.mp4" in sentence and said in sentence for sentence in view["damaged"])
                assert view["n_frames"] > 0
                film.unlink()
    finally:
        film.unlink(missing_ok=True)


def floats(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<f4")
