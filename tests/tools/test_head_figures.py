"""The built-in head meets its figures in all its faces, and the measurements find what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from tools.human import check
from tools.human.geometry import crosses


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def findings():
    return {finding.figure: finding for finding in check.check()}


@pytest.mark.slow
@pytest.mark.parametrize("figure", check.LIMITS)
def test_figure(findings, figure):
    assert not findings[figure].over.any(), str(findings[figure])


def test_all_named_faces_and_500_random_ones_are_looked_at(head):
    poses = check.all_poses(head)
    assert set(head.action_names) <= set(poses)
    assert sum(name.startswith("viseme ") for name in poses) == 15 and sum(name.startswith("random ") for name in poses) == 500
    assert all(f"{feeling} {strength}" in poses for feeling in ("happy", "contemptuous") for strength in ("0.33", "0.67", "1.00"))
    assert all(0 < amount <= 1 for amounts in poses.values() for amount in amounts.values() if amount)


def look(head, figure, **amounts):
    return {finding.figure: finding.worst for finding in check.faces(head, {"one": amounts})}[figure]


def moved(head, field, vertices, by):
    places = getattr(head, field).copy()
    places[vertices] += by
    return replace(head, **{field: places})


def part(head, *kinds):
    return check.part_vertices(head, [k for k, name in enumerate(head.part_names) if name.split("_")[0] in kinds])


def test_teeth_before_the_lips_are_seen(head):
    assert look(moved(head, "parts_v", part(head, "teeth", "gums"), (0, 0, 0.020)), "teeth and gums through the skin") > 3
    assert look(moved(head, "parts_v", part(head, "tongue"), (0, 0, 0.020)), "tongue through the skin") > 0.3


def test_an_eyeball_before_the_lids_is_seen(head):
    ahead = moved(head, "parts_v", part(head, "eye", "iris", "pupil", "cornea"), (0, 0, 0.004))
    assert look(ahead, "lid in the eyeball") > 1


def test_lips_apart_and_crossed_are_seen(head):
    lower = head.lip_inner_lower[3:-3]
    assert look(moved(head, "v_template", lower, (0, -0.001, 0)), "shut lips apart") == pytest.approx(1, abs=0.2)
    assert look(moved(head, "v_template", lower, (0, 0.001, 0)), "lips crossed") == pytest.approx(1, abs=0.2)
    lids = head.lids.copy()
    lids[check.lip_sides(head)["points"], 1, 0] += 0.002
    assert look(replace(head, lids=lids), "lower lip in the upper", eyeBlinkLeft=1) > 1


def test_shut_lids_that_leave_a_gap_are_seen(head):
    lids = head.lids.copy()
    lids[head.lid_margin_upper[0], 1, 0] += 0.001
    assert look(replace(head, lids=lids), "shut lids apart", eyeBlinkLeft=1) == pytest.approx(1, abs=0.2)
    lids[head.lid_margin_upper[0], 1, 0] -= 0.002
    assert look(replace(head, lids=lids), "shut lids crossed", eyeBlinkLeft=1) == pytest.approx(1, abs=0.2)


def test_a_flipped_face_is_seen(head):
    cheek = np.flatnonzero(head.region("cheeks")[head.f_quad].all(1))[0]
    a, b, c, d = head.f_quad[cheek]
    shapes = head.shapedirs.copy()
    shapes[[a, b], :, 300] += (head.v_template[[d, c]] - head.v_template[[a, b]]) * 3  # its first edge, folded over the other
    values = np.zeros((1, 65), np.float32)
    values[0, 0] = 1
    bent = replace(head, shapedirs=shapes)
    assert check.flipped(head, values, lbs.pose(head, values))[0, cheek] == 0
    assert check.flipped(bent, values, lbs.pose(bent, values))[0, cheek] > 1


def test_a_way_through_a_triangle_crosses_it():
    triangle = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]]], float)
    start = np.array([[0.2, 0.2, 1], [0.9, 0.9, 1], [0.2, 0.2, 1]])
    end = np.array([[0.2, 0.2, -1], [0.9, 0.9, -1], [0.2, 0.2, 0.5]])
    assert crosses(start, end, triangle).tolist() == [True, False, False]
