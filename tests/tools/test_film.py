"""Against film: takes of the same words, one scale per speaker, blinks, what capture keeps, films to be looked at."""

from pathlib import Path

import numpy as np
import pytest

from model_runtime.capture import neutral_of
from model_runtime.flame.load import load_head
from model_runtime.training import films
from tools.evaluate import film, life, takes, tracked

SHARED = next((folder / "shared" for folder in Path(__file__).parents if (folder / "shared" / "data" / "grid_film").is_dir()), None)
needs_films = pytest.mark.skipif(SHARED is None, reason="needs the tracked films of ../shared/data/grid_film")


@pytest.fixture(scope="module")
def talker():
    """The films of s31, and his Neutral."""
    found = [each for each in films.films(SHARED / "data" / "grid_film", "dev") if each.speaker == "s31"]
    return found, neutral_of([each.track for each in found])


# ---- takes


def take(name, sentence, starts, peaks):
    """A Take whose gap peaks at those moments; every word is .2 s long."""
    times = np.arange(300) / 100
    bumps = sum(np.exp(-((times - peak) ** 2) / 2 / 0.02**2) for peak in peaks)
    return takes.Take(name, [(start, start + 0.2, word) for start, word in zip(starts, sentence)], times, {"gap": bumps})


def test_a_take_is_stretched_to_the_words_and_never_the_clip_itself():
    here = take("here", ["bin", "blue"], [1.0, 1.4], [1.2])
    slow = take("slow", ["bin", "blue"], [0.5, 1.3], [0.9, 0.3])  # in the middle of "bin", and .2 s before it
    moments = np.arange(90) / 30
    curve = takes.again(here, [here, slow], moments)["gap"]
    assert moments[curve.argmax()] == pytest.approx(1.2, abs=0.02) and curve[np.abs(moments - 0.8).argmin()] > 0.9
    assert takes.again(here, [here], moments) is None
    assert takes.again(here, [here, slow], moments, which=1) is None


def test_words_are_taken_from_where_their_neighbours_are_the_same():
    here = take("here", ["set", "red", "by"], [1.0, 1.2, 1.4], [])
    other, near = (take(name, words, [1.0, 1.2, 1.4], []) for name, words in (("other", "bin red at"), ("near", "set red at")))
    other, near = (
        takes.Take(each.name, [(s, e, w) for (s, e, _), w in zip(each.spoken, text)], each.times, each.curves)
        for each, text in ((other, ["bin", "red", "at"]), (near, ["set", "red", "at"]))
    )
    assert [each.name for each in takes.ranked(here, 1, [other, near, here])] == ["near", "other"]
    assert takes.ranked(here, 2, [other, near]) == []


def test_a_clips_name_spells_its_sentence():
    assert films.sentence("s1_bbaf2n") == ["bin", "blue", "at", "f", "two", "now"]
    assert films.sentence("s31_prwzzp") == ["place", "red", "with", "z", "zero", "please"]


# ---- sizes, life


def test_one_scale_per_speaker_takes_his_size_away_and_no_more():
    wave = np.sin(np.arange(200) / 9)
    (error, spread), (other, half) = film.scaled([(2 * wave, wave), (2 * wave, wave)])
    assert error < 1e-9 and spread == pytest.approx(1) and (other, half) == (error, spread)
    (_, much), (_, little) = film.scaled([(2 * wave, wave), (wave, 2 * wave)])
    assert much == pytest.approx(2) and little == pytest.approx(0.5)


def lived(blinks, speed, brows):
    lids = np.zeros(90)
    for frame in blinks:
        lids[frame] = 1
    return life.Life(np.zeros((90, 1, 3)), lids, np.full(90, speed), brows * np.tile([1.0, -1.0], 45), {})


def test_the_film_lies_within_the_seeds_or_not():
    seeds = [lived([10], 2.0, 0.5), lived([10, 40, 70], 6.0, 1.0)]
    found = life.within(seeds, lived([20, 60], 7.0, 0.7))
    assert {name: bool(inside) for name, (inside, _) in found.items()} == {
        "within blinks": True,
        "within head": False,
        "within brows": True,
    }


def test_times_between_blinks_are_compared_within_clips():
    regular, none = lived([10, 40, 70], 0, 0), lived([], 0, 0)
    assert life.apart_blinks([regular, none], [regular]) == 0
    assert life.apart_blinks([lived([10, 70], 0, 0)], [regular]) == pytest.approx(1.0)  # 2 s, not 1 s
    assert life.apart_blinks([none], [regular]) is None


# ---- with the tracked films


@needs_films
def test_capture_keeps_the_film(talker):
    found, neutral = talker
    head = load_head()
    motion, seconds = tracked.timed(found[0].track, neutral, head, 90)
    kept = tracked.figures(head, found[0].track, neutral, motion.values, seconds)
    assert kept["r"][0] > 0.95 and kept["speed"][0] / kept["speed"][1] > 25 and kept["tremor"][0] <= 0.1 * kept["tremor"][1]
    shut = tracked.figures(head, found[0].track, neutral, np.zeros_like(motion.values), seconds)
    assert shut["contacts"][0] == shut["contacts"][1]  # lips that never part keep every contact,
    assert not shut["blinks"][0]  # lids that never shut no blink


@pytest.mark.slow
@pytest.mark.blender
@needs_films
def test_a_film_and_a_sheet_are_written(talker, tmp_path):
    import av
    from matplotlib import pyplot as plt

    from tools.evaluate import side_by_side

    found, neutral = talker
    values = np.zeros((8, 65), np.float32)
    phones = [(0.0, 0.1, "B", "bin"), (0.1, 0.2, "IH", "bin")]
    video, sheet = side_by_side.write(found[0], load_head(), values, values, phones, tmp_path)
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.audio and len(frames) == 8
    wide = side_by_side.SIZE[0]
    assert frames[0].shape == (side_by_side.SIZE[1], 3 * wide, 3)
    apart = np.abs(frames[0][:, wide : 2 * wide].astype(int) - frames[0][:, 2 * wide :]).mean()
    assert apart < 2 and frames[0][:, :wide].std() > 10  # twice the same head, beside a drawing
    assert plt.imread(sheet).std() > 0.05
    assert side_by_side.moments(phones) == [(2, "b in bin")]
