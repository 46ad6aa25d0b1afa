"""The mechanics of sampling, with a small untrained denoiser: they hold for any weights."""

import numpy as np
import pytest
import torch

from contract import CHANNELS, JAW, LIDS, NECK, TONGUE, Cancelled, UtterError
from model_runtime.diffusion import generator as g
from model_runtime.diffusion import sampler
from model_runtime.diffusion.pins import HeldPins, settled
from model_runtime.motion import Pins
from model_runtime.speech.content import NAMES


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(2)
    net = g.Denoiser(width=32, depth=1, heads=2).eval()
    for _name, value in net.named_parameters():
        torch.nn.init.normal_(value, std=0.1)
    return g.Generator(net, torch.zeros(CHANNELS), torch.full((CHANNELS,), 0.1), torch.eye(CHANNELS), "x")


def scene(T, seed=0):
    rng = np.random.default_rng(seed)
    feeling = rng.standard_normal((T, 130)).astype(np.float32) * 0.1
    return rng.random((T, 59), np.float32), feeling, np.zeros(T, np.float32), np.zeros(300)


def test_same_seed_same_curves_another_seed_others(generator):
    first, again, other = (sampler.sample(generator, *scene(50), seed=s, quality="draft") for s in (4, 4, 5))
    assert first.shape == (50, CHANNELS) and first.dtype == np.float32 and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_noise_belongs_to_the_frame_not_to_the_clip():
    np.testing.assert_array_equal(sampler.noise(500, 3)[:130], sampler.noise(130, 3))
    draws = sampler.noise(5000, 3).numpy()
    assert abs(draws.mean()) < 0.01 and abs(draws.std() - 1) < 0.01
    assert np.abs(np.corrcoef(draws[:-64].ravel(), draws[64:].ravel())[0, 1]) < 0.01  # blocks are not repeated


def test_takes_share_the_mouths_noise_and_nothing_else():
    mouth = torch.linalg.qr(torch.randn(CHANNELS, 5, generator=torch.Generator().manual_seed(0)))[0]
    one, other = (sampler.noise(4000, seed, mouth) for seed in (1, 2))
    torch.testing.assert_close(one @ mouth, other @ mouth, atol=1e-4, rtol=1e-4)
    rest = torch.eye(CHANNELS) - mouth @ mouth.T
    assert abs(np.corrcoef((one @ rest).ravel(), (other @ rest).ravel())[0, 1]) < 0.01
    torch.testing.assert_close(torch.cov(one.T), torch.eye(CHANNELS), atol=0.1, rtol=0)  # still N(0, I)


@pytest.mark.parametrize("quality, most", [("draft", 8), ("final", 20)])
def test_steps_are_few_and_closest_where_noise_is_strong(quality, most):
    steps = sampler.schedule(quality).timesteps.tolist()
    assert len(steps) <= most and steps[0] == g.STEPS - 1 and steps[-1] > 0
    apart = -np.diff(steps)
    assert (apart > 0).all() and (np.diff(apart) >= 0).all()


def test_regression_is_one_pass_and_knows_no_seed(monkeypatch):
    torch.manual_seed(2)
    net = g.Denoiser(width=32, depth=1, heads=2, diffuses=False).eval()
    regression = g.Generator(net, torch.zeros(CHANNELS), torch.full((CHANNELS,), 0.1), torch.eye(CHANNELS), "x")
    passes = []
    forward = g.Denoiser.forward
    monkeypatch.setattr(g.Denoiser, "forward", lambda self, noisy, *rest: passes.append(noisy) or forward(self, noisy, *rest))
    first, other = (sampler.sample(regression, *scene(100), seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(first, other)
    assert len(passes) == 2 and not passes[0].any() and len(passes[0]) == 1


def test_windows_cover_every_frame_smoothly():
    for T in (1, 119, 120, 121, 209, 210, 211, 1000):
        starts, fade = sampler.windows(T)
        cover = torch.zeros(T)
        for start in starts:
            cover[start : start + len(fade)] += fade
        assert cover.min() > 0 and starts[0] == 0 and starts[-1] + len(fade) == T


def test_a_long_clip_is_denoised_a_batch_at_a_time(generator, monkeypatch):
    seen = []
    forward = g.Denoiser.forward
    monkeypatch.setattr(g.Denoiser, "forward", lambda self, noisy, *rest: seen.append(len(noisy)) or forward(self, noisy, *rest))
    content, feeling, prompted, beta = scene(4000)
    prompted[:1000] = 1
    values = sampler.sample(generator, content, feeling, prompted, beta, quality="draft")
    assert len(values) == 4000 and max(seen) <= sampler.BATCH
    reached = sum(start < 1000 for start in sampler.windows(4000)[0])
    assert sum(seen) == sampler.SAMPLER_STEPS["draft"] * (len(sampler.windows(4000)[0]) + reached)  # twice where a prompt is, no more


def test_no_seams_where_windows_meet(generator):
    """Steps between neighbouring frames are no larger at the windows' ends than elsewhere."""
    content, feeling, prompted, beta = scene(600)
    step = np.abs(np.diff(sampler.sample(generator, content, feeling, prompted, beta), axis=0)).mean(1)
    ends = np.array([s + k for s in sampler.windows(600)[0][1:] for k in (-1, 0, 29, 30)])
    assert step[ends].mean() < 1.3 * step.mean()


def test_guidance_has_the_published_form_as_a_case():
    plain, full = sampler.guidance(torch.tensor([0.0, 1.0]))
    assert plain.tolist() == [0, 0, 1]
    torch.testing.assert_close(full.sum(), torch.tensor(1.0))
    assert full[2] > 1 and full[1] < 0


def test_guidance_branches_are_one_batch(generator):
    torch.manual_seed(0)
    windows = torch.randn(3, 20, 65), torch.rand(3, 20, 59), torch.randn(3, 20, 130), torch.zeros(3, 20, 65), torch.zeros(3, 20, 65)
    x, content, feeling, pins, mask = (a[:1] for a in windows)
    step, beta = torch.tensor(400), torch.zeros(300)
    with torch.no_grad():
        got = sampler.denoise(generator, [0, 1, 2], step, beta, *(a[:1].expand(3, -1, -1) for a in windows))
        each = [
            generator.denoiser(x, step.expand(1), content, feeling, beta.expand(1, -1), pins, mask, torch.tensor([h]), torch.tensor([f]))
            for h, f in ((False, False), (True, False), (True, True))
        ]
    torch.testing.assert_close(got, torch.cat(each), atol=1e-5, rtol=1e-4)


def test_a_prompt_is_emphasised_where_it_holds(generator, monkeypatch):
    """One step of the sampler is the guided sum, frame by frame, of what the denoiser predicts in each branch."""
    said = torch.tensor([0.3, 0.2, -0.1])
    monkeypatch.setattr(sampler, "denoise", lambda generator, branches, step, beta, x, *rest: said[branches][:, None, None].expand(x.shape))
    monkeypatch.setattr(sampler, "steady", lambda clean: clean)
    content, feeling, _, beta = scene(300)
    prompted = np.linspace(0, 1, 300, dtype=np.float32)
    silence = content * 0
    silence[:, NAMES.index("pause")] = 1  # nothing seals the lips or parts them
    values = sampler.sample(generator, silence, feeling, prompted, beta)
    expected = (sampler.guidance(torch.from_numpy(prompted)) @ said * generator.std[0]).numpy()
    np.testing.assert_allclose(values[:, 0], expected, atol=1e-5)


def test_pins_are_met_bit_for_bit(generator):
    rng = np.random.default_rng(1)
    mask = rng.random((200, CHANNELS)) < 0.02
    mask[50:60] = True
    values = np.where(mask, rng.uniform(0, 1, mask.shape), np.nan).astype(np.float32)
    got = sampler.sample(generator, *scene(200), pins=Pins(values, mask), quality="draft")
    np.testing.assert_array_equal(got[mask], values[mask])


def test_soft_pins_are_met_within_their_tolerance_and_leave_the_rest_its_way(generator):
    """Exact and soft ones in one performance; a soft one is no exact one."""
    rng = np.random.default_rng(1)
    mask = rng.random((200, CHANNELS)) < 0.02
    soft = mask & (rng.random(mask.shape) < 0.5)
    values = np.where(mask, rng.uniform(0, 1, mask.shape), 0).astype(np.float32)
    tolerance = np.where(soft, 0.2, 0).astype(np.float32)
    got = sampler.sample(generator, *scene(200), pins=Pins(values, mask, tolerance), quality="draft")
    np.testing.assert_array_equal(got[mask & ~soft], values[mask & ~soft])
    missed = np.abs(got - values)[soft]
    assert missed.max() <= 0.2 + 1e-6 and (missed > 0).mean() > 0.5


def test_pins_that_may_move_go_where_the_curve_comes_nearest():
    """By no more frames than they may, past no other key, and what does not move keeps its frame."""
    T, jaw, brow = 60, JAW.start, 3
    free = np.zeros((T, CHANNELS), np.float32)
    free[:, jaw] = np.exp(-0.5 * ((np.arange(T) - 33) / 3.0) ** 2)
    values, mask, shift = np.zeros_like(free), np.zeros(free.shape, bool), np.zeros(free.shape, int)
    for frame, may in ((30, 5), (45, 5), (50, 20)):
        values[frame, jaw], mask[frame, jaw], shift[frame, jaw] = 1, True, may
    values[30, brow], mask[30, brow] = 2, True
    pins, moved = settled(Pins(values, mask, None, shift), free)
    assert moved.tolist() == [[30, 33], [45, 40], [50, 41]]
    assert np.flatnonzero(pins.mask[:, jaw]).tolist() == [33, 40, 41] and pins.values[[33, 40, 41], jaw].tolist() == [1, 1, 1]
    assert pins.mask[30, brow] and pins.mask.sum() == 4 and pins.shift is None


def test_neighbours_follow_a_pin():
    """What a prediction misses at a pin is spread around it: no single frame stands out, far frames stay."""
    pinned = np.zeros((60, CHANNELS), np.float32)
    mask = np.zeros((60, CHANNELS), bool)
    pinned[30, JAW.start], mask[30, JAW.start] = 0.4, True
    pins = HeldPins(Pins(pinned, mask), 60, torch.zeros(CHANNELS), torch.ones(CHANNELS))
    held = pins.hold(torch.zeros(60, CHANNELS))[:, JAW.start].numpy()
    assert held[30] == np.float32(0.4) and 0.3 < held[28] < 0.4 and abs(held[5]) < 1e-3
    assert np.abs(np.diff(held)).max() < 0.1


def test_limits_hold(generator):
    generator = g.Generator(generator.denoiser, generator.mean, torch.full((CHANNELS,), 3.0), generator.spread, "x")
    values = sampler.sample(generator, *scene(80), quality="draft")
    for part in (LIDS, TONGUE):
        assert values[:, part].min() >= 0 and values[:, part].max() <= 1
    assert values[:, JAW.start].min() >= np.float32(sampler.CLOSEST_JAW)
    assert np.abs(values[:, NECK]).max() > 1.1  # nothing else is cut


def test_cancelling_stops_within_a_step(generator):
    asked = []
    with pytest.raises(Cancelled):
        sampler.sample(generator, *scene(300), cancelled=lambda: len(asked) >= 3, progress=lambda stage, f: asked.append(f))
    assert len(asked) == 3


def test_progress_rises_to_one(generator):
    heard = []
    sampler.sample(generator, *scene(300), progress=lambda stage, fraction: heard.append(fraction), quality="draft")
    assert heard == sorted(heard) and heard[0] == 0 and heard[-1] == 1 and len(heard) > 5


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda s: (s[0][:0], s[1][:0], s[2][:0], s[3]), "too short"),
        (lambda s: (s[0], s[1][:-1], s[2], s[3]), "equally long"),
        (lambda s: (s[0] * np.nan, s[1], s[2], s[3]), "not finite"),
    ],
)
def test_bad_arrays_are_refused(generator, spoil, sentence):
    with pytest.raises(UtterError, match=sentence):
        sampler.sample(generator, *spoil(scene(30)))


def test_bad_pins_are_refused(generator):
    nowhere = np.full((30, CHANNELS), np.nan, np.float32)
    with pytest.raises(UtterError, match="30 frames"):
        sampler.sample(generator, *scene(30), pins=Pins(nowhere[:9], nowhere[:9] == 0))
    with pytest.raises(UtterError, match="not a finite number"):
        sampler.sample(generator, *scene(30), pins=Pins(nowhere, np.ones((30, CHANNELS), bool)))


def test_hidden_states_are_heard_and_content_seals_the_lips(generator, monkeypatch):
    """A generator of hidden states: any width; another encoder is refused; the seal is fed by Content, or left out."""
    torch.manual_seed(3)
    net = g.Denoiser(width=32, depth=1, heads=2, content=19).eval()
    for value in net.parameters():
        torch.nn.init.normal_(value, std=0.1)
    hidden = g.Generator(net, generator.mean, generator.std, generator.spread, "x", metadata={"encoder": "hidden:hubert-0:9"})
    content, *rest = scene(50)
    states = np.random.default_rng(1).standard_normal((50, 19)).astype(np.float32)
    sealed = []
    monkeypatch.setattr(sampler, "seal", lambda generator, values, content, *more: sealed.append(content.numpy()) or values)
    first = sampler.sample(hidden, states, *rest, quality="draft")
    assert first.shape == (50, CHANNELS) and not sealed
    again = sampler.sample(hidden, -states, *rest, quality="draft", heard=content)
    assert np.abs(first - again).max() > 1e-3 and np.array_equal(sealed[0], content)
    with pytest.raises(UtterError, match="hidden:hubert-0:9"):
        sampler.sample(hidden, content, *rest)
    with pytest.raises(UtterError, match="another encoder"):
        sampler.sample(generator, states, *rest)


def test_a_checkpoint_says_how_wide_its_content_is(tmp_path):
    made = g.Generator(
        g.Denoiser(width=32, depth=1, heads=2, content=19),
        torch.zeros(CHANNELS),
        torch.ones(CHANNELS),
        torch.eye(CHANNELS),
        "a",
        metadata={"encoder": "hidden:hubert-0:9"},
    )
    g.save(made, tmp_path / "g.safetensors")
    read = g.load(tmp_path / "g.safetensors", basis="a")
    assert read.denoiser.size["content"] == 19 and read.encoder == "hidden:hubert-0:9"
