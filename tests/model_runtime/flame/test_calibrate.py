"""A performance of the built-in head on a head of another topology and another basis: same mouth, same face, lips shut where ours
are."""

import numpy as np
import pytest
from scipy import sparse

from model_runtime.flame import calibrate, lbs
from model_runtime.flame.calibrate import complete
from model_runtime.flame.head import head_from_fields
from model_runtime.flame.load import load_head
from model_runtime.flame.mesh import load_mesh
from tests.model_runtime.flame import stand_ins
from tests.model_runtime.flame.conftest import flame_fields, make_head


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UTTER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def builtin():
    return load_head()


@pytest.fixture(scope="module")
def fields(shared):
    return flame_fields(*load_mesh(shared / "data" / "flame_topology" / "template.ply"))


@pytest.fixture(scope="module")
def flame_npz(fields, tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "flame2023.npz"
    np.savez(path, **fields)
    return path


@pytest.fixture(scope="module")
def flame(builtin, flame_npz):
    return load_head(flame_npz)


def shut_and_open(builtin, count=300, seed=0):
    """Random faces of the built-in head [n,65], and their relative lip gaps; mouthClose shuts the jaw's opening as far as it
    can."""
    rng = np.random.default_rng(seed)
    actions = np.clip(rng.normal(0, 0.4, (count, 52)), 0, 1) * (rng.random((count, 52)) < 0.2)
    actions[:, builtin.action("jawOpen")] = rng.uniform(0, 0.35, count)
    actions[:, builtin.action("mouthClose")] = 0
    open_ = (actions @ builtin.actions_motion).astype(np.float32)
    shut, gap = open_.copy(), lbs.lip_gap(builtin, open_)
    for close in np.linspace(0, 1, 41):
        trial = open_ + np.float32(close) * builtin.actions_motion[builtin.action("mouthClose")]
        better = lbs.lip_gap(builtin, trial) < gap
        shut[better], gap[better] = trial[better], lbs.lip_gap(builtin, trial[better])
    return shut[gap < 0.03], open_


def mouth(head, motion):
    return lbs.lip_gap(head, motion)


def test_lips_shut_where_ours_shut(builtin, flame):
    shut, _ = shut_and_open(builtin)
    assert len(shut) > 50
    mapped = calibrate.calibrate(flame, builtin).apply(shut)
    assert mouth(flame, mapped).max() < 0.03
    raw = shut @ calibrate.calibrate(flame, builtin).matrix
    assert np.sqrt(np.mean((mapped - raw)[:, :50] ** 2)) < 0.5, "the seal is a small correction"
    pairs = lbs.pose(flame, mapped, vertices=np.r_[flame.lip_inner_upper, flame.lip_inner_lower])
    upper, lower = np.split(pairs, 2, axis=1)
    rest = flame.v_template[flame.lip_inner_upper] - flame.v_template[flame.lip_inner_lower]
    assert np.quantile(np.abs((upper - lower - rest)[..., 1]), 0.95) < 1e-3, "from corner to corner"


def test_open_where_ours_open(builtin, flame):
    _, open_ = shut_and_open(builtin)
    ours, theirs = mouth(builtin, open_), mouth(flame, calibrate.calibrate(flame, builtin).apply(open_))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9
    jaw = np.linspace(0, 1, 9)[:, None] * builtin.actions_motion[builtin.action("jawOpen")]
    theirs = mouth(flame, calibrate.calibrate(flame, builtin).apply(jaw))
    assert theirs[0] < 0.01 and theirs[-1] == pytest.approx(1, abs=0.05) and (np.diff(theirs) > 0.03).all()


def test_faces_look_alike(builtin, flame):
    """Corners, brows and lids go where ours go."""
    mapped = calibrate.calibrate(flame, builtin)

    def shift(head, action, mark):
        motion = builtin.actions_motion[[builtin.action(action)]]
        motion = motion if head is builtin else mapped.apply(motion)
        vertex = head.landmark(mark)
        return lbs.pose(head, motion, vertices=[vertex])[0, 0] - head.v_template[vertex]

    for action, mark in (
        ("mouthSmileLeft", "lip_corner_left"),
        ("mouthSmileRight", "lip_corner_right"),
        ("browInnerUp", "brow_inner_left"),
        ("browOuterUpRight", "brow_mid_right"),
        ("eyeBlinkLeft", "lid_upper_left"),
        ("mouthFrownLeft", "lip_corner_left"),
    ):
        ours, theirs = shift(builtin, action, mark), shift(flame, action, mark)
        cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
        assert cosine > 0.7 and 0.4 < np.linalg.norm(theirs) / np.linalg.norm(ours) < 1.7, (action, ours, theirs)


def test_eyes_shut(flame):
    motion = np.zeros((1, 65), np.float32)
    motion[:, 60:62] = 1
    posed = lbs.pose(flame, motion)[0]
    for side in ("left", "right"):
        upper, lower = flame.landmark(f"lid_upper_{side}"), flame.landmark(f"lid_lower_{side}")
        assert flame.v_template[upper, 1] - flame.v_template[lower, 1] > 5e-3
        assert abs(posed[upper, 1] - posed[lower, 1]) < 1e-3


def test_eyeballs_turn_but_do_not_smile(builtin, flame):
    eyes = flame.weights[:, 3] > 0.5
    assert eyes.sum() > 100
    for channels in (slice(0, 50), slice(60, 62)):
        motion = np.zeros((1, 65), np.float32)
        motion[:, channels] = 1
        assert np.abs(lbs.pose(flame, motion)[0] - flame.v_template)[eyes].max() < 1e-5


def test_neutral_stays_neutral(builtin, flame):
    assert np.abs(calibrate.calibrate(flame, builtin).apply(np.zeros((2, 65)))).max() < 1e-3


def test_channels_that_mean_the_same_everywhere_are_kept(builtin, flame):
    values = np.zeros((1, 65), np.float32)
    values[:, 53:] = np.linspace(0.1, 0.5, 12)
    assert np.allclose(calibrate.calibrate(flame, builtin).apply(values)[:, 53:], values[:, 53:])


def test_the_pickle_is_the_same_head(builtin, flame, fields, tmp_path):
    """Written as FLAME 2020 is, chumpy and sparse; read without chumpy; calibrated in the same way."""

    modules = stand_ins.chumpy()
    ch = modules["chumpy.ch"].Ch
    stored = {key: ch(x=value) if key in ("v_template", "shapedirs", "posedirs", "weights") else value for key, value in fields.items()}
    stored["J_regressor"] = sparse.csc_matrix(fields["J_regressor"])
    (tmp_path / "generic_model.pkl").write_bytes(stand_ins.python2(modules, stored, 2))
    loaded = load_head(tmp_path / "generic_model.pkl")
    assert loaded.basis == flame.basis
    assert np.allclose(loaded.actions_motion, flame.actions_motion, atol=1e-4)


def test_our_own_head_maps_to_itself(builtin):
    values = np.random.default_rng(0).normal(size=(3, 65)).astype(np.float32)
    assert np.array_equal(calibrate.calibrate(builtin, builtin).apply(values), values)
    assert np.abs(calibrate.identity(builtin, builtin)).max() < 1e-3


def test_identity_comes_near(builtin, flame):
    """The built-in head with that beta lies nearer to the other face, point for point, than the built-in template does."""
    from model_runtime.flame.fit import kabsch

    beta = calibrate.identity(flame, builtin)
    assert beta.shape == (300,) and np.abs(beta).max() < 8
    registration = calibrate.registered(flame, builtin)
    face = (registration.distance < 2e-3) & ~registration.rigid & (flame.v_template[:, 1] > -0.09) & (flame.v_template[:, 2] > 0)

    def far(vertices):
        points, target = registration.sample(builtin, vertices)[face], flame.v_template[face]
        _, rotation, shift = kabsch(target, points)
        return np.linalg.norm(target @ rotation.T + shift - points, axis=1).mean()

    assert far(lbs.pose(builtin, np.zeros((1, 65)), beta)[0]) < 0.87 * far(builtin.v_template)


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_known_identity_is_found_again(builtin, shuffled):
    """Our own head wearing another identity; once with its vertices in another order, so that only geometry and landmarks
    tell."""
    beta = np.zeros(300, np.float32)
    beta[:5] = [1.5, -1, 1, 0.5, -0.5]
    worn = lbs.pose(builtin, np.zeros((1, 65)), beta)[0]
    order = np.random.default_rng(0).permutation(len(worn)) if shuffled else np.arange(len(worn))
    place = np.argsort(order)
    other = head_from_fields(
        {
            "v_template": worn[order],
            "f": place[builtin.f],
            "shapedirs": builtin.shapedirs[order],
            "posedirs": builtin.posedirs[order],
            "J_regressor": builtin.J_regressor[:, order],
            "weights": builtin.weights[order],
            "kintree_table": builtin.kintree_table,
            "landmark_names": builtin.landmark_names,
            "landmark_vertices": place[builtin.landmark_vertices],
            "lip_inner_upper": place[builtin.lip_inner_upper],
            "lip_inner_lower": place[builtin.lip_inner_lower],
        },
        "sibling",
    )
    fitted = lbs.pose(builtin, np.zeros((1, 65)), calibrate.identity(other, builtin))[0]
    before, after = (np.linalg.norm(v - worn, axis=1).mean() for v in (builtin.v_template, fitted))
    assert after < (0.6 if shuffled else 0.3) * before


def test_the_cache_is_used_and_does_without(tmp_path, monkeypatch):
    from model_runtime.flame import calibrate as module

    builtin, bare = make_head(), make_head(30, 40)
    monkeypatch.setenv("UTTER_CACHE", str(tmp_path))
    first = module.registered(bare, builtin)
    kept = list(tmp_path.iterdir())
    assert len(kept) == 1
    calls = []
    register = module.register
    monkeypatch.setattr(module, "register", lambda *a, **k: calls.append(1) or register(*a, **k))
    again = module.registered(bare, builtin)
    assert not calls and np.array_equal(first.triangles, again.triangles)
    kept[0].write_bytes(b"damaged")
    assert np.array_equal(module.registered(bare, builtin).triangles, first.triangles) and calls
    taken = tmp_path / "taken"
    taken.write_text("a file where the folder should be")
    monkeypatch.setenv("UTTER_CACHE", str(taken))
    assert np.array_equal(module.registered(bare, builtin).triangles, first.triangles)


def test_eggs_of_other_meshes_agree():
    """Without shared data: two made-up heads of different resolution and proportion."""
    ours, theirs = make_head(), make_head(48, 60, squeeze=(1.1, 0.95, 1.05))
    bare = head_from_fields(
        {
            key: getattr(theirs, key)
            for key in (
                "v_template",
                "f",
                "shapedirs",
                "posedirs",
                "J_regressor",
                "weights",
                "kintree_table",
                "landmark_names",
                "landmark_vertices",
                "lip_inner_upper",
                "lip_inner_lower",
            )
        },
        "egg",
    )
    head = complete(bare, ours)
    mapped = calibrate.calibrate(head, ours).apply(ours.actions_motion)
    shown = lbs.pose(head, mapped) - head.v_template
    expected = np.moveaxis(theirs.actions, 2, 0)
    moving = np.abs(expected).max((1, 2)) > 1e-3
    error = np.sqrt(((shown - expected) ** 2).sum((1, 2)) / (expected**2).sum((1, 2)).clip(1e-12))
    assert moving.sum() > 35 and np.median(error[moving]) < 0.35
