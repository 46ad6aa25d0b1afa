"""A studio's own recordings as training data: python build.py train generator --recordings FOLDER [--only] [--flame HEAD]

FOLDER holds a voice and its curves under one name, both starting at the same moment:

    NAME.wav (or another sound file)
    NAME.npz    a Motion of ours (motion, fps, basis), also one that was captured from a film; or FLAME curves: expression [T, 50 or
                more], jaw_pose [T, 3] and, where there are, neck_pose [T, 3], eye_pose [T, 6] (axis-angle; left, right),
                eyelids [T, 2], at fps; or weights [T, K] with names (ARKit's face actions) at fps
    NAME.csv    ARKit curves: a row a frame, columns named as the actions are, with Timecode (Live Link Face), time or fps
    NAME.txt    the words said; optional
    index.csv   clip, emotion, strength, split: all but clip optional. What is `test` is not learned from; without an emotion a
                recording's feeling is that of its voice

FLAME curves are in the basis of the head that they were solved with, which --flame names. What ARKit curves and films do not hold (the
tongue; of some curves gaze, blinks, brows, head turns) is performed by the teacher to the same voice. Lips meet where the encoder hears p,
b or m: trackers leave them slightly open.

With the teacher's performances, or alone, they make a dataset of dataset.py's layers in CACHE/recordings.
"""

import json
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from pathlib import Path

import numpy as np

from contract import (
    ACTIONS,
    CHANNELS,
    EXPRESSION,
    EYES,
    FPS,
    JAW,
    LIDS,
    NECK,
    SOUND_SUFFIXES,
    TONGUE,
    UtterError,
    find_file,
    hidden,
    read_number,
    read_table,
    read_text,
    same_name,
)
from model_runtime.audio import RATE, load_voice
from model_runtime.capture.arkit import HEAD, as_actions, read_csv, resample
from model_runtime.emotion import LABELS
from model_runtime.flame import actions as face_actions
from model_runtime.flame import lbs
from model_runtime.motion import read_npz
from model_runtime.speech import content as content_module
from model_runtime.speech import words
from model_runtime.speech.phones import PHONES
from model_runtime.training import dataset, teacher
from model_runtime.training.teacher import contact, layout

APART = 1.0  # seconds by which a voice and its curves may differ in length
GAP = 0.25  # seconds without a frame from which it is said
SHARE = 0.3  # share of the frames that are recorded, where the teacher performs too
SEED = 17
SHUT = 0.03  # lip gap of shut lips
BROWS = ("browDown", "browInnerUp", "browOuterUp")
# What is learned of a face on film. The tracker's lids half shut so often that a generator that learns them blinks 1.5 times a second.
SEEN = [name for name in ACTIONS if name != "tongueOut" and not name.startswith("eyeBlink")]


@dataclass
class Recording:
    name: str
    samples: np.ndarray  # float32 [N] at 16 kHz
    values: np.ndarray  # [T, 65] on the built-in head
    actions: np.ndarray = None  # [T, 52] in the order of ACTIONS, where that is what was captured ...
    captured: frozenset = frozenset()  # ... and the names of those that were, of "neck" too
    text: str = ""
    share: np.ndarray = None  # [8] of LABELS; None: the feeling of the voice
    strength: float = 1.0
    notes: list = field(default_factory=list)


# ---- reading


def read(folder, head, flame=None, report=print):
    """Recordings to learn from, of that folder; report is given a sentence about each that is left out. head: the built-in one;
    flame: the Head of FLAME curves. UtterError if none is left."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UtterError(f"{folder} is no folder; name the folder of your recordings.")
    index, found = read_index(folder), []
    for sound in sorted(path for path in folder.iterdir() if path.suffix.lower() in SOUND_SUFFIXES and not hidden(path)):
        about = index.get(same_name(sound.stem), {})
        if about.get("split") == "test":
            continue
        try:
            found.append(read_one(sound, about, head, flame))
        except UtterError as error:
            report(f"{sound.stem} is left out: {error}")
    if not found:
        raise UtterError(f"{folder} holds no recordings to learn from; put NAME.wav and NAME.npz or NAME.csv in it.")
    return found


def read_index(folder):
    """{clip: row} of index.csv; {} without one."""
    path = find_file(folder / "index.csv")
    if not path.exists():
        return {}
    table = [row for row in read_table(path, strict=False) if any(cell.strip() for cell in row)]
    rows = [dict(zip_longest(map(str.strip, table[0]), row[: len(table[0])], fillvalue="")) for row in table[1:]]
    if rows and "clip" not in rows[0]:
        raise UtterError("index.csv lacks the column clip; name each recording there.")
    return {same_name(Path(row["clip"]).stem): row for row in rows}


def read_one(sound, about, head, flame):
    samples = load_voice(sound)
    T = -(-len(samples) * FPS // RATE)
    curves = next((path for suffix in (".npz", ".csv") if (path := find_file(sound.with_suffix(suffix))).exists()), None)
    if curves is None:
        raise UtterError(f"beside {sound.name} there is neither {sound.stem}.npz nor {sound.stem}.csv.")
    text = find_file(sound.with_suffix(".txt"))
    recording = Recording(sound.stem, samples, None, text=read_text(text) if text.exists() else "")
    emotion = (about.get("emotion") or "").strip().lower()
    if emotion:
        if emotion not in LABELS:
            raise UtterError(f'index.csv calls it "{emotion}"; use one of {", ".join(LABELS)}.')
        recording.share = np.eye(len(LABELS), dtype=np.float32)[LABELS.index(emotion)]
        try:
            recording.strength = float(np.clip(read_number(about.get("strength") or "1"), 0, 1))
        except ValueError:
            raise UtterError(f'its strength "{about["strength"]}" in index.csv is no number from 0 to 1.') from None
    if curves.suffix.lower() == ".csv":
        kind, (rows, times, names) = "actions", read_csv(curves, len(samples) / RATE)
    else:
        kind, rows, times, names = read_curves(curves, head)
    if abs(times[-1] + times[-1] / max(len(times) - 1, 1) - len(samples) / RATE) > APART:
        raise UtterError(f"{curves.name} lasts {times[-1]:.1f} s and {sound.name} {len(samples) / RATE:.1f} s; cut both to the same take.")
    if (gap := np.diff(times).max()) > GAP:
        recording.notes.append(f"for up to {gap:.1f} s no face was captured; the curves go straight there.")
    rows = resample(rows, times, T)
    if kind == "actions":
        recording.actions, recording.captured, neck = as_actions(rows, names, curves.name)
        recording.values = to_motion(head, recording.actions)
        recording.values[:, NECK] = neck
    elif kind == head.basis:
        recording.values = rows
    elif flame is not None:
        recording.values = from_flame(rows, flame, head)
    else:
        raise UtterError(f"{curves.name} is in the basis of another head; name that head with --flame.")
    return recording


def read_curves(path, head):
    """-> (kind, rows [T, K], seconds [T], names) of an .npz. kind: "actions", a basis, or "flame" where none is named."""
    with read_npz(path) as arrays:
        stored = {name: arrays[name] for name in arrays.files}
    fps = stored["fps"].item() if "fps" in stored and stored["fps"].size == 1 else 0
    if not isinstance(fps, (int, float)) or not 1 <= fps <= 1000:
        raise UtterError(f"{path.name} lacks fps; store the frames a second beside the curves.")
    kind, names = "flame", None
    if "motion" in stored and "actions" in stored and stored.get("filmed"):
        motion, acted = matrix(stored, "motion", path, CHANNELS), matrix(stored, "actions", path, len(ACTIONS))
        kind, names = "actions", [*SEEN, *HEAD]
        rows = np.concatenate([acted[:, [layout.INDEX[name] for name in SEEN]], motion[:, NECK] * (1, -1, -1)], 1)
    elif "motion" in stored:
        kind, rows = str(stored.get("basis", "flame")), matrix(stored, "motion", path, CHANNELS)
    elif "weights" in stored and "names" in stored:
        kind, rows, names = "actions", matrix(stored, "weights", path), [str(name) for name in stored["names"]]
        if rows.shape[1] != len(names):
            raise UtterError(f"{path.name} holds {rows.shape[1]} weights and {len(names)} names; store a name for each weight.")
    elif "expression" in stored and "jaw_pose" in stored:
        expression, jaw = matrix(stored, "expression", path), matrix(stored, "jaw_pose", path, 3)
        kind, rows = str(stored.get("basis", "flame")), np.zeros((len(expression), CHANNELS), np.float32)
        count = min(expression.shape[1], EXPRESSION.stop)
        try:
            rows[:, :count], rows[:, JAW] = expression[:, :count], jaw
            if "neck_pose" in stored:
                rows[:, NECK] = matrix(stored, "neck_pose", path, 3)
            if "eye_pose" in stored:
                rows[:, EYES] = matrix(stored, "eye_pose", path, 6)[:, [0, 1, 3, 4]]
            if "eyelids" in stored:
                rows[:, LIDS] = matrix(stored, "eyelids", path, 2)
        except ValueError:
            raise UtterError(f"the curves in {path.name} differ in length; store a row for each frame.") from None
    else:
        raise UtterError(f"{path.name} holds none of motion, weights with names, or expression with jaw_pose.")
    return kind, rows, np.arange(len(rows)) / fps, names


def matrix(stored, name, path, columns=None):
    rows = stored[name]
    fits = rows.dtype.kind in "fiu" and rows.ndim == 2 and len(rows) > 1 and columns in (None, rows.shape[1])
    if not fits or not np.isfinite(rows).all():
        raise UtterError(f"{name} in {path.name} must be finite numbers [frames, {columns or 'columns'}], two frames at least.")
    return rows.astype(np.float32)


def to_motion(head, actions):
    """actions [T, 52] in the order of ACTIONS -> values [T, 65]."""
    return face_actions.to_motion(head, actions[:, [layout.INDEX[name] for name in head.action_names]])


def from_flame(values, flame, head):
    """Values on a FLAME head -> on the built-in one: by the nearest face actions; lips that are shut there are shut here."""
    mapped = face_actions.to_motion(head, face_actions.from_motion(flame, values))
    mapped[:, NECK.start :] = values[:, NECK.start :]
    return shut(mapped, lbs.lip_gap(flame, values) < SHUT, head)


def shut(values, closure, head):
    """Lips brought together where closure [T] (0 to 1) asks for it."""
    channels = np.zeros((len(values), layout.CHANNELS))
    channels[:, layout.CLOSURE] = closure
    return values + contact.correct(contact.Mouth(head), values, channels, np.asarray(head.actions_motion, np.float32))


# ---- the layers of a dataset


def record(folder, head, encoder, feelings, flame=None, report=print):
    """The folder's recordings as a Dataset. UtterError if there is nothing to learn from."""
    heard, said, values, shares, strengths, rows, at = [], [], [], [], [], [], 0
    for number, recording in enumerate(read(folder, head, flame, report)):
        T = len(recording.values)
        if T < dataset.SHORTEST:
            report(f"{recording.name} is left out: it is shorter than half a second.")
            continue
        for sentence in recording.notes:
            report(f"{recording.name}: {sentence}")
        content = encoder.encode(recording.samples)
        found, note = words.find(content, recording.text) if recording.text.strip() else (None, "")
        sharp = words.blend(content, found.phones) if found else content
        if note:
            report(f"{recording.name}: {note}")
        sharp30 = content_module.resample(sharp, FPS, T)
        heard.append(content_module.resample(content, FPS, T).astype(np.float16))
        said.append(sharp30.astype(np.float16))
        share, strength = felt(recording, feelings) if recording.share is None else (recording.share, recording.strength)
        values.append(completed(recording, sharp, sharp30, share, strength, head, SEED + number))
        shares.append(np.tile(share.astype(np.float16), (T, 1)))
        strengths.append(np.full(T, strength, np.float16))
        rows.append({"clip": f"recordings/{recording.name}", "split": "train", "content_start": at, "start": at, "length": T})
        at += T
    if not rows:
        raise UtterError(f"{folder} holds no recording of half a second.")
    report(f"{len(rows)} recordings, {at / FPS / 60:.1f} minutes")
    betas = np.zeros((len(rows), 300), np.float32)
    return dataset.Dataset(*map(np.concatenate, (heard, said, values, shares, strengths)), betas, rows, head.basis, np.zeros((at, 2), np.float16))


def felt(recording, feelings):
    """(share [8], strength) of the voice."""
    found, strength = feelings.describe(feelings.voice(recording.samples, len(recording.values)).mean(0))
    return np.array([found[name] for name in LABELS], np.float32), strength


def completed(recording, content, content30, share, strength, head, seed):
    """The recording's values with lips that meet, and with what the capture does not hold."""
    if recording.actions is None:
        return recording.values.astype(np.float32)
    T, have = len(recording.values), recording.captured
    melody = content[:, content_module.PROSODY]
    acted, channels = teacher.actions(heard_phones(content), melody, np.tile(share, (T, 1)), strength, seed, T)
    face = recording.actions.copy()
    if "browInnerUp" not in have:
        for name in BROWS:
            face[:, layout.columns(name)] = acted[:, layout.columns(name)]
    gaze, blinks = "eyeLookDownLeft" in have, "eyeBlinkLeft" in have
    for name in ACTIONS:
        if (not gaze and name.startswith("eyeLook")) or (not blinks and name.startswith("eyeBlink")):
            face[:, layout.INDEX[name]] = acted[:, layout.INDEX[name]]
    values = to_motion(head, face)
    values[:, NECK] = recording.values[:, NECK] if "neck" in have else channels[:, layout.NECK]
    tongue = values[:, TONGUE.start + 2].copy()
    values[:, TONGUE] = channels[:, layout.TONGUE]  # a camera does not see tip and back
    values[:, TONGUE.start + 2] = np.maximum(tongue, 0)
    bilabial = content30[:, content_module.NAMES.index("bilabial")]
    return shut(values, np.clip((bilabial - 0.3) / 0.4, 0, 1), head).astype(np.float32)


def heard_phones(content):
    """What the encoder hears [Tc, 59] as [[start, end, phone], ...]."""
    best = content[:, content_module.PHONES].argmax(1)
    phones, at = [], 0
    for phone, run in groupby(best):
        count = len(list(run))
        phones.append([at / content_module.FPS, (at + count) / content_module.FPS, PHONES[phone]])
        at += count
    return phones


# ---- beside the teacher's


def join(performed, recorded, share=SHARE):
    """One Dataset of both, in which the recorded performances are repeated until they are that share of all frames."""
    frames = lambda data: sum(row["length"] for row in data.performances)
    times = max(1, round(share / (1 - share) * frames(performed) / frames(recorded)))
    moved = [
        row | {"start": row["start"] + len(performed.values), "content_start": row["content_start"] + len(performed.content)}
        for row in recorded.performances
    ]
    both = lambda name: np.concatenate([getattr(performed, name), getattr(recorded, name)])
    return dataset.Dataset(
        both("content"),
        both("spoken"),
        both("values"),
        both("share"),
        both("strength"),
        np.concatenate([performed.betas, np.tile(recorded.betas, (times, 1))]),
        performed.performances + moved * times,
        performed.basis,
        np.concatenate([data.manner if data.manner is not None else np.zeros((len(data.values), 2), np.float16) for data in (performed, recorded)]),
    )


def write(args, report=print):
    """What build.py train's arguments name (--recordings, beside the teacher's performances unless --only) as the layers of a
    dataset in CACHE/recordings; returns that folder, a cache for sync and generator like any other."""
    from model_runtime.emotion import load_feelings
    from model_runtime.flame.load import load_head
    from model_runtime.speech.encoder import load_encoder

    head, flame = load_head(), load_head(args.flame) if args.flame else None
    data = record(args.recordings, head, load_encoder("cpu"), load_feelings("cpu"), flame, report)
    if not args.only:
        dataset.ensure(args.cache, head, report)
        data = join(dataset.load_dataset(args.cache), data)
    path = Path(args.cache) / "recordings"
    path.mkdir(parents=True, exist_ok=True)
    (path / "values.basis").unlink(missing_ok=True)  # written last: without it the folder is not read
    for name in ("content", "spoken", "values", "share", "strength", "manner", "betas"):
        np.save(path / f"{name}.npy", getattr(data, name))
    for name, rows in (("clips", []), ("performances", data.performances)):
        (path / f"{name}.json").write_text(json.dumps(rows))
    (path / "values.basis").write_text(data.basis)
    return path
