"""Directions in the words of a voice: passages where the words stand, sounds between them, accents on them."""

import numpy as np
import pytest

from contract import ACTIONS, NECK, Passage, PerformRequest
from model_runtime.diffusion import accents
from model_runtime.emotion import sounds
from model_runtime.flame.load import load_head
from model_runtime.motion import Pins
from model_runtime.pipeline import Performer
from model_runtime.speech import directed
from model_runtime.speech.script import Cue, read_script

TEXT = "Maybe we could [furious] bake a *plump* pie [laughs] for breakfast."
BROWS = [ACTIONS.index(name) for name in ACTIONS if name.startswith(("browInner", "browOuter"))]


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


def perform(performer, voice, **options):
    notes = []
    return performer.perform(PerformRequest(voice=str(voice), quality="draft", **options), note=notes.append), notes


@pytest.fixture(scope="module")
def pie(sample):
    return sample.with_name("pie.flac")


def test_directions_are_where_their_words_are_said(performer, pie):
    found, notes = perform(performer, pie, words=TEXT)
    plain, _ = perform(performer, pie, words="Maybe we could bake a plump pie for breakfast.")
    assert [word["text"] for word in found.words] == [word["text"] for word in plain.words], "what is in brackets is not spoken"
    when = {word["text"].strip("."): (word["start"], word["end"]) for word in plain.words}
    angry, stressed, laugh = found.directed
    assert (angry.prompt, stressed.gesture, laugh.gesture) == ("furious", "accent", "laugh")
    assert when["could"][1] - 0.01 <= angry.start <= when["bake"][0] and angry.end > when["breakfast"][1]
    assert (stressed.start, stressed.end) == pytest.approx(when["plump"], abs=0.01)
    assert when["pie"][0] < laugh.start < laugh.end < when["for"][1]
    assert "Directions in the words: “furious” at" in notes[-1] and "an accent at" in notes[-1] and "a laugh at" in notes[-1]
    frown = ACTIONS.index("browDownLeft")
    later = slice(int(angry.start * 30) + 10, int(angry.end * 30))
    assert (found.actions - plain.actions)[later, frown].mean() > 0.1


def test_a_direction_that_says_nothing_is_left_out_with_a_sentence(performer, pie):
    found, notes = perform(performer, pie, words="Maybe we could [quarterly figures] bake a plump pie for breakfast.")
    assert found.directed == () and any("[quarterly figures] in the words says nothing" in note for note in notes)


def test_subtitles_keep_a_direction_within_their_cue():
    script = read_script("1\n00:00:01,000 --> 00:00:02,000\n[sad] Oh no\n\n2\n00:00:03,000 --> 00:00:04,000\nYes *sir*\n")
    assert [(cue.text, len(cue.directions)) for cue in script] == [("Oh no", 1), ("Yes sir", 1)]
    sad, stressed = directed.passages(script, [], np.zeros((150, 59), np.float32), 30)
    assert (sad.start, sad.end) == (1.0, 2.0) and 3.3 < stressed.start < stressed.end <= 4.0


def test_words_that_were_not_found_share_the_time_between():
    word = lambda text, start, end: {"text": text, "start": start, "end": end, "confidence": 1.0}
    times = directed.moments("one two three four", [word("One", 1.0, 1.5), word("FOUR", 3.0, 3.4)], (0.5, 4.0))
    assert times[0] == (1.0, 1.5) and times[3] == (3.0, 3.4) and times[1][0] == 1.5 and times[1][1] == times[2][0] and times[2][1] == 3.0
    assert directed.moments("a b", [], (1.0, 3.0)) == [(1.0, 2.0), (2.0, 3.0)] and directed.moments("", [], (0, 1)) == []


def test_only_directions_hold_for_all_of_the_voice():
    content = np.zeros((60, 59), np.float32)
    (found,) = directed.passages(read_script("[terrified]"), [], content, 30)
    assert (found.start, found.end, found.prompt) == (0.0, 2.0, "terrified")
    (laugh,) = directed.passages([Cue("", None, None, read_script("[laughs]")[0].directions)], [], content, 30)
    assert 0 <= laugh.start < laugh.end <= 2.0


def test_an_accent_raises_the_brows_nods_and_widens_the_vowel(performer, pie):
    plain, _ = perform(performer, pie, words="Maybe we could bake a plump pie for breakfast.")
    found, _ = perform(performer, pie, words="Maybe we could bake a plump *pie* for breakfast.")
    (accent,) = found.directed
    inside = slice(int(accent.start * 30) - 3, int(accent.end * 30) + 6)
    change = found.actions - plain.actions
    assert change[inside][:, BROWS].max() > 0.2 and (found.values - plain.values)[inside, NECK.start].max() > 0.03
    assert change[inside, ACTIONS.index("jawOpen")].max() > 0.02


def test_an_accent_leaves_the_artists_keys_alone():
    head, gesture = load_head(), [Passage(1.0, 1.3, "", gesture="accent")]
    whole = accents.gesture(head, gesture, 90)
    assert np.abs(whole[34]).max() > 0.05 and not whole[:20].any() and not whole[60:].any()
    mask = np.zeros((90, 65), bool)
    mask[34] = True
    kept = accents.gesture(head, gesture, 90, (Pins(np.zeros((90, 65), np.float32), mask), None))
    assert not kept[34].any() and np.abs(kept).max() > 0
    assert accents.gesture(head, [], 90) is None
    brows = accents.within(whole, head, ("brows",), np.ones(90))
    assert not brows[:, NECK].any() and brows.any()


def test_sounds_that_are_asked_for_are_at_their_place():
    found = sounds.asked([Passage(1.0, 2.0, "", fade=0.2, gesture="laugh"), Passage(0, 3, "", 0.5, gesture="sob")], 90)
    assert found[45, 0] > 0.6 and found[10, 0] == 0 and found.sum(1).max() <= 1.0001
    assert not sounds.asked([Passage(0, 1, "", gesture="accent")], 30).any()
