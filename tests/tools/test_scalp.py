"""Hair of the scalp: its file is what the code makes, roots grow where hair does, and no style runs through the face."""

import numpy as np
import pytest

from tools.human import scalp, styles
from tools.human.__main__ import HAIR, HEAD


@pytest.fixture(scope="module")
def head():
    with np.load(HEAD, allow_pickle=False) as file:
        return {name: file[name] for name in ("v_template", "f_quad", "regions", "region_names", "weights")}


@pytest.fixture(scope="module")
def file():
    with np.load(HEAD.with_name(HAIR), allow_pickle=False) as arrays:
        return dict(arrays)


def test_the_file_is_what_the_code_makes(head, file):
    made = scalp.make(head)
    assert made.keys() == file.keys() and file["styles"].tolist() == list(styles.STYLES)
    assert np.array_equal(made["bound"], file["bound"]) and np.array_equal(made["roots"], file["roots"])
    for style in styles.STYLES:
        assert np.abs(made[f"guides_{style}"].astype(int) - file[f"guides_{style}"]).max() < 20, style
    assert HEAD.with_name(HAIR).stat().st_size < 1.5e6


def test_roots_grow_on_the_scalp(head, file):
    shares = np.column_stack([file["shares"] / 255, 1 - file["shares"].sum(1) / 255])
    roots = np.einsum("nk,nkc->nc", shares, file["places"][file["roots"]])
    brows = head["v_template"][head["regions"][head["region_names"].tolist().index("brows")]]
    assert roots[:, 1].max() > 0.13 and (roots[np.abs(roots[:, 0]) < 0.04][:, 2] < brows[:, 2].max() - 0.005).all()
    front = roots[roots[:, 2] > 0.06]
    assert front[:, 1].min() > brows[:, 1].max() + 0.025, "a forehead"
    assert 9000 < len(roots) < 20000 and file["scalp"][11246] in range(256)


@pytest.mark.parametrize("style", styles.STYLES)
def test_no_guide_runs_through_the_head_or_over_the_eyes(style, head, file):
    line = file[f"guides_{style}"] * float(file["step"])
    skull = scalp.Skull(head)
    _, high = skull.over(line[:, 1:].reshape(-1, 3))
    assert high.min() > -0.004 and np.mean(high < -0.001) < 0.01
    x, y, z = line.reshape(-1, 3).T
    assert not ((np.abs(x) < 0.045) & (np.abs(y - 0.03) < 0.015) & (z > 0.05)).any(), "eyes"
    assert np.linalg.norm(np.diff(line, axis=1), axis=2).min() > 0.0001
