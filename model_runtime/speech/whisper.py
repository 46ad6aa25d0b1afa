"""Whisper's weights (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision") out of a CTranslate2 model.bin,
under the names that transformers gives them.

The file is little-endian: u32 version, text (what the model is), u32 revision, u32 count of tensors; of each a text (its name), u8 rank,
u32 sizes, u8 type, u32 bytes, the bytes; then aliases. A text is a u16 length, then bytes of which the last is zero. Weights are
[out, in] as torch has them. An attention's linear_0 holds queries, keys and values one below the other; where the decoder looks at what
was heard, linear_0 holds the queries, linear_1 keys and values. A bias of the keys changes no attention: it is zero, and transformers
has none.
"""

import io
import struct
from pathlib import Path

import numpy as np

from contract import UtterError

KIND, VERSION = "WhisperSpec", 6
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
ATTENTION = ("q_proj", "k_proj", "v_proj")


def read(path):
    """{name: array as stored} of a model.bin: its path, or those of the parts that it was cut into. UtterError if it is missing, cut off
    or of another kind."""
    parts = [Path(part) for part in (path if isinstance(path, (list, tuple)) else [path])]
    try:
        return tensors_of(b"".join(part.read_bytes() for part in parts))
    except OSError as error:
        raise UtterError(f"{parts[0].name} cannot be read ({error.strerror}); copy the speech model again.", str(error)) from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise UtterError(f"{parts[0].name} is damaged, or no Whisper of CTranslate2; copy the speech model again.", repr(error)) from error


def tensors_of(data):
    """{name: array} of the bytes of a model.bin; the arrays lie in those bytes. ValueError and its like where they are none."""
    stream = io.BytesIO(data)

    def numbers(layout):
        return struct.unpack("<" + layout, stream.read(struct.calcsize("<" + layout)))

    def text():
        return stream.read(*numbers("H"))[:-1].decode()

    (version,) = numbers("I")
    kind = text() if version == VERSION else ""
    if kind != KIND:
        raise ValueError(f"version {version}, {kind!r}")
    _, count = numbers("II")
    tensors = {}
    for _ in range(count):
        name, (rank,) = text(), numbers("B")
        shape, (type, size) = numbers(f"{rank}I"), numbers("BI")
        at = stream.seek(size, io.SEEK_CUR) - size
        tensors[name] = np.frombuffer(data, TYPES[type], size // np.dtype(TYPES[type]).itemsize, at).reshape(shape)
    return tensors


def encoder_state(tensors):
    """{name: float32 array} for transformers' WhisperEncoder, of what read() gave."""
    state = {f"{name}.{kind}": _get(tensors, f"encoder/{name}/{kind}") for name in ("conv1", "conv2") for kind in ("weight", "bias")}
    return state | _half(tensors, "encoder", {"self_attn": "self_attention"})


def decoder_state(tensors):
    """{name: float32 array} for transformers' WhisperDecoder, of what read() gave."""
    state = {"embed_tokens.weight": _get(tensors, "decoder/embeddings/weight")}
    return state | _half(tensors, "decoder", {"self_attn": "self_attention", "encoder_attn": "attention"})


def whole_state(tensors):
    """{name: float32 array} for transformers' WhisperForConditionalGeneration, whose words come out by the weights they go in by."""
    parts = {"encoder": encoder_state(tensors), "decoder": decoder_state(tensors)}
    state = {f"model.{part}.{name}": value for part, named in parts.items() for name, value in named.items()}
    return state | {"proj_out.weight": state["model.decoder.embed_tokens.weight"]}


def sizes(tensors):
    """The fields of transformers' WhisperConfig that say how large such a model is."""
    bands = tensors["encoder/conv1/weight"].shape[1]
    vocabulary, width = tensors["decoder/embeddings/weight"].shape
    halves = {
        half: (_depth(tensors, half), int(tensors[f"{half}/num_heads"]), tensors[f"{half}/layer_0/ffn/linear_0/weight"].shape[0])
        for half in ("encoder", "decoder")
    }
    return {
        "num_mel_bins": bands,
        "vocab_size": vocabulary,
        "d_model": width,
        "max_source_positions": len(tensors["encoder/position_encodings/encodings"]),
        "max_target_positions": len(tensors["decoder/position_encodings/encodings"]),
        **{f"{half}_layers": depth for half, (depth, _, _) in halves.items()},
        **{f"{half}_attention_heads": heads for half, (_, heads, _) in halves.items()},
        **{f"{half}_ffn_dim": inner for half, (_, _, inner) in halves.items()},
    }


def _get(tensors, name):
    return tensors[name].astype(np.float32)


def _depth(tensors, half):
    return 1 + max(int(name.split("/")[1][6:]) for name in tensors if name.startswith(f"{half}/layer_") and "layer_norm" not in name[:18])


def _half(tensors, half, attentions):
    """What encoder and decoder share. attentions: {transformers' name: CTranslate2's}."""
    state = {"embed_positions.weight": _get(tensors, f"{half}/position_encodings/encodings")}

    def norm(ours, theirs):
        state[f"{ours}.weight"], state[f"{ours}.bias"] = _get(tensors, f"{theirs}/gamma"), _get(tensors, f"{theirs}/beta")

    def linear(names, theirs):
        weights, biases = (np.split(_get(tensors, f"{theirs}/{kind}"), len(names)) for kind in ("weight", "bias"))
        for name, weight, bias in zip(names, weights, biases):
            state[f"{name}.weight"] = weight
            if not name.endswith("k_proj"):
                state[f"{name}.bias"] = bias

    norm("layer_norm", f"{half}/layer_norm")
    for number in range(_depth(tensors, half)):
        ours, theirs = f"layers.{number}", f"{half}/layer_{number}"
        for name, source in attentions.items():
            projections = [f"{ours}.{name}.{part}" for part in ATTENTION]
            groups = [projections] if name == "self_attn" else [projections[:1], projections[1:]]
            for place, group in enumerate([*groups, [f"{ours}.{name}.out_proj"]]):
                linear(group, f"{theirs}/{source}/linear_{place}")
            norm(f"{ours}.{name}_layer_norm", f"{theirs}/{source}/layer_norm")
        for place in (0, 1):
            linear([f"{ours}.fc{place + 1}"], f"{theirs}/ffn/linear_{place}")
        norm(f"{ours}.final_layer_norm", f"{theirs}/ffn/layer_norm")
    return state
