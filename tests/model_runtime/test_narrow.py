"""Passages for some regions of the face alone, through the Performer on the shipped models: what feels them, and what does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract import ACTIONS, REGIONS, Passage, PerformRequest, actions_in
from model_runtime.motion import save_motion
from model_runtime.pipeline import Performer

ROOT = Path(__file__).resolve().parents[2]
VOICE = ROOT / "blender_assets" / "voices" / "pie.flac"
BROWS = actions_in(("brows",))
FURIOUS = Passage(1, 2.5, "furious", regions=("brows",))


@pytest.fixture(scope="module")
def perform():
    performer = Performer("cpu")
    return lambda *passages, **asked: performer.perform(
        PerformRequest(**{"voice": str(VOICE), "quality": "draft", "transcribe": "off", "passages": passages, **asked})
    )


@pytest.fixture(scope="module")
def calm(perform):
    return perform()


@pytest.fixture(scope="module")
def narrow(perform):
    return perform(FURIOUS)


def test_its_regions_feel_it_nearly_as_in_a_whole_face_and_the_others_keep_their_bits(perform, calm, narrow):
    whole = perform(replace(FURIOUS, regions=tuple(REGIONS)))
    felt, all_felt = ((motion.actions - calm.actions)[40:65].mean(0) for motion in (narrow, whole))
    assert felt[BROWS] @ all_felt[BROWS] > 0.7 * (all_felt[BROWS] @ all_felt[BROWS]), "as much as where the whole face feels it"
    others = [action for action in range(len(ACTIONS)) if action not in BROWS]
    assert narrow.actions[:, others].tobytes() == calm.actions[:, others].tobytes()
    outside = [*range(18), *range(90, len(calm.values))]
    assert narrow.values[outside].tobytes() == calm.values[outside].tobytes()


def test_regions_with_passages_of_their_own_each_feel_theirs(perform, calm, narrow):
    both = perform(FURIOUS, Passage(1, 2.5, "overjoyed", regions=("mouth",)))
    assert np.abs(both.actions - narrow.actions)[:, BROWS].max() < 1e-6
    smile = [ACTIONS.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    assert (both.actions - calm.actions)[40:65][:, smile].mean() > 0.2


def test_a_scope_is_drawn_with_them_as_well(perform, calm, narrow, tmp_path):
    save_motion(calm, tmp_path / "m.npz")
    asked = {"onto": str(tmp_path / "m.npz"), "scope": ((0.5, 3.0),)}
    anew = perform(FURIOUS, **asked)
    down = ACTIONS.index("browDownLeft")
    assert anew.actions[40:65, down].mean() > calm.actions[40:65, down].mean() + 0.2
    mouth = perform(FURIOUS, regions=("mouth",), **asked)
    assert mouth.actions[:, BROWS].tobytes() == calm.actions[:, BROWS].tobytes(), "nothing of it is in this scope"


def test_one_beyond_the_voice_changes_nothing(perform, calm):
    assert perform(replace(FURIOUS, start=60, end=61)).values.tobytes() == calm.values.tobytes()
