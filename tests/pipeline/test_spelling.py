"""A misspelt name is said with its place, and with what was probably meant."""

from __future__ import annotations

import pytest

from pipeline.exceptions import InvalidSettings, InvalidSources
from pipeline.settings import Settings, load_settings
from pipeline.sources import find_files
from pipeline.spelling import misspelt


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"gvhmr": {"devce": "cpu"}}, "gvhmr.devce: there is no such setting; did you mean gvhmr.device?"),
        ({"retarget": {"smothness": 1}}, "retarget.smothness: there is no such setting; did you mean retarget.clip."),
        ({"limts": "clean"}, "limts: there is no such setting; did you mean limits?"),
        ({"speed_tier": "hard"}, "speed_tier: there is no such setting; did you mean retarget.speed_tier?"),
        ({"leads": {"qqqq": 1}}, "leads.qqqq: there is no such setting; there are leads."),
    ],
)
def test_the_setting_that_was_meant_is_named(document, sentence):
    (said,) = misspelt(Settings, document)
    assert said.startswith(sentence)


def test_names_that_are_right_are_not_told_whatever_their_values():
    assert misspelt(Settings, {"limits": 3, "gvhmr": {"device": []}, "retarget": "nonsense"}) == []


def test_a_preset_and_a_sources_file_say_so(tmp_path):
    preset = tmp_path / "mine.toml"
    preset.write_text("[gvhmr]\ndevce = 'cpu'\n[retarget]\nspeed_teir = 'hard'\n")
    with pytest.raises(InvalidSettings, match=r"mine\.toml: gvhmr\.devce: .* gvhmr\.device\?; retarget\.speed_teir"):
        load_settings(preset)
    (tmp_path / "kata.mp4").write_bytes(b"film")
    (tmp_path / "sources.toml").write_text('[files."kata.mp4"]\nheigth_m = 1.7\n')
    with pytest.raises(InvalidSources, match=r'\[files\."kata\.mp4"\] heigth_m: .*did you mean height_m\?'):
        find_files([tmp_path])
