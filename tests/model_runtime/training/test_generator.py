"""The generator's recipe on a small dataset of synthetic voices: it learns, it is repeatable, and it draws what it should."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from contract import CHANNELS, UtterError
from model_runtime.diffusion import generator as g
from model_runtime.emotion import LABELS, POINT, load_feelings
from model_runtime.emotion.space import Space
from model_runtime.flame.load import load_head
from model_runtime.flame.teeth import teeth_edge
from model_runtime.speech.content import COLUMNS as CONTENT
from model_runtime.speech.content import MOUTH
from model_runtime.training import dataset, sync
from model_runtime.training import generator as training

PHONES = ["sil", "M", "AA1", "B", "IY1", "P", "OW0", "T", "EH1", "sil"]


ACTIONS = np.random.default_rng(9).standard_normal((52, CHANNELS)) * (np.arange(CHANNELS) < 53)


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def data(tmp_path_factory, head):
    """Six clips of hummed vowels, performed by the teacher, heard by the oracle."""
    cache = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(0)
    lines = []
    for number in range(6):
        ends = np.cumsum(rng.uniform(0.1, 0.3, len(PHONES)))
        time = np.arange(int(ends[-1] * 16000)) / 16000
        soundfile.write(cache / f"{number}.wav", 0.3 * np.sin(2 * np.pi * (120 + 20 * np.sin(time)) * time), 16000)
        lines.append(
            json.dumps(
                {
                    "clip": f"made/{number}",
                    "path": str(cache / f"{number}.wav"),
                    "speaker": f"s{number}",
                    "split": "test" if number == 5 else "train",
                    "emotion": "",
                    "phones": [[a, b, p] for a, b, p in zip([0, *ends], ends, PHONES)],
                }
            )
        )
    (cache / "alignments.jsonl").write_text("\n".join(lines) + "\n")
    dataset.build(cache, head, report=lambda text: None)
    return dataset.load_dataset(cache)


@pytest.fixture(scope="module")
def bank():
    return [np.eye(128, dtype=np.float32)[[k]] for k in range(len(LABELS))]


def test_test_speakers_are_left_out(data):
    assert {p["clip"] for p in data.performances} == {f"made/{n}" for n in range(5)}
    assert len(data.performances) == 5 * dataset.PERFORMANCES["train"]


def test_layers_belong_together(data, head):
    assert data.basis == head.basis
    for number, p in enumerate(data.performances):
        content, values, share, strength = data.slices(number, 0, p["length"])
        assert content.shape == (p["length"], 59) and values.shape == (p["length"], CHANNELS)
        np.testing.assert_allclose(share.sum(1), 1, atol=2e-3)
        assert strength.min() >= 0 and strength.max() <= 1
        assert np.isfinite(values).all()


def test_the_performance_shuts_the_lips_where_the_content_says_so(data, head):
    from model_runtime.flame import lbs
    from model_runtime.speech.content import NAMES

    for number in range(4):
        content, values, _, _ = data.slices(number, 0, data.performances[number]["length"])
        gap = lbs.lip_gap(head, values, data.betas[number])
        assert gap[content[:, NAMES.index("bilabial")] > 0.8].max() < 0.06
        assert gap.max() > 0.15


def test_a_new_head_needs_only_its_own_layer(data, head, tmp_path_factory):
    """values can be made again from actions and channels alone, and come out the same on the same head."""
    copy = tmp_path_factory.mktemp("copy")
    for path in Path(data.values.filename).parent.glob("*"):
        if path.suffix in (".npy", ".json", ".jsonl") and path.name != "values.npy":
            shutil.copy(path, copy)
    dataset.write_values(copy, head, report=lambda text: None)
    np.testing.assert_allclose(np.load(copy / "values.npy"), data.values, atol=2e-3)  # actions are kept as float16


def test_feelings_change_within_plans_and_stay_shares():
    plans = [dataset.feeling_plan(150, np.random.default_rng(seed)) for seed in range(60)]
    changing = [np.ptp(plan.share, axis=0).max() > 0.5 for plan in plans]
    assert 0.2 < np.mean(changing) < 0.75
    for plan in plans:
        np.testing.assert_allclose(plan.share.sum(1), 1)
        np.testing.assert_allclose(plan.place.sum(1), 1)
        assert plan.strength.min() >= 0 and plan.strength.max() <= 1 and np.abs(plan.manner).max() <= 1
    assert {int(plan.share[0].argmax()) for plan in plans} == set(range(len(LABELS)))
    shown = np.mean([plan.manner[:, 0] != 0 for plan in (dataset.feeling_plan(60, np.random.default_rng(seed)) for seed in range(400))])
    assert 0.2 < shown < 0.45  # a third is held back or let go, the rest is plain


def test_a_mixture_lies_where_a_prompt_of_its_shares_does():
    feelings = load_feelings("cpu")
    labels = np.stack([feelings.label(name)[POINT] for name in LABELS])
    for first, second in ((0.5, 0.5), (0.7, 0.3), (0.8, 0.2)):
        share = first * np.eye(len(LABELS))[2] + second * np.eye(len(LABELS))[3]
        made = dataset.place(share) @ labels
        assert made @ feelings.point(share)[POINT] / np.linalg.norm(made) > 0.99
    for k, one in enumerate(np.eye(len(LABELS))):
        np.testing.assert_array_equal(dataset.place(one), one)


def test_windows_are_normalised_and_feelings_as_long_as_their_strength(data, bank):
    batches = training.Batches(data, bank, np.random.default_rng(0))
    content, clean, feeling, beta = batches.draw(64)
    assert content.shape[2] == 59 and clean.shape[2] == CHANNELS and beta.shape == (64, 300)
    assert abs(clean.mean()) < 0.3 and 0.5 < clean.std() < 1.5
    assert feeling[..., :128].norm(dim=-1).max() <= 1.001


def test_pins_are_of_many_kinds_and_edits_bend_the_curve_smoothly():
    rng = np.random.default_rng(0)
    clean = torch.zeros(400, 60, CHANNELS)
    bent, mask = training.draw_pins(clean, rng, ACTIONS, torch.ones(400, 60))
    share = mask.mean((1, 2))
    assert 0.25 < (share == 0).float().mean() < 0.55  # none
    assert (share > 0.3).any() and ((share > 0) & (share < 0.005)).any()  # spans, and a few keys
    edited = bent.abs().amax((1, 2)) > 0.5
    assert 0.05 < edited.float().mean() < 0.4
    assert bent.diff(dim=1).abs().max() < 0.6 * bent.abs().max()  # a bump, no spike
    assert mask[edited].sum((1, 2)).min() > 0


def test_two_like_keys_are_a_gesture_that_holds_between_them():
    rng = np.random.default_rng(1)
    between = [training.bend(60, np.array([15, 40]), np.ones((2, 1)), rng)[27, 0] for _ in range(200)]
    assert np.mean(np.array(between) > 0.95) > 0.5 and min(between) < 0.5


def test_an_edit_leaves_shut_lips_shut():
    rng, clean, parted = np.random.default_rng(2), torch.zeros(200, 60, CHANNELS), torch.ones(200, 60)
    parted[:, 20:30] = 0
    bent, _ = training.draw_pins(clean, rng, ACTIONS, parted)
    mouth, rest = bent[..., :53].abs(), bent[..., 53:].abs()
    assert mouth[:, 20:30].max() == 0 and mouth.max() > 1 and rest[:, 20:30].max() > 1


def test_mouth_curves_are_known_or_unknown_for_a_whole_window():
    torch.manual_seed(0)
    content = torch.rand(200, 30, CONTENT)
    content[:100, :, MOUTH] = 0
    heard = training.doubted(content)[..., MOUTH]
    unknown = (heard == 0).all(-1)
    assert unknown[:100].all() and (unknown.all(1) == unknown.any(1)).all() and 0.03 < unknown[100:, 0].float().mean() < 0.25
    assert (heard - content[..., MOUTH])[100:][~unknown[100:, 0]].abs().max() < 0.4


def test_weights_of_before_the_mouth_curves_go_on():
    """They give the same, whatever the curves say: these count for nothing yet."""
    torch.manual_seed(0)
    old, new = g.Denoiser(content=CONTENT - 4).eval(), g.Denoiser().eval()
    training.carry_on(new, old)
    noisy, feeling, content = torch.randn(1, 12, CHANNELS), torch.randn(1, 12, 130), torch.rand(1, 12, CONTENT)
    without = torch.cat([content[..., : MOUTH.start], content[..., MOUTH.stop :]], -1)
    rest = feeling, torch.zeros(1, 300), torch.zeros_like(noisy), torch.zeros_like(noisy)
    with torch.inference_mode():
        a, b = (net(noisy, torch.tensor([500]), heard, *rest) for net, heard in ((old, without), (new, content)))
    torch.testing.assert_close(a, b)


def judged(head, data, seen, clean, beta, expert=None, feels=None, certain=1.0):
    zero, one = np.zeros(CHANNELS, np.float32), np.ones(CHANNELS, np.float32)
    B = len(clean)
    yes = torch.ones(B, dtype=torch.bool)
    return training.Losses(head, zero, one, "cpu", expert, feels)(
        seen,
        clean,
        beta,
        torch.rand(B, clean.shape[1], 59),
        torch.nn.functional.normalize(torch.ones(B, clean.shape[1], 130), dim=-1),
        torch.full((B,), certain),
        yes,
        yes,
    )


def test_losses_are_nothing_for_the_teachers_own_motion_but_calm(data, head):
    clean, beta = (torch.from_numpy(np.array(x)) for x in (data.values[None, :40], data.betas[:1]))
    torch.manual_seed(0)
    expert, feels = sync.Expert().eval(), Space().motion.eval()
    same = judged(head, data, clean, clean, beta, expert, feels)
    assert all(value < 1e-6 for name, value in same.items() if name != "smooth")
    far = judged(head, data, clean + 0.3 * torch.randn_like(clean), clean, beta, expert, feels)
    assert all(far[name] > 1e-4 for name in ("x0", "velocity", "landmarks", "gap", "bite", "width", "sync"))
    from_noise = judged(head, data, clean + 0.3 * torch.randn_like(clean), clean, beta, expert, feels, certain=0.0)
    assert from_noise["sync"] == 0 and from_noise["feels"] == 0


def test_the_teeths_edge_is_that_of_each_identity(data, head):
    found = training.Losses(head, np.zeros(65, np.float32), np.ones(65, np.float32)).edge(torch.from_numpy(np.array(data.betas[:4])))
    np.testing.assert_allclose(found, [teeth_edge(head, beta) for beta in data.betas[:4]], atol=1e-5)


def test_a_lip_off_the_teeth_counts_most_where_it_should_be_on_them(data, head):
    """The same slip of the jaw costs more in f than with the mouth wide open."""
    motions = torch.from_numpy(np.array(head.actions_motion, np.float32))
    jaw, roll = (motions[head.action(name)] for name in ("jawOpen", "mouthRollLower"))
    beta, slip = torch.zeros(1, 300), 0.05 * jaw
    cost = [
        float(judged(head, data, (pose + slip).expand(1, 12, -1), pose.expand(1, 12, -1), beta)["bite"])
        for pose in (0.1 * jaw + 0.3 * roll, 0.8 * jaw)
    ]
    assert cost[0] > 3 * cost[1] > 0


def test_weights_without_fusion_are_carried_on(head):
    small = {"width": 32, "depth": 2, "heads": 2}
    trained, larger = g.Denoiser(**small), g.Denoiser(**small, fusion=True)
    training.carry_on(larger, trained)
    torch.testing.assert_close(larger.motion_in.weight, trained.motion_in.weight)
    with pytest.raises(UtterError, match="another variant"):
        training.carry_on(trained, larger)
    with pytest.raises(UtterError, match="another size"):
        training.carry_on(g.Denoiser(width=64, depth=2, heads=2), trained)


def test_training_learns_and_writes_what_it_learned(data, head, bank, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "feeling_bank", lambda feelings: bank)
    monkeypatch.setattr(training, "BATCH", 4)
    x0, runs = [], []
    one_batch = training.one_batch
    monkeypatch.setattr(training, "one_batch", lambda *args: x0.append(one_batch(*args)) or x0[-1])
    for name in ("first", "again"):
        x0.clear()
        training.train(
            data,
            head,
            None,
            steps=60,
            path=tmp_path / name,
            metadata={"encoder": "oracle"},
            report=lambda text: None,
            size={"width": 32, "depth": 1, "heads": 2},
        )
        runs.append([float(parts["x0"].detach()) for parts in x0])
    assert np.mean(runs[0][-10:]) < 0.8 * np.mean(runs[0][:5])
    assert runs[0] == runs[1]  # seeds are fixed
    read = g.load(tmp_path / "first", basis=head.basis)
    assert read.metadata["encoder"] == "oracle" and "60 steps" in read.metadata["recipe"]
    assert read.spread.shape == (CHANNELS, CHANNELS)


def test_a_generator_learns_from_a_plug_in_models_hidden_states(data, bank, tmp_path, monkeypatch):
    """train generator --encoder FOLDER hears the clips again and writes a generator into that folder that names the encoder."""
    import transformers

    from model_runtime.speech.plugin import load_plugin
    from model_runtime.training.__main__ import main

    cache, folder = tmp_path / "cache", tmp_path / "hubert"
    shutil.copytree(Path(data.values.filename).parent, cache)
    torch.manual_seed(0)
    transformers.HubertModel(
        transformers.HubertConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            conv_dim=(8,) * 7,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=2,
        )
    ).save_pretrained(folder, safe_serialization=True)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    monkeypatch.setattr(training, "feeling_bank", lambda feelings: bank)
    monkeypatch.setattr(training, "BATCH", 2)
    main(["generator", "--cache", str(cache), "--encoder", str(folder), "--layer", "1", "--steps", "2", "--device", "cpu"])
    encoder, learned = load_plugin(folder, layer=1), g.load(folder / "generator.safetensors")
    assert learned.encoder == encoder.kind and learned.denoiser.size["content"] == 19
    heard = dataset.load_dataset(cache, encoder.kind)
    clip = json.loads((cache / "clips.json").read_text())[1]
    content, _, _, _ = heard.slices(next(k for k, p in enumerate(heard.performances) if p["clip"] == clip["clip"]), 0, 20)
    again = dataset.content_module.resample(encoder.encode(dataset.sound(clip)), 30, clip["length"])
    np.testing.assert_allclose(content, again[:20], atol=5e-3)
    assert np.abs(content).max() > 0.5 and not list(cache.glob("*.part"))
