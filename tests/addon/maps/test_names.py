"""Shape keys are known by their names in any spelling."""

import re

import pytest

from addon.maps import names
from addon.maps.rows import SOURCES
from contract import ACTIONS


def snake(name):
    return re.sub("([A-Z])", r"_\1", name)


SPELLINGS = {
    "as Apple writes them": lambda k, name: name,
    "with a capital": lambda k, name: name[0].upper() + name[1:],
    "_L and _R": lambda k, name: re.sub("(Left|Right)$", lambda side: f"_{side[0][0]}", name),
    ".L and .R": lambda k, name: re.sub("(Left|Right)$", lambda side: f".{side[0][0]}", name),
    "L and R": lambda k, name: re.sub("(Left|Right)$", lambda side: side[0][0], name),
    "snake": lambda k, name: snake(name).lower(),
    "loud": lambda k, name: snake(name).upper(),
    "small": lambda k, name: name.lower(),
    "numbered": lambda k, name: f"A{k:02d}_{snake(name).title()}",
    "numbered apart": lambda k, name: f"AK_{k:02d}_{name[0].upper()}{name[1:]}",
    "behind a mesh": lambda k, name: f"Face.{name}",
    "behind Maya's": lambda k, name: f"blendShape1.{name}",
    "behind MPFB's": lambda k, name: f"!ex-{name}",
    "behind a long one": lambda k, name: f"head_lod0_mesh__{snake(name).lower()}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_arkit_in_its_spellings(spelling):
    keys = {SPELLINGS[spelling](k, name): name for k, name in enumerate(ACTIONS)}
    found = names.match([*keys, "Basis 2", "Wrinkles", "$md-universal"])
    assert {row.target: [*row.sources] for row in found.rows} == {key: [name] for key, name in keys.items()}
    assert found.main.name == "ARKit" and found.kinds["ARKit"] == (52, 52)


def test_every_preset_knows_its_own_keys_and_reads_what_exists():
    for preset in names.presets():
        found = names.match(preset.rows)
        assert found.main == preset and {row.target for row in found.rows} <= set(preset.rows), preset.name
        assert any("jawOpen" in row.sources for row in found.rows), preset.name
        assert all(set(row.sources) <= set(SOURCES) for row in preset.rows.values())
        assert len({names.plain(names.words_of(target)) for target in preset.rows}) == len(preset.rows), preset.name


def test_keys_behind_a_prefix_keep_to_the_longest_name_that_is_known():
    found = names.match(f"Face.M_F00_000_00_Fcl_{key}" for key in ("MTH_A", "MTH_I", "MTH_U", "MTH_E", "MTH_O", "ALL_Angry", "BRW_Angry"))
    assert found.main.name == "VRoid" and [*found.kinds] == ["VRoid"] and len(found.rows) == 6


def test_nothing_moves_twice():
    both = names.match([*ACTIONS, *next(preset for preset in names.presets() if preset.name == "Oculus visemes").rows])
    assert [row.target for row in both.rows] == [*ACTIONS] and "viseme_aa" in both.also
    blinks = {row.target for row in names.match(["aa", "ih", "blink", "blinkLeft", "blinkRight"]).rows}
    assert blinks == {"aa", "ih", "blinkLeft", "blinkRight"}
    assert {row.target for row in names.match(["aa", "ih", "blink"]).rows} == {"aa", "ih", "blink"}


def test_empty_keys_leave_their_place_to_others():
    """As VRoid's heads have ARKit's keys, and jawOpen among those that move nothing."""
    shut = ("jawOpen", "mouthPucker")
    found = names.match([*ACTIONS, "Fcl_MTH_A", "Fcl_MTH_U", "Fcl_MTH_E"], [*set(ACTIONS) - {*shut}, "Fcl_MTH_A", "Fcl_MTH_U", "Fcl_MTH_E"])
    rows = {row.target for row in found.rows}
    assert {"Fcl_MTH_A", "Fcl_MTH_U"} <= rows and not rows & {*shut, "Fcl_MTH_E"}
    assert found.kinds["ARKit"] == (52, 50)


def test_other_names_are_no_face():
    found = names.match(["Smile", "Key 1", "Basis", "Fcl_XYZ_A", "Fcl_XYZ_O", "Big Nose", "Muscles", "Mouth 2"])
    assert not found.rows and found.main is None
