"""A model.bin of CTranslate2 is read whole, and gives transformers' Whisper the weights that it was written from."""

import struct

import numpy as np
import pytest
import torch

from contract import UtterError
from model_runtime.speech import whisper

SIZES = {
    "num_mel_bins": 80,
    "vocab_size": 60,
    "d_model": 16,
    "max_source_positions": 12,
    "max_target_positions": 10,
    **{f"{half}_{part}": value for half in ("encoder", "decoder") for part, value in (("layers", 2), ("attention_heads", 2))},
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
}


def network(seed=0):
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(seed)
    return WhisperForConditionalGeneration(
        WhisperConfig(**SIZES, pad_token_id=0, bos_token_id=0, eos_token_id=0, decoder_start_token_id=0)
    ).eval()


def tensors(state):
    """{name: float16 array} as CTranslate2 names and joins what is in transformers' state."""
    get = lambda name: state[f"model.{name}"].numpy().astype(np.float16)
    found = {}
    for half, attentions in (
        ("encoder", {"self_attn": "self_attention"}),
        ("decoder", {"self_attn": "self_attention", "encoder_attn": "attention"}),
    ):
        found[f"{half}/num_heads"] = np.array(2, np.int16)
        found[f"{half}/position_encodings/encodings"] = get(f"{half}.embed_positions.weight")
        norms = {f"{half}/layer_norm": f"{half}.layer_norm"}
        for number in range(2):
            ours, theirs = f"{half}.layers.{number}", f"{half}/layer_{number}"
            norms[f"{theirs}/ffn/layer_norm"] = f"{ours}.final_layer_norm"
            for place in (0, 1):
                for kind in ("weight", "bias"):
                    found[f"{theirs}/ffn/linear_{place}/{kind}"] = get(f"{ours}.fc{place + 1}.{kind}")
            for name, source in attentions.items():
                norms[f"{theirs}/{source}/layer_norm"] = f"{ours}.{name}_layer_norm"
                weights = [get(f"{ours}.{name}.{part}.weight") for part in whisper.ATTENTION]
                biases = [get(f"{ours}.{name}.q_proj.bias"), np.zeros(16, np.float16), get(f"{ours}.{name}.v_proj.bias")]
                groups = [slice(0, 3)] if name == "self_attn" else [slice(0, 1), slice(1, 3)]
                for place, group in enumerate(groups):
                    found[f"{theirs}/{source}/linear_{place}/weight"] = np.concatenate(weights[group])
                    found[f"{theirs}/{source}/linear_{place}/bias"] = np.concatenate(biases[group])
                for kind in ("weight", "bias"):
                    found[f"{theirs}/{source}/linear_{len(groups)}/{kind}"] = get(f"{ours}.{name}.out_proj.{kind}")
        for theirs, ours in norms.items():
            found[f"{theirs}/gamma"], found[f"{theirs}/beta"] = get(f"{ours}.weight"), get(f"{ours}.bias")
    for name in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            found[f"encoder/{name}/{kind}"] = get(f"encoder.{name}.{kind}")
    return found | {"decoder/embeddings/weight": get("decoder.embed_tokens.weight")}


def packed(arrays, kind="WhisperSpec", version=6):
    """The bytes of a model.bin."""
    text = lambda words: struct.pack("<H", len(words) + 1) + words.encode() + b"\0"
    types = {np.dtype(type): number for number, type in whisper.TYPES.items()}
    parts = [struct.pack("<I", version), text(kind), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        parts += [text(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        parts += [struct.pack("<BI", types[array.dtype], array.nbytes), array.tobytes()]
    return b"".join([*parts, struct.pack("<I", 0)])


def test_the_network_says_what_the_one_said_that_it_was_written_from(tmp_path):
    written = network()
    data = packed(tensors(written.state_dict()))
    (tmp_path / "a").write_bytes(data[:1000]), (tmp_path / "b").write_bytes(data[1000:])
    found = whisper.read([tmp_path / "a", tmp_path / "b"])
    assert whisper.sizes(found) == SIZES
    read = network(seed=1)
    read.load_state_dict({name: torch.from_numpy(value) for name, value in whisper.whole_state(found).items()})
    given = {"input_features": torch.randn(1, 80, 24), "decoder_input_ids": torch.tensor([[3, 5, 8]])}
    with torch.inference_mode():
        assert torch.allclose(read(**given).logits, written(**given).logits, atol=0.01)


@pytest.mark.parametrize("harm", [lambda d: d[:3], lambda d: d[:-200], lambda d: b"PK" + d, lambda d: packed({}, "TransformerSpec")])
def test_another_file_is_refused_in_a_sentence(tmp_path, harm):
    (tmp_path / "model.bin").write_bytes(harm(packed(tensors(network().state_dict()))))
    with pytest.raises(UtterError, match=r"model\.bin is damaged, or no Whisper of CTranslate2"):
        whisper.read(tmp_path / "model.bin")
    with pytest.raises(UtterError, match=r"gone\.bin cannot be read"):
        whisper.read(tmp_path / "gone.bin")
