"""Models of `transformers` in a folder of the artist's, as save_pretrained() writes it. Nothing is downloaded, unpickled or run from it."""

import hashlib
import json

import torch

from contract import UtterError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def read_json(path):
    """A JSON object. UtterError otherwise."""
    if not path.is_file():
        raise UtterError(f"{path.parent} holds no {path.name}; choose a folder as save_pretrained() of transformers writes it.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found
    except (OSError, ValueError) as error:
        raise UtterError(f"{path} is damaged; copy the model's folder again.", str(error)) from error


def read_config(folder, types, what):
    """config.json of a model of one of those types. what: what it is wanted for, such as "an encoder"."""
    if not folder.is_dir():
        raise UtterError(
            f"{folder} is a file; choose the folder that holds the model's config.json."
            if folder.exists()
            else f"The folder {folder} does not exist; choose the folder of a model."
        )
    config = read_json(folder / "config.json")
    if config.get("model_type") not in types:
        raise UtterError(
            f"{folder.name} is a model of type {config.get('model_type')}, which cannot be {what}; choose one of {', '.join(types)}."
        )
    return config


def check_weights(folder):
    """There are safetensors; a pickle may run code and is never opened."""
    if any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        return
    if any(path.suffix in PICKLES for path in folder.iterdir()):
        raise UtterError(
            f"The weights of {folder.name} are pickled, which could run code; save them as model.safetensors "
            "with save_pretrained() of transformers."
        )
    raise UtterError(f"{folder} holds no model.safetensors; copy the model's folder again.")


def read_model(folder, kind, unused=("masked_spec_embed",)):
    """A model of that class of transformers with all its weights, but those whose names end in unused."""
    import transformers
    from transformers.utils import logging

    check_weights(folder)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, found = getattr(transformers, kind).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # what a library says about a damaged file is for the log
        raise UtterError(f"The model in {folder.name} cannot be loaded; copy its folder again.", repr(error)) from error
    missing = {name for name in found["missing_keys"] if not name.endswith(unused)}
    if missing or found["mismatched_keys"]:
        raise UtterError(
            f"The weights of {folder.name} are not all there; copy the model's folder again.",
            f"missing {sorted(missing)[:20]}, misshapen {list(found['mismatched_keys'])[:20]}",
        )
    return model


def fingerprint(model, unused=()):
    """Eight hex digits that tell a model's weights from others'; those whose names end in unused do not count."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if name.endswith(tuple(unused)):
            continue
        digest.update(name.encode() + tensor.flatten()[:64].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:8]
