"""Neutral meshes: read from files, brought to FLAME's axes, given our expressions."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from contract import UtterError, flame_landmarks
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.flame.mesh import head_from_mesh, load_mesh
from model_runtime.flame.register import weld
from tests.model_runtime.flame.conftest import make_head


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UTTER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def write_obj(path, vertices, faces):
    lines = ["# a comment", "o head"] + [f"v {x} {y} {z}" for x, y, z in vertices] + ["vt 0 0"]
    path.write_text("\n".join(lines + [f"f {a + 1}/1 {b + 1}/1 {c - len(vertices)}/1" for a, b, c in faces]))


def write_ply(path, vertices, faces, binary):
    count, kind = len(vertices), "binary_little_endian" if binary else "ascii"
    header = (
        f"ply\nformat {kind} 1.0\ncomment made here\nelement vertex {count}\nproperty float x\nproperty float y\nproperty float z\n"
        f"property uchar red\nelement face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode()
    if binary:
        table = np.zeros(count, [("v", "<f4", 3), ("red", "u1")])
        table["v"] = vertices
        polygons = np.zeros(len(faces), [("n", "u1"), ("f", "<i4", 3)])
        polygons["n"], polygons["f"] = 3, faces
        path.write_bytes(header + table.tobytes() + polygons.tobytes())
    else:
        body = [f"{x} {y} {z} 7" for x, y, z in vertices] + [f"3 {a} {b} {c}" for a, b, c in faces]
        path.write_bytes(header + "\n".join(body).encode() + b"\n")


@pytest.mark.parametrize("kind", ["obj", "ascii", "binary"])
def test_files_come_back(head, tmp_path, kind):
    path = tmp_path / ("head.obj" if kind == "obj" else "head.ply")
    if kind == "obj":
        write_obj(path, head.v_template, head.f)
    else:
        write_ply(path, head.v_template, head.f, kind == "binary")
    vertices, faces = load_mesh(path)
    assert np.allclose(vertices, head.v_template, atol=1e-6) and np.array_equal(faces, head.f)


def test_quads_become_triangles(tmp_path):
    grid = [(x, y, 0.1 * x * y) for x in range(12) for y in range(12)]
    quads = [(12 * x + y, 12 * x + 12 + y, 12 * x + 13 + y, 12 * x + 1 + y) for x in range(11) for y in range(11)]
    (tmp_path / "quads.obj").write_text(
        "\n".join([f"v {x} {y} {z}" for x, y, z in grid] + ["f " + " ".join(str(i + 1) for i in q) for q in quads])
    )
    vertices, faces = load_mesh(tmp_path / "quads.obj")
    assert faces.shape == (2 * len(quads), 3) and np.array_equal(np.unique(faces), np.arange(144))


def test_bad_files(head, tmp_path):
    write_ply(tmp_path / "whole.ply", head.v_template, head.f, True)
    (tmp_path / "cut.ply").write_bytes((tmp_path / "whole.ply").read_bytes()[:20000])
    (tmp_path / "text.ply").write_text("hello")
    (tmp_path / "empty.obj").write_text("")
    (tmp_path / "words.obj").write_text("v a b c\n")
    write_obj(tmp_path / "nan.obj", np.full((200, 3), np.nan), head.f[:150] % 200)
    write_obj(tmp_path / "outside.obj", head.v_template[:2000], np.full((150, 3), 2999))
    for name in ("cut.ply", "text.ply", "empty.obj", "words.obj", "nan.obj", "outside.obj", "missing.obj"):
        with pytest.raises(UtterError) as error:
            load_mesh(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1, 100])
def test_a_mesh_speaks(head, unit):
    """Another egg, in another unit: it opens, its face moves as it would by itself, and its lips shut."""
    other = make_head(48, 60, squeeze=(1.05, 0.97, 1.03))
    made = head_from_mesh(unit * other.v_template, other.f, head)
    size = np.ptp(made.v_template, axis=0) / np.ptp(other.v_template, axis=0)
    assert np.allclose(size, 1, atol=0.12), "metres"
    opened = lbs.pose(made, made.actions_motion[[made.action("jawOpen")]])[0] - made.v_template
    assert opened[made.landmark("chin"), 1] < -0.01
    assert made.jaw_open_gap == pytest.approx(head.jaw_open_gap, rel=0.3)
    expected = np.moveaxis(other.actions, 2, 0)
    shown = lbs.pose(made, made.actions_motion) - made.v_template
    cosine = (shown * expected).sum((1, 2)) / np.sqrt((shown**2).sum((1, 2)) * (expected**2).sum((1, 2)) + 1e-12)
    assert np.median(cosine[np.abs(expected).max((1, 2)) > 1e-3]) > 0.85
    assert lbs.lip_gap(made, np.zeros((1, 65)))[0] < 1e-6


@pytest.mark.slow
def test_a_mesh_as_blender_holds_it():
    """The built-in head with another identity, in decimetres, Z up, facing -Y, somewhere in the scene: upright, in metres, on its
    vertices."""
    builtin = load_head()
    beta = np.zeros(300, np.float32)
    beta[:6] = [1, -1, 1, 0.5, -0.5, 1]
    worn = lbs.pose(builtin, np.zeros((1, 65)), beta)[0]
    made = head_from_mesh(10 * np.stack([worn[:, 0], -worn[:, 2], worn[:, 1]], 1) + [3, -2, 1.5], builtin.f, builtin)
    for mark in ("nose_tip", "chin", "lip_corner_left", "brow_mid_right", "lip_inner_upper_mid"):
        true, found = worn[builtin.landmark(mark)], made.v_template[made.landmark(mark)]
        assert np.linalg.norm(true - found) < 0.015, mark
    motion = builtin.actions_motion[[builtin.action("mouthSmileLeft"), builtin.action("jawOpen"), builtin.action("browInnerUp")]]
    ours, theirs = (lbs.pose(each, motion, b) - lbs.pose(each, 0 * motion, b) for each, b in ((builtin, beta), (made, None)))
    cosine = (ours * theirs).sum((1, 2)) / np.sqrt((ours**2).sum((1, 2)) * (theirs**2).sum((1, 2)))
    assert cosine.min() > 0.8


@pytest.mark.slow
def test_keys_of_a_flame_object_are_its_basis(head):
    other = make_head(48, 60)
    names = ["Basis", "Shape1", "Exp2", "Exp1", "Pose1"]
    deltas = np.random.default_rng(0).normal(0, 0.001, (5, len(other.v_template), 3))
    made = head_from_mesh(other.v_template, other.f, head, names, deltas)
    factor = np.linalg.norm(made.shapedirs[:, :, 300]) / np.linalg.norm(deltas[3])
    assert factor == pytest.approx(1, abs=0.02)
    assert np.abs(made.shapedirs[:, :, 300] - deltas[3]).max() < 3e-4 and np.abs(made.shapedirs[:, :, 301] - deltas[2]).max() < 3e-4
    assert not made.shapedirs[:, :, 302:].any()
    with pytest.raises(UtterError, match="Exp1"):
        head_from_mesh(other.v_template, other.f, head, ["Smile"], deltas[:1])
    with pytest.raises(UtterError, match="Exp1"):
        head_from_mesh(other.v_template, other.f, head, names, deltas[:, :10])


def test_a_mesh_without_a_mouth_is_refused(head):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1500, 3))
    points *= [0.075, 0.13, 0.075] / np.linalg.norm(points, axis=1, keepdims=True)
    from scipy.spatial import ConvexHull

    with pytest.raises(UtterError, match="mouth"):
        head_from_mesh(points, ConvexHull(points).simplices, head)


@pytest.fixture(scope="module")
def flame(shared):
    """Vertices and faces of the neutral head in FLAME's topology."""
    return load_mesh(shared / "data" / "flame_topology" / "template.ply")


def shuffled(vertices, faces, seed=0):
    order = np.random.default_rng(seed).permutation(len(vertices))
    return vertices[order], np.argsort(order)[faces]


def unwelded(vertices, faces):
    """Three vertices of its own for each triangle."""
    return vertices[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3)


def without(vertices, faces, gone):
    """Less one vertex and its faces."""
    kept = np.delete(np.arange(len(vertices)), gone)
    numbers = np.full(len(vertices), -1)
    numbers[kept] = np.arange(len(kept))
    left = numbers[faces]
    return vertices[kept], left[(left >= 0).all(1)]


ON_ITS_SIDE = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])  # up is to the right, the face looks up
VARIANTS = {
    "another order": shuffled,
    "one vertex more": lambda v, f: (np.vstack([shuffled(v, f)[0], [0, 0, 0]]), shuffled(v, f)[1]),
    "one vertex less": lambda v, f: shuffled(*without(v, f, 100)),
    "cut apart": lambda v, f: unwelded(*shuffled(v, f)),
    "on its side in inches": lambda v, f: (v[::-1] / 0.0254 @ ON_ITS_SIDE.T + 3, len(v) - 1 - f),
    "upside down in millimetres": lambda v, f: (1000 * v @ np.diag([-1, -1, 1]), f),
    "inside out": lambda v, f: (v, f[:, ::-1]),
    "mirrored": lambda v, f: (v @ np.diag([-1, 1, 1]), f),
}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_flames_mesh_is_flames_whatever_an_exporter_made_of_it(flame, variant):
    """Landmarks and lips are where they are on the mesh as it was, to the last of them; it opens its mouth; it has its vertices."""
    vertices, faces = VARIANTS[variant](*flame)
    builtin, (plain, _) = load_head(), flame_landmarks(*flame)
    made = head_from_mesh(vertices, faces, builtin)
    assert len(made.v_template) == len(vertices)
    names = list(plain)
    other = lambda name: name.replace("left", "?").replace("right", "left").replace("?", "right")
    truth = flame[0][[plain[other(name) if variant == "mirrored" else name] for name in names]]
    found = made.v_template[[made.landmark(name) for name in names]]
    assert np.allclose(pdist(found), pdist(truth), atol=1e-5), "the same places, in metres"
    if variant == "mirrored":
        truth = truth * [-1, 1, 1]
    assert np.abs((found - found.mean(0)) - (truth - truth.mean(0))).max() < 0.02, "upright, looking ahead"
    distance = np.linalg.norm(made.v_template[made.lip_inner_upper] - made.v_template[made.lip_inner_lower], axis=1)
    assert len(made.lip_inner_upper) == 9 and distance.max() < 0.004 and (np.diff(made.v_template[made.lip_inner_upper, 0]) < 0).all()
    assert made.jaw_open_gap == pytest.approx(head_from_mesh(*flame, builtin).jaw_open_gap, rel=0.15)
    if variant == "cut apart":  # it does not come apart when it moves
        posed = lbs.pose(made, made.actions_motion[[made.action("jawOpen"), made.action("mouthSmileLeft")]])
        _, first, same = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
        assert np.abs(posed - posed[:, first[same.ravel()]]).max() < 1e-6


@pytest.mark.slow
def test_lips_are_found_where_they_touch_first(flame):
    """FLAME's mesh with a vertex in every fifth triangle, so that nothing tells it is FLAME's: not further inside the mouth."""
    vertices, faces = flame
    poked, rest = faces[::5], np.delete(faces, np.s_[::5], axis=0)
    middle = len(vertices) + np.arange(len(poked))
    fans = [np.stack([poked[:, i], poked[:, (i + 1) % 3], middle], 1) for i in range(3)]
    more, mixed = np.vstack([vertices, vertices[poked].mean(1)]), np.concatenate([rest, *fans])
    assert flame_landmarks(more, mixed) == ({}, [])
    made = head_from_mesh(more, mixed, load_head())
    plain, _ = flame_landmarks(*flame)
    for name in ("lip_inner_upper_mid", "lip_inner_lower_mid"):
        assert np.linalg.norm(more[made.landmark(name)] - vertices[plain[name]]) < 0.004, name
    lines = more[np.r_[made.lip_inner_upper, made.lip_inner_lower]]
    assert np.median(np.abs(lines[:, 1] - vertices[plain["lip_inner_upper_mid"], 1])) < 0.002
    assert made.jaw_open_gap > 0.02


def test_a_flame_file_in_another_order_has_flames_landmarks(flame, tmp_path):
    from model_runtime.flame.head import head_from_fields
    from tests.model_runtime.flame.conftest import flame_fields

    fields = flame_fields(*flame)
    order = np.random.default_rng(0).permutation(len(flame[0]))
    mixed = {key: fields[key][order] for key in ("v_template", "shapedirs", "posedirs", "weights")}
    mixed |= {"f": np.argsort(order)[fields["f"]], "J_regressor": fields["J_regressor"][:, order], "kintree_table": fields["kintree_table"]}
    plain, other = head_from_fields(fields, "flame.npz"), head_from_fields(mixed, "mixed.npz")
    assert np.array_equal(plain.landmark_names, other.landmark_names) and len(plain.landmark_names) == 22
    assert np.array_equal(plain.landmark_vertices, order[other.landmark_vertices])
    assert np.array_equal(plain.lip_inner_upper, order[other.lip_inner_upper]) and len(plain.lip_inner_upper) == 9
    assert np.array_equal(plain.lip_inner_lower, order[other.lip_inner_lower])


@pytest.mark.slow
def test_flames_mesh_that_lacks_something_at_its_mouth(flame):
    """A vertex of the lip itself: the lips are found beside it. The whole of the lips: it is said."""
    (vertices, faces), middle = flame, flame_landmarks(*flame)[0]["lip_inner_upper_mid"]
    lacking = without(vertices, faces, middle)
    made = head_from_mesh(*lacking, load_head())
    assert np.linalg.norm(lacking[0][made.landmark("lip_inner_upper_mid")] - vertices[middle]) < 0.005
    assert made.jaw_open_gap > 0.025 and len(made.lip_inner_upper) >= 5
    lips = (np.abs(vertices - [0, -0.044, 0.055]) < [0.036, 0.018, 0.05]).all(1)
    with pytest.raises(UtterError, match="mouth"):
        head_from_mesh(*without(vertices, faces, np.flatnonzero(lips)), load_head())


def test_vertices_in_another_order_than_the_faces_know_are_said(head):
    mixed = np.random.default_rng(0).permutation(head.v_template)
    with pytest.raises(UtterError, match="join vertices that lie far apart"):
        head_from_mesh(mixed, head.f, head)


def test_pieces_are_joined_and_lips_stay_two():
    builtin = load_head()
    vertices, faces = unwelded(builtin.v_template, builtin.f)
    kept, place = weld(vertices, faces)
    assert np.array_equal(vertices[kept][place], vertices), "only what coincides"
    assert len(kept) < 1.05 * len(builtin.v_template)
    corner = {int(vertex): place[i] for i, vertex in enumerate(builtin.f.ravel())}
    for upper, lower in zip(builtin.lip_inner_upper[1:-1], builtin.lip_inner_lower[1:-1]):
        assert corner[int(upper)] != corner[int(lower)]
    whole, place = weld(builtin.v_template, builtin.f)
    assert np.array_equal(whole, place), "nothing to join"


def test_another_mesh_has_none_of_flames_landmarks(head):
    builtin = load_head()
    assert flame_landmarks(head.v_template, head.f) == ({}, []) == flame_landmarks(builtin.v_template, builtin.f)
