"""What people look at before they trust a motion: film and pages of a clip, the page of a run, MuJoCo's viewer."""

from pipeline.review.clip_report import ClipReport, write_report
from pipeline.review.desktop import NoDesktop, ShownClip, play_on_desktop
from pipeline.review.playback import PlaybackConfig, render_playback
from pipeline.review.residual_picture import draw_residuals, write_picture
from pipeline.review.run_page import PAGE_FILE, usable_sentence, write_run_page

__all__ = [
    "PAGE_FILE",
    "ClipReport",
    "NoDesktop",
    "PlaybackConfig",
    "ShownClip",
    "draw_residuals",
    "play_on_desktop",
    "render_playback",
    "usable_sentence",
    "write_picture",
    "write_report",
    "write_run_page",
]
