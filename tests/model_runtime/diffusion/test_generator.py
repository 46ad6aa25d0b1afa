"""The denoiser's parts do what their formulas say; a checkpoint is read back complete or refused in a sentence."""

import pytest
import torch
from torch.nn import functional as F

from contract import CHANNELS, UtterError
from model_runtime import checkpoints
from model_runtime.diffusion import generator as g


def inputs(B=2, T=24, seed=0):
    torch.manual_seed(seed)
    return [
        torch.randn(B, T, CHANNELS),
        torch.full((B,), 500),
        torch.rand(B, T, 59),
        torch.randn(B, T, 130),
        torch.randn(B, 300),
        torch.zeros(B, T, CHANNELS),
        torch.zeros(B, T, CHANNELS),
    ]


def lively(**size):
    """A small denoiser whose zero-initialised layers have random weights."""
    torch.manual_seed(1)
    net = g.Denoiser(**({"width": 32, "depth": 2, "heads": 2} | size)).eval()
    for block in net.blocks:
        torch.nn.init.normal_(block.film.weight, std=0.1)
        torch.nn.init.normal_(block.adain.weight, std=0.1)
        if block.fusion:
            torch.nn.init.normal_(block.read.out.weight, std=0.1)
    torch.nn.init.normal_(net.no_content)
    torch.nn.init.normal_(net.no_feeling)
    return net


def test_aligned_attention_equals_the_masked_form():
    torch.manual_seed(0)
    aligned = g.AlignedAttention(16)
    frames, content = torch.randn(2, 9, 16), torch.randn(2, 9, 16)
    query, key = torch.nn.Linear(16, 16)(frames), torch.nn.Linear(16, 16)(content)
    heads = lambda x: x.unflatten(-1, (4, 4)).transpose(1, 2)
    only_own = torch.eye(9, dtype=torch.bool)
    masked = F.scaled_dot_product_attention(heads(query), heads(key), heads(aligned.value(content)), only_own)
    torch.testing.assert_close(aligned(content), aligned.out(masked.transpose(1, 2).flatten(2)))


def test_pair_attention_equals_attention_to_all_pairs():
    torch.manual_seed(0)
    fuse, K, T = g.PairAttention(16, heads=2), 3, 7
    tokens, motion, feeling = torch.randn(2, K, 16), torch.randn(2, T, 16), torch.randn(2, T, 16)
    pairs = torch.cat([motion[:, :, None].expand(-1, -1, T, -1), feeling[:, None].expand(-1, T, -1, -1)], -1).flatten(1, 2)
    weight = torch.cat([fuse.of_motion.weight, fuse.of_feeling.weight], 1)  # one linear map of the concatenated pair
    key, value = (pairs @ weight.T + fuse.of_motion.bias + fuse.of_feeling.bias).chunk(2, -1)
    heads = lambda x: x.unflatten(-1, (2, 8)).transpose(1, 2)
    read = F.scaled_dot_product_attention(heads(fuse.query(tokens)), heads(key), heads(value))
    torch.testing.assert_close(fuse(tokens, motion, feeling), fuse.out(read.transpose(1, 2).flatten(2)))


def test_positions_differ_along_time_and_depend_on_distance_only():
    torch.manual_seed(0)
    q, k = torch.randn(8), torch.randn(8)
    likeness = g.rotate(q.expand(1, 1, 40, 8)) @ g.rotate(k.expand(1, 1, 40, 8)).transpose(-1, -2)
    first_row = likeness[0, 0, 0]
    assert len(set(first_row.round(decimals=4).tolist())) > 35  # the same vector, told apart by where it stands
    torch.testing.assert_close(likeness[0, 0, 5, 5:25], first_row[:20], atol=1e-4, rtol=1e-3)


def test_shuffled_motion_is_another_motion():
    """Without positions, attention could not tell frames apart: shuffling frames would only shuffle the answer."""
    net, (x, *rest) = lively(), inputs()
    rest[1], rest[2] = rest[1][:, :1].expand_as(rest[1]), rest[2][:, :1].expand_as(rest[2])
    order = torch.randperm(x.shape[1])
    with torch.no_grad():
        assert (net(x[:, order], *rest) - net(x, *rest)[:, order]).abs().max() > 1e-3


SIZES = [{}, {"fusion": True}, {"aligned": False}]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("which, index", [("content", 2), ("feeling", 3), ("identity", 4), ("step", 1), ("pins", 5)])
def test_every_condition_reaches_the_motion(which, index, size):
    net, args = lively(**size), inputs()
    with torch.no_grad():
        before = net(*args)
        args[index] = args[index] + (1 if which == "step" else torch.ones_like(args[index]))
        if which == "pins":
            args[6] = torch.ones_like(args[6])
        assert (net(*args) - before).abs().max() > 1e-4


def test_fusion_begins_as_nothing():
    """So training can go on from weights that were trained without it."""
    torch.manual_seed(0)
    net, args = g.Denoiser(width=32, depth=2, heads=2, fusion=True).eval(), inputs()
    plain = g.Denoiser(width=32, depth=2, heads=2).eval()
    missing = plain.load_state_dict(net.state_dict(), strict=False)
    assert not missing.missing_keys and any("fuse" in key for key in missing.unexpected_keys)
    with torch.no_grad():
        torch.testing.assert_close(net(*args), plain(*args))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_dropped_condition_is_not_heard(size):
    net, args = lively(**size), inputs()
    drop = torch.zeros(2, dtype=torch.bool)
    with torch.no_grad():
        before = net(*args, hears=drop, feels=drop)
        args[2], args[3] = torch.rand_like(args[2]), torch.randn_like(args[3])
        torch.testing.assert_close(net(*args, hears=drop, feels=drop), before)
        assert (net(*args) - before).abs().max() > 1e-3


def test_feeling_acts_on_its_own_frames():
    """AdaIN is per frame: with everything zeroed that looks at other frames, another feeling at frame 3 changes frame 3 alone."""
    net, args = lively(), inputs(B=1)
    for block in net.blocks:
        torch.nn.init.zeros_(block.attention.out.weight)
    with torch.no_grad():
        before = net(*args)
        args[3] = args[3].clone()
        args[3][0, 3] += 1
        moved = (net(*args) - before).abs().amax((0, 2))
    assert moved[3] > 1e-4 and moved[torch.arange(24) != 3].max() < 1e-6


def tiny(basis="a" * 64, **size):
    return g.Generator(lively(**size), torch.randn(CHANNELS), torch.rand(CHANNELS) + 0.5, torch.eye(CHANNELS), basis)


@pytest.mark.parametrize("size", [*SIZES, {"diffuses": False}], ids=str)
def test_a_checkpoint_comes_back(tmp_path, size):
    made = tiny(**size)
    g.save(made, tmp_path / "generator.safetensors")
    read = g.load(tmp_path / "generator.safetensors", basis=made.basis)
    args = inputs()
    with torch.no_grad():
        torch.testing.assert_close(read.denoiser(*args), made.denoiser(*args), atol=2e-2, rtol=2e-2)  # kept as float16
    torch.testing.assert_close(read.mean, made.mean)
    assert read.denoiser.size == made.denoiser.size
    assert [p.name for p in tmp_path.iterdir()] == ["generator.safetensors"]


def test_weights_from_before_control_play_as_they_did(tmp_path):
    made = tiny()
    g.save(made, tmp_path / "generator.safetensors")
    tensors, metadata = checkpoints.read(tmp_path / "generator.safetensors", g.FORMAT)
    del tensors["denoiser.manner_in"]
    checkpoints.write(tensors, tmp_path / "older.safetensors", g.FORMAT, metadata)
    net, args = g.load(tmp_path / "older.safetensors", basis=made.basis).denoiser, inputs()
    with torch.no_grad():
        before = net(*args)
        args[3][..., 128:] = 0
        assert torch.equal(net(*args), before)


def test_another_heads_checkpoint_is_refused(tmp_path):
    g.save(tiny(), tmp_path / "generator.safetensors")
    with pytest.raises(UtterError, match="trained for another head"):
        g.load(tmp_path / "generator.safetensors", basis="b" * 64)


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04nonsense", "cut"])
def test_a_missing_or_damaged_checkpoint_is_said_in_a_sentence(tmp_path, content):
    path = tmp_path / "generator.safetensors"
    if content == "cut":
        g.save(tiny(), path)
        content = path.read_bytes()[:5000]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UtterError, match="install the extension again"):
        g.load(path, basis="a" * 64)
