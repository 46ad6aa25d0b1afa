"""Text encoders of the artist's own: CLIP, RoBERTa and their like in the format of `transformers`, in a local folder.

One reads prompts in place of the shipped sentence encoders once `build.py train words --text-encoder FOLDER` has taught it: the adapter
that is learned, words.safetensors in the same folder, is a reader.Reader over what the text encoder gives, which does not change.
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

from contract import UtterError
from model_runtime import checkpoints, pretrained
from model_runtime.emotion import reader
from model_runtime.emotion.labels import LABELS

CLIP = ("clip", "clip_text_model")
TYPES = (*CLIP, "roberta", "xlm-roberta", "camembert", "bert", "distilbert", "mpnet", "electra")
MULTILINGUAL = ("xlm-roberta",)
ADAPTER = "words.safetensors"
UNUSED = ("pooler.dense.weight", "pooler.dense.bias", "position_ids", "masked_spec_embed")  # of a model that was taught to fill in words


class TextEncoder:
    """Gives float32 [n, size] of n texts. Of CLIP: the text as images are compared with it; of any other: the mean over its tokens."""

    def __init__(self, folder, device="cpu"):
        """UtterError in a sentence for a folder that holds no such model."""
        self.folder, self.device = Path(folder), torch.device(device)
        config = pretrained.read_config(self.folder, TYPES, "a text encoder")
        self.clip = config["model_type"] in CLIP
        projected = "CLIPTextModel" not in (config.get("architectures") or ())
        kind = ("CLIPTextModelWithProjection" if projected else "CLIPTextModel") if self.clip else "AutoModel"
        model = pretrained.read_model(self.folder, kind, UNUSED)
        self.kind = f"{config['model_type']}-{pretrained.fingerprint(model, UNUSED)}"
        self.multilingual = config["model_type"] in MULTILINGUAL
        self.model = model.eval().to(self.device)
        self.tokenizer = self._read_tokenizer()
        places = model.config.max_position_embeddings  # those of RoBERTa begin at 2
        self.most = min(self.tokenizer.model_max_length, places if self.clip else places - 2)  # tokens
        self.mean, self.deviation = 0.0, 1.0  # of the phrases that the reader learned from
        self.reader = None

    def _read_tokenizer(self):
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token
            tokenizer(["a", "two words"], padding=True, return_offsets_mapping=True)
        except Exception as error:  # what a library says about a damaged file is for the log
            raise UtterError(
                f"{self.folder.name} has no tokenizer.json that reads text; copy the model's folder again.", repr(error)
            ) from error
        return tokenizer

    def reads(self, text):
        """How many characters of a text are read."""
        found = self.tokenizer(text, truncation=True, max_length=self.most, return_offsets_mapping=True)
        return len(text) if len(found["input_ids"]) < self.most else max(end for _, end in found["offset_mapping"])

    @torch.inference_mode()
    def encode(self, texts, report=lambda done: None):
        """list of n str -> float32 [n, size] as the model gives it. report hears how many are done."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like lengths together
        out = [None] * len(texts)
        for start in range(0, len(texts), 64):
            rows = order[start : start + 64]
            tokens = self.tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=self.most, return_tensors="pt").to(
                self.device
            )
            for i, x in zip(rows, self._pooled(self.model(**tokens), tokens["attention_mask"]).float().cpu()):
                out[i] = x
            report(start + len(rows))
        return torch.stack(out)

    def _pooled(self, found, mask):
        if self.clip:
            return found.text_embeds if "text_embeds" in found else found.pooler_output
        mask = mask[..., None].to(found.last_hidden_state.dtype)
        return (found.last_hidden_state * mask).sum(1) / mask.sum(1)

    def __call__(self, texts):
        """list of n str -> float32 [n, size] of length 1, as the reader takes it."""
        return self.normal(self.encode(texts))

    def normal(self, features):
        """As encode() gives them -> each column measured against the phrases: what such models say of all texts alike is taken out."""
        return F.normalize((features - self.mean) / self.deviation, dim=-1)

    def measure(self, features):
        """Take the mean and deviation of phrases' features [n, size]."""
        self.mean, self.deviation = features.mean(0), features.std(0) + 1e-4

    def write(self, network, about):
        """Write the adapter. network: the Reader that was learned; about: metadata."""
        tensors = {name: x if x.dtype == torch.int8 else x.half() for name, x in network.state_dict().items()}
        tensors |= {"mean": self.mean, "deviation": self.deviation}
        about = {**about, "labels": json.dumps(LABELS), "text_encoder": self.kind}
        checkpoints.write({name: x.contiguous() for name, x in tensors.items()}, self.folder / ADAPTER, reader.FORMAT, about)


def load_text_encoder(folder, device="cpu"):
    """The TextEncoder of a folder, with the reader that it was taught. UtterError where it cannot read prompts, and says what to do."""
    folder = Path(folder)
    encoder = TextEncoder(folder, device)
    again = f"run python build.py train words --text-encoder {folder}"
    if not (folder / ADAPTER).is_file():
        raise UtterError(f"The text encoder in {folder.name} has not learned to read feelings yet; {again}.")
    tensors, metadata = checkpoints.read(folder / ADAPTER, reader.FORMAT, again)
    if json.loads(metadata.get("labels", "[]")) != list(LABELS) or metadata.get("text_encoder") != encoder.kind:
        raise UtterError(f"{ADAPTER} in {folder.name} was learned with another text encoder or another Utter; {again}.", str(metadata))
    if "mean" not in tensors or "deviation" not in tensors:
        raise UtterError(f"{ADAPTER} in {folder.name} is damaged; {again}.")
    encoder.mean, encoder.deviation = tensors.pop("mean").float(), tensors.pop("deviation").float()
    network = reader.own_reader(len(encoder.mean), len(tensors.get("votes", ())))
    checkpoints.load_into(network, tensors, ADAPTER)
    encoder.reader = network.eval()
    return encoder
