"""When each phone is spoken: .cache/training/alignments.jsonl, one clip a line.

    {"clip": "emodb/03a01Fa", "path": ..., "speaker": ..., "split": "train|dev|test", "emotion": ...,
     "source": "hand|mfa|sphinx|recognised", "phones": [[start, end, "AH0"], ...], "words": [[start, end, "word"], ...]}

Seconds. Phones are ARPAbet (with a stress digit where the source has one) and `sil`; they follow one another without overlap.
German sounds that English lacks stand under the phone that looks nearest, and `sounds` (as long as `phones`) names them
(phones.GERMAN). `releases` lists the releases of stops where they are marked by hand.

Hand labels (EmoDB) and Montreal Forced Aligner grids (LJSpeech) are read; clips with a text are aligned by PocketSphinx in two
passes, words and then phones. Unknown English words and all German ones are spelt out by letter-to-sound rules. Fluent English
without a text is recognised first (four words in five are right, and most wrong ones sound alike), which adds many voices.
"""

import json
import re
from pathlib import Path

import numpy as np
import soundfile

from model_runtime.speech.phones import GERMAN, VOWELS, bare
from model_runtime.training import corpus

# How late (seconds) each aligner's boundaries are against hand labels: medians measured on EmoDB's (4549 boundaries, forced to
# the hand-written phones: median error 12 ms) and, through PocketSphinx, on LJSpeech's grids.
SPHINX_LATE, MFA_LATE = -0.008, 0.012


RECOGNISED = ("librispeech", "vctk")  # folders of fluent English where a text may be missing


def path_of(cache):
    return Path(cache) / "alignments.jsonl"


def load(cache=".cache/training", split=None):
    """The aligned clips as dicts (see the module's first lines), of one split or all. [] before `train align` has run."""
    return [record for record in read(path_of(cache)) if split in (None, record["split"])]


def read(path):
    """The records of such a file; [] where there is none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]  # a stopped run may have left half a line


def main(args):
    """Align every clip that is not in the cache yet. A stopped run goes on where it stopped."""
    path = path_of(args.cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {record["clip"] for record in load(args.cache)}
    aligner, failed = None, 0
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("\n" if path.stat().st_size and not path.read_text(encoding="utf-8").endswith("\n") else "")
        for clip in corpus.clips(args.data, args.clips):
            folder = clip.name.split("/")[0]
            if clip.name in done or (clip.kind == "sound" and folder not in RECOGNISED):
                continue
            if clip.kind == "phones":
                found = read_emodb(clip) if folder == "emodb" else read_textgrid(clip)
            else:
                aligner = aligner or Aligner()
                found = aligner.align(clip) if clip.kind == "text" else aligner.recognise(clip)
            if not found or not sane(found["phones"]):
                failed += 1
                continue
            record = {
                "clip": clip.name,
                "path": str(clip.path),
                "speaker": clip.speaker,
                "split": clip.split,
                "emotion": clip.emotion,
                "language": clip.language,
                **found,
            }
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            stream.flush()
    total = len(load(args.cache))
    print(f"aligned {total} clips; {failed} could not be aligned")


def sane(phones):
    """A usable alignment: some speech, in order, and nothing that a mouth cannot do (a phone other than sil that lasts over 1.2 s)."""
    speech = [(start, end) for start, end, phone in phones if bare(phone) != "sil"]
    in_order = all(a[1] <= b[0] + 1e-6 for a, b in zip(phones, phones[1:])) and all(end > start for start, end, _ in phones)
    return bool(speech) and in_order and max(end - start for start, end in speech) < 1.2


# ---- labels that exist


def read_textgrid(clip):
    """Words and phones of a Praat TextGrid beside LJSpeech's audio."""
    grid = (clip.path.parent.parent / "textgrid_for_audio" / f"{clip.path.stem}.TextGrid").read_text(encoding="utf-8")
    tiers = {}
    for part in re.split(r"item \[\d+\]:", grid)[1:]:
        name = re.search(r'name = "(.*?)"', part)[1]
        found = re.findall(r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "(.*?)"', part)
        tiers[name] = [[max(float(start) - MFA_LATE, 0), float(end) - MFA_LATE, text] for start, end, text in found]
    return {
        "source": "mfa",
        "phones": [[s, e, "sil" if bare(p) == "sil" else p] for s, e, p in tiers["phones"]],
        "words": [word for word in tiers["words"] if word[2]],
    }


# EmoDB's own names -> (ARPAbet, German sound or None). Vowels may carry a trailing 6 (vocalic r) or @.
EMODB = {
    **{x: (x.upper(), None) for x in "pbtdkgfvszmnl"},
    "a": ("AA", None),
    "A": ("AA", None),
    "aI": ("AY", None),
    "aU": ("AW", None),
    "aO": ("AW", None),
    "ao": ("AW", None),
    "AO": ("AW", None),
    "OU": ("OW", None),
    "OY": ("OY", None),
    "E": ("EH", None),
    "e": ("EY", None),
    "@": ("AH", None),
    "I": ("IH", None),
    "i": ("IY", None),
    "ia": ("IY", None),
    "O": ("AO", None),
    "o": ("OW", None),
    "U": ("UH", None),
    "u": ("UW", None),
    "Y": ("UH", "Y"),
    "y": ("UW", "y:"),
    "2": ("ER", "2:"),
    "9": ("ER", "9"),
    "6": ("AH", "6"),
    "N": ("NG", None),
    "S": ("SH", None),
    "Z": ("ZH", None),
    "C": ("HH", "C"),
    "x": ("HH", "x"),
    "X": ("HH", "R"),
    "R": ("HH", "R"),
    "4": ("HH", "R"),
    "r": ("HH", "R"),
    "h": ("HH", None),
    "H": ("HH", None),
    "j": ("Y", None),
    "J": ("Y", None),
    "L": ("L", None),
    "D": ("DH", None),
    "G": ("G", None),
    "B": ("V", None),
    "V": ("V", None),
    "T": ("TH", None),
    "?": ("sil", "?"),
    ".": ("sil", None),
    "(": ("sil", None),
    "(gef": ("sil", None),
}


def read_emodb(clip):
    """Hand labels: `_p` or `p` a closure, `!p` its release; marks on lines of their own (+x, -x, `pasp`, a bare `!`) prolong."""
    lines = (clip.path.parent.parent / "phones" / f"{clip.path.stem}.tsv").read_text(errors="replace").splitlines()
    phones, sounds, releases = [], [], []
    for start, end, *label in (line.split("\t") for line in lines if line.count("\t") >= 2):
        start, end, name = float(start), float(end), (" ".join(label).split() or ["-"])[0]
        released = name[0] == "!" and len(name) > 1
        name = re.sub(r"[+-].*$", "", name.lstrip("_!")) or name
        if name[0] in "+-![" or name.endswith("asp"):
            if name.endswith("asp"):
                releases.append([start, end])
            if phones:
                phones[-1][1] = end
            continue
        name = name if name in EMODB else name.rstrip("6@") if name.rstrip("6@") in EMODB else name[0]
        phone, sound = EMODB.get(name, ("AH", None))
        stress = "1" if re.search(r"\b[123]\b", " ".join(label[1:])) else "0"
        if released:
            releases.append([start, end])
            if phones and phones[-1][2] == phone and start - phones[-1][1] < 0.005:
                phones[-1][1] = end
                continue
        phones.append([start, end, phone + stress if phone in VOWELS else phone])
        sounds.append(sound)
    if phones:
        duration = soundfile.info(str(clip.path)).duration
        if phones[0][0] > 0.01:
            phones.insert(0, [0.0, phones[0][0], "sil"])
            sounds.insert(0, None)
        if duration - phones[-1][1] > 0.01:
            phones.append([phones[-1][1], duration, "sil"])
            sounds.append(None)
    return {"source": "hand", "phones": phones, "words": [], "sounds": sounds, "releases": releases}


# ---- forced alignment


class Aligner:
    """PocketSphinx with its US English acoustic model, aligned with a text or recognising freely."""

    def __init__(self):
        from pocketsphinx import Decoder

        self.decoder = Decoder(lm=None, bestpath=False, loglevel="FATAL")
        self.recogniser = Decoder(bestpath=False, fwdflat=False, maxhmmpf=3000, pl_window=5, loglevel="FATAL")
        self.known = {}  # word -> the German sounds in it, [name or None] per phone

    def align(self, clip):
        """-> {"source", "phones", "words"} or None where text and sound do not fit together."""
        if clip.language not in ("en", "de") or re.search(r"[\d<]", clip.text):
            return None
        words = re.sub(r"[^a-zäöüß' ]", " ", clip.text.lower().replace("’", "'").replace("é", "e")).split()
        words = [word for word in (word.strip("'") if clip.language == "de" else word for word in words) if word.strip("'")]
        words = [self.learn(word, clip.language) for word in words]
        try:
            self.decoder.set_align_text(" ".join(words))
            found = self.decode(self.decoder, clip)
        except RuntimeError:  # the text does not fit the sound
            return None
        return found and {"source": "sphinx", **found}

    def recognise(self, clip):
        """The same for a clip without text, with the words that were understood."""
        try:
            found = self.decode(self.recogniser, clip)
        except RuntimeError:
            return None
        finally:
            self.recogniser.activate_search()  # leave the alignment for the language model again
        return found and {"source": "recognised", **found}

    def decode(self, decoder, clip):
        """Both passes over a clip: words, then the phones in them."""
        sound, rate = soundfile.read(str(clip.path), dtype="float32")
        assert rate == 16000
        samples = (sound * (0.5 / max(np.abs(sound).max(), 1e-4)) * 32767).astype(np.int16).tobytes()
        for second in (False, True):
            if second:
                if decoder.hyp() is None:
                    return None
                decoder.set_alignment()
            decoder.start_utt()
            decoder.process_raw(samples, full_utt=True)
            decoder.end_utt()
        return self.read(decoder.get_alignment(), len(sound) / rate, clip.language)

    def learn(self, word, language):
        """Make sure the decoder can say word; returns its name in the decoder's dictionary."""
        name = word if language == "en" else f"{word}_de"
        if self.decoder.lookup_word(name) is None:
            if language == "de":
                spelt = spell(word, GERMAN_LETTERS)
                self.known[name] = [sound if sound in GERMAN else None for sound in spelt]
                spelt = [GERMAN[sound][0] if sound in GERMAN else sound for sound in spelt]
                spelt = ["HH" if phone == "sil" else phone for phone in spelt]
            else:
                spelt = self.compound(word) or spell(word, ENGLISH_LETTERS)
            self.decoder.add_word(name, " ".join(spelt or ["AH"]), True)
        return name

    def compound(self, word):
        """Phones of a word made of two known ones ("woodcutters", "rose's"), or None."""
        stem, _, ending = word.partition("'")
        if ending == "s" and self.decoder.lookup_word(stem):
            return self.decoder.lookup_word(stem).split() + ["Z"]
        for cut in range(len(word) - 3, 2, -1):
            first, second = self.decoder.lookup_word(word[:cut]), self.decoder.lookup_word(word[cut:])
            if first and second:
                return first.split() + second.split()
        return None

    def read(self, alignment, duration, language):
        phones, words, sounds = [], [], []
        for word in alignment:
            spoken = word.name.partition("(")[0].removesuffix("_de")
            inside = list(word)
            german = self.known.get(word.name, [None] * len(inside))
            if not word.name.startswith(("<", "[", "+")):
                words.append([self.time(word.start), self.time(word.start + word.duration), spoken])
            for index, phone in enumerate(inside):
                phones.append([self.time(phone.start), self.time(phone.start + phone.duration), bare(phone.name)])
                sounds.append(german[index] if index < len(german) else None)
        phones[0][0], phones[-1][1] = 0.0, duration
        return {"phones": phones, "words": words, **({"sounds": sounds} if language == "de" else {})}

    @staticmethod
    def time(frame):
        return round(frame / 100 - SPHINX_LATE, 3)


# ---- letters to sounds: the longest spelling that fits is taken, from the left; "^" the start and "$" the end of a word


def spell(word, letters):
    """Phones of an unknown word by rule, e.g. spell("blenkin", ENGLISH_LETTERS) -> ["B", "L", "EH", "NG", "K", "IH", "N"]."""
    word, sounds, at = f"^{word}$", [], 0
    while at < len(word):
        for size in range(min(6, len(word) - at), 0, -1):
            if word[at : at + size] in letters:
                sounds += letters[word[at : at + size]].split()
                at += size - (word[at + size - 1] == "$" and size > 1)  # the end marker may be matched, but not consumed
                break
        else:
            at += 1
    # Doubled consonants sound once.
    return [sound for i, sound in enumerate(sounds) if i == 0 or sound != sounds[i - 1] or sound in VOWELS]


def table(text):
    return dict(entry.split(":", 1) for entry in re.split(r"\s*;\s*|\n", text.strip()) if ":" in entry)


ENGLISH_LETTERS = table("""
a:AE; ai:EY; ay:EY; au:AO; aw:AO; ar:AA R; al$:AH L; all:AO L; a$:AH; ae:IY; are$:EH R; air:EH R; ate$:EY T; ade$:EY D
ane$:EY N; ace$:EY S; age$:IH JH; ame$:EY M; ake$:EY K; ale$:EY L; ave$:EY V; able$:AH B AH L; ah:AA; b:B; bb:B; c:K; cc:K
ce:S EH; ci:S IH; cy:S IY; ck:K; ch:CH; ce$:S; d:D; dd:D; dge:JH; e:EH; ee:IY; ea:IY; ei:EY; ey$:IY; eu:UW; ew:UW; er:ER
er$:ER; ear:IH R; e$:; es$:Z; ed$:D; ted$:T IH D; ded$:D IH D; ere$:IH R; ete$:IY T; ene$:IY N; f:F; ff:F; g:G; gg:G; ge$:JH
gh:; ght:T; gn$:N; ^gn:N; h:HH; i:IH; ie:IY; ie$:IY; igh:AY; ight:AY T; ir:ER; ine$:AY N; ite$:AY T; ide$:AY D; ile$:AY L
ire$:AY R; ive$:IH V; ice$:IH S; ife$:AY F; ike$:AY K; ime$:AY M; ing$:IH NG; ious$:IY AH S; ion$:IY AH N; tion:SH AH N
sion:ZH AH N; cious:SH AH S; tious:SH AH S; j:JH; k:K; ^kn:N; l:L; ll:L; le$:AH L; m:M; mm:M; n:N; nn:N; ng:NG; nk:NG K; o:AA
oo:UW; ook:UH K; oa:OW; oe:OW; oi:OY; oy:OY; ou:AW; ow:OW; or:AO R; o$:OW; old:OW L D; one$:OW N; ole$:OW L; ose$:OW Z
ope$:OW P; ote$:OW T; ous$:AH S; ough:AO; our:AO R; p:P; pp:P; ph:F; qu:K W; q:K; r:R; rr:R; ^wr:R; s:S; ss:S; sh:SH; ^sc:S K
sch:S K; sci:S AY; s$:Z; ss$:S; 's$:Z; t:T; tt:T; th:TH; tch:CH; ture$:CH ER; u:AH; ur:ER; ue$:UW; ui:UW; une$:UW N; ute$:UW T
ude$:UW D; ule$:UW L; um$:AH M; v:V; w:W; wh:W; x:K S; ^x:Z; y:IY; ^y:Y; y$:IY; z:Z; zz:Z
""")

GERMAN_LETTERS = table("""
a:AA; aa:AA; ah:AA; ai:AY; ay:AY; au:AW; ä:EH; äh:EH; äu:OY; b:B; bb:B; b$:P; bst:P S T; c:K; ch:C; ach:AA x; och:AO x
uch:UW x; auch:AW x; chs:K S; ^ch:K; ck:K; d:D; dd:D; d$:T; dt:T; e:EH; ee:EY; eh:EY; ei:AY; eih:AY; ey:AY; eu:OY; e$:AH
en$:AH N; el$:AH L; em$:AH M; er$:6; er:EH 6; ern$:6 N; es$:AH S; et$:AH T; est$:AH S T; ^ge:G AH; ^be:B AH; ^ver:F EH 6
^er:EH 6; f:F; ff:F; g:G; gg:G; g$:K; ig$:IH C; h:HH; i:IH; ie:IY; ieh:IY; ih:IY; ir:IY 6; ier:IY 6; j:Y; k:K; kk:K; l:L; ll:L
m:M; mm:M; n:N; nn:N; ng:NG; nk:NG K; o:AO; oo:OW; oh:OW; or:AO 6; ö:9; öh:2:; ör:2: 6; p:P; pp:P; pf:P F; ph:F; q:K; qu:K V
r:R; rr:R; ar:AA 6; ur:UH 6; ür:y: 6; ra:R AA; re:R EH; ri:R IH; ro:R AO; ru:R UH; rä:R EH; rü:R Y; rö:R 9; s:S; ss:S; ß:S
sch:SH; ^st:SH T; ^sp:SH P; ^sch:SH; ^s:Z; sa:Z AA; se:Z AH; si:Z IH; so:Z OW; su:Z UW; st:S T; sst:S T; t:T; tt:T; th:T
tion:T S IY OW N; tsch:CH; tz:T S; u:UH; uh:UW; ü:Y; üh:y:; v:F; ^v:F; w:V; x:K S; y:Y; z:T S; zz:T S
""")
