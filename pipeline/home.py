"""Where this machine keeps what is fetched or imported once: networks, meshes, licensed bodies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Folders outside any dataset."""

    models_dir: Path
    """BlazePose's network files; can be fetched again at any time."""
    meshes_dir: Path
    """The G1's meshes; can be fetched again at any time."""
    bodies_dir: Path
    """Bodies that the user imported from licensed files; cannot be fetched again."""

    @classmethod
    def of_user(cls) -> Home:
        """Return the usual folders of the user who runs the program (they honour XDG_CACHE_HOME, XDG_DATA_HOME)."""
        cache, data = user_cache_path("wushu"), user_data_path("wushu")
        return cls(models_dir=cache / "models", meshes_dir=cache / "meshes", bodies_dir=data / "bodies")
