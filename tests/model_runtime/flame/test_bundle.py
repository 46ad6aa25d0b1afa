"""What Blender gets moves as the head does."""

import numpy as np

from contract import ACTIONS, CHANNELS
from model_runtime.flame import lbs
from model_runtime.flame.bundle import write_bundle
from model_runtime.flame.head import head_from_fields
from model_runtime.flame.load import load_head
from tests.model_runtime.flame.conftest import moves

FIELDS = """vertices polygons polygon_uv polygon_material material_names key_names key_channels key_deltas joint_names joint_positions
joint_parents jaw_turns actions_motion weights mask_names masks basis name landmark_names landmark_vertices""".split()


def written(head, tmp_path, beta=None):
    write_bundle(head, tmp_path / "bundle.npz", beta)
    with np.load(tmp_path / "bundle.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def test_holds_what_it_promises(head, tmp_path):
    bundle = written(head, tmp_path)
    assert sorted(bundle) == sorted(FIELDS)
    count = len(head.v_template) + len(head.parts_v)
    assert bundle["vertices"].shape == (count, 3) and bundle["weights"].shape == (count, 5)
    assert bundle["key_deltas"].shape == (len(bundle["key_names"]), count, 3)
    assert bundle["polygons"].shape == (len(head.f) + len(head.parts_f), 4) and bundle["polygons"].max() < count
    assert bundle["polygon_uv"].shape == (*bundle["polygons"].shape, 2)
    assert (bundle["polygons"][:, 3] == -1).all(), "triangles are marked"
    assert set(bundle["material_names"][np.unique(bundle["polygon_material"])]) >= {"skin", "eye", "tongue"}
    assert np.allclose(bundle["joint_positions"], head.J_regressor @ head.v_template, atol=1e-6)
    assert str(bundle["basis"]) == head.basis
    assert bundle["actions_motion"].shape == (len(ACTIONS), CHANNELS)
    np.testing.assert_array_equal(bundle["actions_motion"][ACTIONS.index("jawOpen")], head.actions_motion[head.action("jawOpen")])
    for name in ("jaw_x", "lid_left", "tongue_out", "Exp1"):
        assert name in bundle["key_names"]


def test_keys_are_the_skinning(head, tmp_path):
    """Everything but the jaw is exact: neutral plus the keys is the posed head."""
    beta = np.zeros(300)
    beta[:12] = 1
    bundle = written(head, tmp_path, beta)
    motion = moves(head, 5)
    motion[:, 50:60] = 0
    shown = bundle["vertices"] + np.einsum("tk,knc->tnc", motion[:, bundle["key_channels"]], bundle["key_deltas"])
    expected = np.concatenate([lbs.pose(head, motion, beta), lbs.pose_parts(head, motion, beta)], axis=1)
    assert np.abs(shown - expected).max() < 1e-5


def test_keys_that_move_nothing_are_left_out(head, tmp_path):
    still = [f"Exp{i + 1}" for i in range(50) if not head.shapedirs[:, :, 300 + i].any()]
    assert still and not set(still) & set(written(head, tmp_path)["key_names"])


def test_a_plain_flame_head_will_do(head, tmp_path):
    plain = head_from_fields(
        {key: getattr(head, key) for key in ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")},
        "plain",
    )
    bundle = written(plain, tmp_path)
    assert len(bundle["vertices"]) == len(head.v_template)
    assert not {"lid_left", "tongue_out", "landmark_names"} & {*bundle["key_names"], *bundle}


def test_the_jaws_line_is_as_near_to_its_arc_as_promised(tmp_path):
    head = load_head()
    bundle = written(head, tmp_path)
    jaw = bundle["key_deltas"][bundle["key_names"].tolist().index("jaw_x")]
    for angle, limit in ((0.05, 1.3e-3), (0.1, 1.3e-3), (0.2, 1.3e-3), (0.3, 1.3e-3), (0.45, 7e-3)):
        motion = np.zeros((1, CHANNELS), np.float32)
        motion[0, 50] = angle
        posed = np.concatenate([lbs.pose(head, motion), lbs.pose_parts(head, motion)], axis=1)[0]
        assert np.linalg.norm(bundle["vertices"] + angle * jaw - posed, axis=1).max() < limit


def test_jaw_keys_follow_vertices_and_joint(head, tmp_path):
    """What docs/formats.md, "Bundle", says of jaw_turns: enough to carry a bundle over to another identity."""
    rng = np.random.default_rng(2)
    beta = np.r_[rng.normal(size=12), np.zeros(288)]
    (tmp_path / "other").mkdir()
    one, other = written(head, tmp_path), written(head, tmp_path / "other", beta)
    moved, joint = other["vertices"] - one["vertices"], (other["joint_positions"] - one["joint_positions"])[2]
    assert np.abs(moved).max() > 1e-3
    for name, turn in zip(("jaw_x", "jaw_y", "jaw_z"), one["jaw_turns"]):
        key = one["key_names"].tolist().index(name)
        change = one["weights"][:, 2:3] * ((moved - joint) @ turn.T)
        assert np.abs(change).max() > 1e-5
        np.testing.assert_allclose(one["key_deltas"][key] + change, other["key_deltas"][key], atol=1e-6)
