"""What people look at before they trust a motion: the side-by-side video, and MuJoCo's viewer on a desktop."""

from pipeline.review.desktop import NoDesktop, play_on_desktop
from pipeline.review.playback import PlaybackConfig, render_playback
from pipeline.review.residual_picture import draw_residuals, write_picture

__all__ = ["NoDesktop", "PlaybackConfig", "draw_residuals", "play_on_desktop", "render_playback", "write_picture"]
