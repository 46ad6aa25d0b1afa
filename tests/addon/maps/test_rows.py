"""Rig maps as arithmetic and as JSON."""

import json

import numpy as np
import pytest

from addon.maps import names, rows
from addon.maps.ours import ours
from addon.maps.rows import Map, Row
from contract import ACTIONS, FACE_ACTIONS, PERFORMANCE, UtterError


def performance(frames=60, seed=1):
    samples = np.zeros((frames, PERFORMANCE))
    samples[:, FACE_ACTIONS] = np.random.default_rng(seed).random((frames, len(ACTIONS)))
    return samples


def vowels():
    return list(names.match(["aa", "ih", "ou", "ee", "oh", "blink", "happy", "angry"]).rows)


def test_targets_follow_their_sources_within_their_limits():
    samples = performance()
    one = [Row("a", {"jawOpen": 1.0}, gain=2.0, offset=-0.5), Row("b", {"jawOpen": 1.0, "mouthClose": -1.0}, limits=(-1.0, 0.25))]
    jaw, close = (samples[:, rows.SOURCES[name]] for name in ("jawOpen", "mouthClose"))
    expected = np.stack([np.clip(2 * jaw - 0.5, 0, 1), np.clip(jaw - close, -1, 0.25)], axis=1)
    np.testing.assert_allclose(rows.solve(one, samples), expected, atol=1e-12)
    free = rows.solve([Row("c", {"neck_y": 1.0}, limits=None)], np.full((2, PERFORMANCE), -3.0))
    np.testing.assert_array_equal(free, [[-3.0], [-3.0]])


def test_what_one_row_alone_reads_is_read_back_exactly():
    samples = performance()
    each = [Row(f"key {k}", {name: 1.0}, gain=0.5 if k % 2 else 1.0) for k, name in enumerate(ACTIONS)]
    np.testing.assert_allclose(rows.recover(each, rows.solve(each, samples)), samples, atol=1e-6)


def test_values_of_mixed_rows_are_met_by_what_is_read_back():
    mixed, samples = vowels(), performance(seed=2)
    values = rows.solve(mixed, samples)
    back = rows.recover(mixed, values)
    assert back[:, FACE_ACTIONS].min() >= 0 and back[:, FACE_ACTIONS].max() <= 1
    assert np.abs(rows.solve(mixed, back) - values).max() < 0.02
    asked = np.zeros_like(values, bool)
    asked[:, 0] = True
    values[:, 0] = 0.9
    assert np.abs(rows.solve(mixed, rows.recover(mixed, values, asked))[:, 0] - 0.9).max() < 0.03


def test_lips_meet_where_ours_do_and_nowhere_else():
    told = [row._replace(parting=parting) for row, parting in zip(vowels(), (0.8, 0.2, 0.1, 0.3, 0.6, 0, 0, 0))]
    samples, random = np.zeros((400, PERFORMANCE)), np.random.default_rng(3)
    for name, most in (("jawOpen", 0.6), ("mouthFunnel", 0.8), ("mouthPucker", 0.8), ("mouthStretchLeft", 0.9)):
        samples[:, rows.SOURCES[name]] = most * random.random(400)
    apart = lambda: np.maximum(samples[:, FACE_ACTIONS] @ ours().apart, 0)
    samples[::2, rows.SOURCES["mouthClose"]] = np.minimum(apart()[::2] / 1.2, 1)  # every second frame is shut
    values = rows.solve(told, samples)
    gap = values @ [row.parting for row in told]
    assert gap[apart() < 0.01].max() < 0.02 and (apart() < 0.01).sum() >= 150
    assert (gap[apart() > 0.1] > 0.04).all()
    assert values.min() >= 0 and values.max() <= 1
    loose = rows.solve([row._replace(parting=0.0) for row in told], samples)
    assert (loose @ [row.parting for row in told])[apart() < 0.01].max() > 0.1, "the rows alone leave them open"


def test_a_map_comes_back_as_it_was_saved():
    told = Map("own", (*vowels(), Row("Ä.L", {"jawOpen": -0.25}, 2.0, 0.1, None, False, 0.5, "artist", -0.3)), (3, 4), {"mouth": 1.5})
    assert rows.from_json(rows.to_json(told)) == told
    assert rows.from_json(json.dumps({"format": rows.KIND, "rows": [{"target": "a", "sources": {"jawOpen": 1}}]})).on()[0].gain == 1


@pytest.mark.parametrize(
    "text, told",
    [
        ("nonsense", "cannot be read as JSON"),
        ("[]", "choose a file that Utter saved"),
        ('{"format": "utter rig map 2"}', "choose a file that Utter saved"),
        ('{"format": "utter rig map 1"}', "damaged"),
        ('{"format": "utter rig map 1", "rows": [{"target": "a", "sources": {"jawDrop": 1}}]}', "does not exist, jawDrop"),
        ('{"format": "utter rig map 1", "rows": [{"target": "a", "sources": {"jawOpen": "x"}}]}', "damaged"),
        ('{"format": "utter rig map 1", "rows": [{"target": "a", "sources": {"jawOpen": NaN}}]}', "damaged"),
        ('{"format": "utter rig map 1", "rows": [{"target": "a", "sources": {}, "limits": [1, 0]}]}', "damaged"),
        ('{"format": "utter rig map 1", "rows": [{"target": "a", "sources": {}}, {"target": "a", "sources": {}}]}', "two rows"),
    ],
)
def test_what_is_no_map_is_refused_in_a_sentence(text, told):
    with pytest.raises(UtterError, match=told):
        rows.from_json(text, "odd.json")


def test_sources_as_an_artist_writes_them():
    assert rows.from_text("jawOpen, mouthClose -0.5") == {"jawOpen": 1, "mouthClose": -0.5} and not rows.from_text(" , ")
    assert rows.to_text({"jawOpen": 1.0, "mouthClose": -0.5}) == "jawOpen, mouthClose -0.5"
    for wrong in ("jawDrop", "jawOpen much", "jawOpen nan"):
        with pytest.raises(UtterError):
            rows.from_text(wrong)
