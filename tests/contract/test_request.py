"""A request of a performance: what it takes, what it refuses and in which sentence; and what is derived from its declaration."""

import argparse
import json
import re

import pytest

import contract
from contract import BLENDER, OPTIONS, RUNTIME, CaptureRequest, HeadRequest, Passage, PerformRequest, UtterError, import_passages
from contract.passages import check_passages

WHOLE = {
    "voice": "a.wav",
    "output": "m.npz",
    "words": "hello",
    "language": "en",
    "prompt": "happy",
    "passages": [{"start": 0, "end": 1, "prompt": "proud", "strength": 0.5, "fade": 0.1}],
    "pins": "p.npz",
    "quality": "draft",
    "seed": 7,
    "onto": "present.npz",
    "scope": [[1, 2.5], 1],
    "regions": ["brows", "head"],
    "change": 0.3,
    "variations": 2,
    "identity": [0.5] * 300,
    "encoder": "folder",
}


def test_a_request_survives_the_pipe():
    request = PerformRequest.from_message(json.loads(json.dumps(WHOLE)))
    assert request.passages == (Passage(0.0, 1.0, "proud", 0.5, 0.1),) and request.identity == (0.5,) * 300
    assert PerformRequest.from_message(json.loads(json.dumps(request.to_message()))) == request
    assert PerformRequest(voice="a.wav").to_message() == {"voice": "a.wav"}, "defaults stay unsaid"


def test_a_scope_is_written_as_people_do():
    passages = ({"start": 1, "end": 2, "prompt": "proud", "fade": 0.5},)
    asked = lambda scope: PerformRequest(voice="a.wav", onto="m.npz", passages=passages, scope=scope).stretches()
    assert asked("2-3.5") == asked(" 2.0 - 3.50 ,") == asked([[2, 3.5]]) == asked("2 to 3.5") == ((2.0, 3.5),)
    assert asked("-1-2,4-5") == ((-1.0, 2.0), (4.0, 5.0))
    assert asked("passage 1") == asked([1]) == asked("Passage1") == ((0.5, 2.5),)
    assert asked(None) == ((float("-inf"), float("inf")),)
    assert PerformRequest(voice="a.wav", onto="m.npz", regions="brows, head").regions == ("brows", "head")


def test_a_request_does_not_change():
    request = PerformRequest(voice="a.wav")
    with pytest.raises(AttributeError):
        request.seed = 3


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"voice": ""}, "Choose a voice first."),
        ({"voice": 3}, "Voice is a text"),
        ({"seed": 1.5}, "Seed is a whole number"),
        ({"seed": "7"}, "Seed is a whole number"),
        ({"seed": True}, "Seed is a whole number"),
        ({"seed": float("nan")}, "Seed is a whole number"),
        ({"seed": 10**30}, "Seed is from -9223372036854775808 to 9223372036854775807, not 1000"),
        ({"seed": 10**400}, "Seed is a whole number"),
        ({"output": ""}, "names no output"),
        ({"scope": "1"}, "A scope is stretches in seconds such as 2-3.5"),
        ({"scope": "1-2-3"}, "A scope is stretches in seconds such as 2-3.5"),
        ({"scope": [[1, float("nan")]]}, "A scope is stretches in seconds such as 2-3.5"),
        ({"scope": [[1, 2, 3]]}, "A scope is stretches in seconds such as 2-3.5"),
        ({"scope": {"start": 1}}, "A scope is stretches in seconds such as 2-3.5"),
        ({"scope": 5}, "A scope is stretches in seconds such as 2-3.5"),
        ({"scope": [[2, 1]]}, "The scope 2 to 1 s must end after it starts."),
        ({"scope": []}, "The scope is empty"),
        ({"scope": [2]}, "The scope names passage 2; 1 are given."),
        ({"scope": [[1, 2]], "onto": None}, "name its Motion with --onto"),
        ({"regions": [3]}, "There is no region 3"),
        ({"variations": 33}, "Variations is from 1 to 32, not 33."),
        ({"quality": "best"}, "Quality is draft or final, not best."),
        ({"identity": [1, 2]}, "list of 300 numbers"),
        ({"identity": ["x"] * 300}, "list of 300 numbers"),
        ({"identity": [float("inf")] * 300}, "list of 300 numbers"),
        ({"head": "head.npz"}, "Only the built-in head takes an identity"),
        ({"passages": "sad"}, "Passages must be a list"),
        ({"passages": [{"start": 0, "end": 1}]}, "Passage 1 needs start and end in seconds and a prompt"),
        ({"passages": [None]}, "Passage 1 needs"),
        ({"passages": [{"start": 2, "end": 1, "prompt": "x"}]}, "Passage 1 must end after it starts"),
        ({"passages": [{"start": 0, "end": 1, "prompt": "x", "strength": 2}]}, "strength between 0 and 1"),
        ({"passages": [{"start": 0, "end": 1, "prompt": "x", "strenght": 1}]}, 'Passage 1 has a field "strenght"'),
        ({"number_of_ears": 1}, 'The request has a field "number_of_ears" that this version of Utter does not know'),
        ({"emotion": "sad"}, 'a field "emotion"'),
    ],
)
def test_what_is_wrong_is_one_sentence(change, sentence):
    with pytest.raises(UtterError, match=sentence) as refused:
        PerformRequest.from_message({**WHOLE, **change})
    assert "\n" not in str(refused.value) and str(refused.value).endswith(".")


def test_a_head_is_asked_for_with_the_same_care():
    assert HeadRequest.from_message({"output": "b.npz"}).head is None
    with pytest.raises(UtterError, match="Only the built-in head takes an identity"):
        HeadRequest(output="b.npz", mesh="m.npz", identity=(0.0,) * 300)
    with pytest.raises(UtterError, match='a field "voice"'):
        HeadRequest.from_message({"output": "b.npz", "voice": "a.wav"})


def test_passages_without_a_prompt_ask_for_nothing():
    assert check_passages([{"start": 0, "end": 1, "prompt": "  "}]) == ()
    assert check_passages([{"start": 0, "end": 1, "prompt": "x"}]) == (Passage(0.0, 1.0, "x"),)


def test_a_passage_may_have_a_clip_in_place_of_a_prompt(tmp_path):
    (passage,) = check_passages([{"start": 0, "end": 1, "clip": " smile.mp4 "}])
    assert passage == Passage(0.0, 1.0, "", clip="smile.mp4") and passage.to_message()["clip"] == "smile.mp4"
    assert "clip" not in Passage(0, 1, "proud").to_message(), "an earlier worker knows no clips"
    with pytest.raises(UtterError, match=r"Passage 1 has a prompt and a clip; leave out one of them\."):
        check_passages([{"start": 0, "end": 1, "prompt": "x", "clip": "smile.mp4"}])
    with pytest.raises(UtterError, match="a prompt in words or a clip"):
        check_passages([{"start": 0, "end": 1}])
    (tmp_path / "p.json").write_text('[{"start": 0, "end": 1, "clip": "Smile.mp4"}]')
    with pytest.raises(UtterError, match=r"p\.json: the clip .*Smile\.mp4 does not exist\."):
        contract.read_passages(tmp_path / "p.json")
    (tmp_path / "Smile.mp4").touch()
    assert contract.read_passages(tmp_path / "p.json")[0].clip == str(tmp_path / "Smile.mp4"), "beside the list"


def test_a_film_is_asked_for_with_the_same_care():
    asked = CaptureRequest.from_message({"film": "a.mp4", "output": "m.npz", "regions": ["brows"]})
    assert asked.regions == ("brows",) and asked.to_message() == {"film": "a.mp4", "output": "m.npz", "regions": ("brows",)}
    for given, sentence in (
        ({"film": " "}, "Choose a film first"),
        ({"film": "a", "regions": ["ears"]}, "no region ears; regions are brows"),
    ):
        with pytest.raises(UtterError, match=sentence):
            CaptureRequest(**given)


def test_regions_share_no_action_and_leave_out_the_tongue():
    found = [k for region in contract.REGIONS for k in contract.actions_in([region])]
    assert sorted(found) == [k for k, name in enumerate(contract.ACTIONS) if name != "tongueOut"] and len(found) == 51


@pytest.mark.parametrize("command", [RUNTIME, BLENDER])
def test_command_lines_come_from_the_contract(command):
    parser = argparse.ArgumentParser()
    contract.add_arguments(parser, OPTIONS.values(), command)
    taken = {action.dest: action for action in parser._actions if action.dest != "help"}
    assert set(taken) == {name for name, option in OPTIONS.items() if command in option.commands}
    for name, action in taken.items():
        option = OPTIONS[name]
        assert {f"--{name}", f"--{name.replace('_', '-')}", *(f"--{alias}" for alias in option.aliases)} == set(action.option_strings)
        assert action.default is None
        assert tuple(action.choices or ()) == tuple(option.choices)
    assert vars(parser.parse_args(["--emotion", "sad", "--ears", "F"]))["prompt"] == "sad", "the old names are still taken"


def test_every_option_says_what_it_is():
    for name, option in OPTIONS.items():
        assert option.name == name and option.label and option.help and not option.help.endswith("."), name
        assert set(option.choices) == set() or option.default in option.choices, name


def test_other_protocols_are_named():
    assert contract.check_protocol(contract.PROTOCOL, "The worker") == ""
    assert "a newer protocol" in contract.check_protocol(contract.PROTOCOL + 1, "The worker")
    assert "an older protocol" in contract.check_protocol(1, "The worker")
    assert "does not say" in contract.check_protocol(None, "The worker")


def test_seconds_and_frames_are_each_others_inverse():
    for fps in (23.976, 24, 25, 29.97, 30, 59.94, 60):
        for start in (-3, 0, 1, 1001):
            for frame in range(start, start + 2000, 7):
                assert contract.frame_at(contract.seconds_at(frame, fps, start), fps, start) == frame
    assert contract.frames_covering(1.01, 24) == 25


def test_a_strength_may_change_and_a_passage_be_for_some_regions(tmp_path):
    given = {"start": 1, "end": 3, "prompt": "proud", "strength": [[1, 0], [2.5, 0.8]], "regions": ["brows", "mouth"]}
    (passage,) = check_passages([given])
    assert passage.strength == ((1, 0), (2.5, 0.8)) and passage.regions == ("brows", "mouth")
    assert check_passages([passage.to_message()]) == (passage,)
    assert "regions" not in Passage(1, 2, "proud").to_message()
    path = tmp_path / "list.csv"
    path.write_text('start,end,prompt,strength,regions\n1,3,proud,"1 0, 2.5 0.8","brows,mouth"\n4,5,sad,0.5,\n')
    assert import_passages(path) == [passage, Passage(4, 5, "sad", 0.5)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"strength": [[1, 0], [2, 1.5]]}, "Passage 1 needs a strength between 0 and 1, or points of [seconds, strength]."),
        ({"strength": []}, "Passage 1 needs a strength between 0 and 1, or points of [seconds, strength]."),
        ({"strength": [[2, 0], [1, 1]]}, "Passage 1 has points of its strength that are not in order of time."),
        ({"regions": ["ears"]}, "There is no region ears"),
        ({"regions": []}, "Passage 1 is for no region; choose some of brows"),
    ],
)
def test_a_strength_or_regions_that_cannot_be_are_one_sentence(change, sentence):
    with pytest.raises(UtterError, match=re.escape(sentence)):
        check_passages([{"start": 1, "end": 3, "prompt": "proud", **change}])
