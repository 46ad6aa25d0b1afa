"""What was read in prompts and heard in the voice: kept with the head, drawn in the panels. The worker gave what a scene says; a layout
of ours writes down what a panel draws, for there is no window (tests/blender/test_readout.py plays the scenes)."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np

from tests.blender.scene_life_scenes import small

# isort: split
from addon.panels import passages, perform
from contract import ACTIONS, LABELS
from tests.blender import heads

CALLS = {function.identifier: set(function.parameters.keys()) for function in bpy.types.UILayout.bl_rna.functions}


class Layout:
    """Takes what UILayout takes, and writes down [(call, arguments)]."""

    def __init__(self, drawn):
        self.drawn = drawn

    def __getattr__(self, name):
        def call(*values, **named):
            assert set(named) <= CALLS[name], (name, named)
            self.drawn.append((name, named))
            return Layout(self.drawn)

        return call


def drawn(panel):
    calls = []
    panel.draw(SimpleNamespace(layout=Layout(calls)), bpy.context)
    return calls


def bars(panel):
    """{name: value} of the bars that a panel draws."""
    calls = [(name, named) for name, named in drawn(panel) if name in ("label", "progress")]
    return {
        before["text"]: round(bar["factor"], 4)
        for (kind, before), (name, bar) in zip(calls, calls[1:])
        if (kind, name) == ("label", "progress")
    }


def reading(strength=0.8, arousal=0.4, control=0.25, **shares):
    return {"emotion": {name: shares.get(name, 0.0) for name in LABELS}, "strength": strength, "arousal": arousal, "control": control}


def performed(head, readings):
    """Perform, the worker giving those readings; returns what it was asked."""
    job = perform.perform_job(bpy.context.scene, head)
    np.savez(job.asked.output, motion=heads.motion(30, 1), actions=np.zeros((30, len(ACTIONS)), np.float32))
    job.apply({"output": job.asked.output, "fps": 30.0, "seconds": 0.1, "readings": readings})
    return job.asked


def scene_bars_of_the_voice_or_of_the_prompt_in_its_place():
    head = small()
    assert not bars(passages.UTTER_PT_reading), "nothing is known before the first performance"
    performed(head, {"": reading(sad=0.7, angry=0.28, happy=0.02)})
    assert bars(passages.UTTER_PT_reading) == {"Sad": 0.7, "Angry": 0.28, "Strength": 0.8, "Arousal": 0.4, "Control": 0.25}
    head.utter.prompt = "furious"
    assert not bars(passages.UTTER_PT_reading), "these words were not read yet"
    asked = performed(head, {"furious": reading(angry=1.0, strength=0.95)})
    assert asked.prompt == "furious" and bars(passages.UTTER_PT_reading)["Strength"] == 0.95
    head.utter.prompt = ""
    assert not bars(passages.UTTER_PT_reading), "the voice was not listened to in the last performance"


def scene_bars_of_a_passage_and_of_its_clip():
    head, clip = small(), Path(tempfile.mkdtemp()) / "another voice.wav"
    clip.write_bytes(b"sound")
    first, second = head.utter.passages.add(), head.utter.passages.add()
    (first.start, first.end, first.prompt), (second.start, second.end, second.clip) = (1, 9, " in love "), (10, 20, str(clip))
    asked = performed(head, {"in love": reading(happy=0.9), str(clip): reading(afraid=0.6)})
    assert {passage.prompt or passage.clip for passage in asked.passages} == {"in love", str(clip)}
    head.utter.passage = 0
    assert bars(passages.UTTER_PT_passage_reading)["Happy"] == 0.9
    head.utter.passage = 1
    assert bars(passages.UTTER_PT_passage_reading)["Afraid"] == 0.6
    second.clip = ""
    assert not bars(passages.UTTER_PT_passage_reading)


def scene_words_that_say_nothing_have_no_emotion():
    head = small()
    head.utter.prompt = "asdf"
    performed(head, {"asdf": reading(neutral=1.0, strength=0.0)})
    assert "Neutral" not in bars(passages.UTTER_PT_reading) and bars(passages.UTTER_PT_reading)["Strength"] == 0
    assert any(named.get("text") == "Read as: nothing" for name, named in drawn(passages.UTTER_PT_reading))


def scene_strength_and_mouth_of_the_whole_are_asked_for_and_saved_with_the_file():
    head = small()
    head.utter.intensity, head.utter.mouth = 0.5, -1
    asked = performed(head, {"": reading(sad=1.0)})
    assert (asked.intensity, asked.mouth) == (0.5, -1)
    path, name = str(Path(tempfile.mkdtemp()) / "saved.blend"), head.name
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    settings = bpy.data.objects[name].utter
    assert (settings.intensity, settings.mouth) == (0.5, -1) and bars(passages.UTTER_PT_reading)["Sad"] == 1
