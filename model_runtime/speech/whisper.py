"""Whisper's weights, as CTranslate2 stores them (MIT, OpenAI): read and named as transformers' WhisperModel names them.

The file is little-endian: u32 version, string spec (a u16 length with its NUL, then bytes), u32 revision, u32 count; then for each
tensor a string name, u8 rank, u32 sizes, u8 type, u32 bytes, data. Weights are row by row, [out, in].
"""

import struct
from pathlib import Path

import numpy as np

TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read(folder):
    """{name: array as stored} of the model.bin in a folder, or of its parts model.bin.part1, .part2 ..."""
    whole = Path(folder) / "model.bin"
    data = b"".join(path.read_bytes() for path in ([whole] if whole.exists() else sorted(Path(folder).glob("model.bin.part*"))))
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def text():
        return take(f"{take('H')}s")[:-1].decode()

    tensors = {}
    take("I"), text(), take("I")
    for _ in range(take("I")):
        name, rank = text(), take("B")
        shape, kind, size = [take("I") for _ in range(rank)], take("B"), take("I")
        tensors[name] = np.frombuffer(data, TYPES[kind], size // np.dtype(TYPES[kind]).itemsize, at).reshape(shape)
        at += size
    return tensors


def encoder_state(tensors):
    """The encoder's tensors, float32, under transformers' names (WhisperEncoder)."""
    get = lambda name: tensors["encoder/" + name].astype(np.float32)
    width = get("layer_norm/gamma").shape[0]
    state = {"embed_positions.weight": get("position_encodings/encodings")}

    def put(ours, theirs, weight="weight", bias="bias"):
        state[ours + ".weight"], state[ours + ".bias"] = get(f"{theirs}/{weight}"), get(f"{theirs}/{bias}")

    def norm(ours, theirs):
        put(ours, theirs, "gamma", "beta")

    put("conv1", "conv1"), put("conv2", "conv2"), norm("layer_norm", "layer_norm")
    for i in range(len({name.split("/")[1] for name in tensors if name.startswith("encoder/layer_")} - {"layer_norm"})):
        ours, theirs = f"layers.{i}.", f"layer_{i}/"
        weight, bias = get(theirs + "self_attention/linear_0/weight"), get(theirs + "self_attention/linear_0/bias")
        for part, name in enumerate(("q_proj", "k_proj", "v_proj")):
            rows = slice(part * width, (part + 1) * width)
            state[f"{ours}self_attn.{name}.weight"] = weight[rows]
            if name != "k_proj":  # the keys' bias changes nothing, and transformers has none
                state[f"{ours}self_attn.{name}.bias"] = bias[rows]
        put(ours + "self_attn.out_proj", theirs + "self_attention/linear_1")
        norm(ours + "self_attn_layer_norm", theirs + "self_attention/layer_norm")
        put(ours + "fc1", theirs + "ffn/linear_0"), put(ours + "fc2", theirs + "ffn/linear_1")
        norm(ours + "final_layer_norm", theirs + "ffn/layer_norm")
    return state
