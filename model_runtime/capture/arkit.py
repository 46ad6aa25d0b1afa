"""ARKit curves of other programs (Live Link Face and the like): a CSV with a row a frame, columns named as the face actions are."""

import csv
import re
from pathlib import Path

import numpy as np

from contract import ACTIONS, EYES, FPS, NECK, UtterError, beside, read_number, read_table
from model_runtime.audio import RATE, load_voice
from model_runtime.flame.actions import to_motion
from model_runtime.flame.head import Head
from model_runtime.motion import Motion

GAP = 0.25  # seconds without a face from which it is said
APART = 1.0  # seconds by which a sound and its curves may differ in length before it is said
SURE = 0.15  # seconds that a voice may differ from NTSC's slower clock, and twice as much from the other, to speak for it
HEAD = ("HeadPitch", "HeadYaw", "HeadRoll")  # Live Link Face, radians: down, to the subject's right, mirrored likewise
# Live Link Face's columns, in its order: programs that read them by number are not led astray.
SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
WEIGHTS = tuple(SWAPPED.get(name, name) for name in ACTIONS)
TURNS = ("HeadYaw", "HeadPitch", "HeadRoll", *(f"{side}Eye{axis}" for side in ("Left", "Right") for axis in ("Yaw", "Pitch", "Roll")))

NO_JAW = "{} holds no column jawOpen; name the columns as ARKit does."


def capture(path: str | Path, head: Head, sound: str | Path | None = None) -> tuple[Motion, list[str]]:
    """A CSV of ARKit curves -> (Motion on the built-in head at 30 fps, with its face actions; notes). sound: the voice that goes with it,
    and begins with its first frame: NTSC's clocks are told by it. UtterError, in a sentence, for what cannot
    be used."""
    path = Path(path)
    lasts = len(load_voice(sound)) / RATE if sound else None
    rows, times, names = read_csv(path, lasts)
    end = times[-1] + times[-1] / max(len(times) - 1, 1)
    notes = []
    if lasts is not None and sound and abs(end - lasts) > APART:
        notes.append(f"{path.name} lasts {end:.1f} s and {Path(sound).name} {lasts:.1f} s; they are taken to begin at the same moment.")
    if (gap := np.diff(times).max()) > GAP:
        notes.append(f"For up to {gap:.1f} s there is no face; it moves straight on there.")
    actions, captured, neck = as_actions(resample(rows, times, max(1, int(np.ceil(end * FPS - 0.1)))), names, path.name)
    if lacking := sorted(set(ACTIONS) - captured - {"tongueOut"}):
        notes.append(f"{path.name} lacks {', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''}; there the face rests.")
    values = to_motion(head, actions[:, [ACTIONS.index(name) for name in map(str, head.action_names)]])
    values[:, NECK] = neck
    return Motion(values.astype(np.float32), FPS, head.basis, voice=str(sound or path), actions=actions, filmed=True), notes


def write_csv(path: str | Path, motion: Motion, actions: np.ndarray, fps: int = 60) -> None:
    """Write a Motion and its face actions [T, 52] as Live Link Face writes a take: a row a frame, Timecode from 00:00:00:00, a count,
    52 weights, and head and eyes in radians. fps: one of CSV_RATES; between the Motion's frames values go straight on. Whole or not at
    all."""
    T = len(motion.values)
    frames = int((T - 1) / motion.fps * fps + 1e-6) + 1
    neck, (left_pitch, left_yaw, right_pitch, right_yaw) = motion.values[:, NECK], motion.values[:, EYES].T
    still = np.zeros(T)
    turns = np.stack([-neck[:, 1], neck[:, 0], -neck[:, 2], -left_yaw, left_pitch, still, -right_yaw, right_pitch, still], 1)
    rows = np.concatenate([actions[:, [ACTIONS.index(name) for name in WEIGHTS]], turns], 1)
    rows = np.stack([np.interp(np.arange(frames) / fps, np.arange(T) / motion.fps, column) for column in rows.T], 1)
    names = [name[0].upper() + name[1:] for name in (*WEIGHTS, *TURNS)]
    with beside(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("Timecode", "BlendShapeCount", *names))
        for frame, row in enumerate(rows):
            seconds, number = divmod(frame, fps)
            code = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{number:02}.000"
            table.writerow((code, len(names), *(f"{value:.8f}" for value in row)))


def check(path: str | Path) -> None:
    """UtterError, in a sentence, for a file that is no CSV of ARKit curves."""
    path = Path(path)
    as_actions(*read_csv(path)[::2], path.name)


def read_csv(path, lasts=None):
    """-> (rows [T, K], seconds [T], names [K]) of a file of ARKit curves, T >= 2; frames without a face are left out. Times come from a
    column Timecode (as Live Link Face writes it), time or fps. lasts: seconds of the voice, which tells NTSC's clock where nothing else
    does. UtterError for what is no such file."""
    table = [row for row in read_table(path, strict=False) if any(cell.strip() for cell in row)]
    if len(table) < 3:
        raise UtterError(f"{path.name} needs a line of names and two frames at least.")
    names, lines = [name.strip() for name in table[0]], table[1:]
    count = next((k for k, name in enumerate(names) if name.lower() == "blendshapecount"), None)
    columns = [k for k, name in enumerate(names) if plain(name) in ACTION_OF or name in HEAD]
    if "jawopen" not in map(plain, names):
        raise UtterError(NO_JAW.format(path.name))

    def faceless(line):  # as Live Link says it by a count, other programs by no numbers
        none = count is not None and len(line) > count and line[count].strip() == "0"
        return none or (bool(columns) and not any(line[k].strip() for k in columns if k < len(line)))

    lost = [faceless(line) for line in lines]
    lines = [line[: len(names)] + [""] * (len(names) - len(line)) if gone else line for line, gone in zip(lines, lost)]
    for number, line in enumerate(lines, 2):
        if len(line) != len(names):
            raise UtterError(f"line {number} of {path.name} has {len(line)} columns, the first has {len(names)}.")
    clock = {name.lower(): column for column, name in enumerate(names) if name.lower() in ("timecode", "time", "fps")}
    try:
        seen = [line for line, gone in zip(lines, lost) if not gone]
        rows = np.array([[read_number(line[k]) for k in columns] for line in seen], np.float32).reshape(len(seen), len(columns))
        if "timecode" in clock:
            fps = read_number(lines[0][clock["fps"]]) if "fps" in clock else 0.0
            times = seconds_of([line[clock["timecode"]] for line in lines], fps, lasts)
        elif "time" in clock:
            times = np.array([read_number(line[clock["time"]]) for line in lines])
        elif "fps" in clock:
            times = np.arange(len(lines)) / read_number(lines[0][clock["fps"]])
        else:
            raise UtterError(f"{path.name} says nothing of time; add a column Timecode, time (seconds) or fps.")
    except (ValueError, ZeroDivisionError) as error:
        raise UtterError(f"{path.name} holds something that is no number ({error}).") from None
    times = times - times[0]
    if not np.isfinite(rows).all() or not np.isfinite(times).all() or (np.diff(times) < 0).any() or times[-1] <= 0:
        raise UtterError(f"{path.name} holds numbers that are not finite, or its times do not run forwards.")
    if len(rows) < 2:
        raise UtterError(f"{path.name} holds a face in fewer than two frames; record the take again.")
    # Between the frames around it, what was not seen is a straight line; at the ends of the take the face stands still.
    seen = np.flatnonzero(~np.array(lost))
    kept = np.unique(np.r_[0, seen, len(times) - 1])
    return rows[np.clip(np.searchsorted(seen, kept), 0, len(seen) - 1)], times[kept], [names[k] for k in columns]


def seconds_of(timecodes, fps=0.0, lasts=None):
    """ "HH:MM:SS:FF.part" -> seconds [T]. A second counts as many frames as the smallest usual rate that every frame number fits into.

    NTSC's rates (29.97 for 30) run slower than they count. Such are codes with a semicolon, which leave out numbers to keep to the
    clock; those that an fps such as 29.97 or 59.94 stands beside; and else those of a take that comes nearer by it to `lasts`, the
    seconds of its voice. Without these the codes are taken as the clock.
    """
    parts = [re.fullmatch(r"(\d+):(\d+):(\d+)[:;](\d+(?:\.\d+)?)", code.strip().replace(",", ".")) for code in timecodes]
    if not all(parts):
        raise ValueError(f"the timecode {timecodes[parts.index(None)]!r}")
    hours, minutes, seconds, frames = np.array([[float(x) for x in part.groups()] for part in parts]).T
    fitting = [rate for rate in (24, 25, 30, 50, 60, 120, 240) if frames.max() < rate]
    whole = round(fps)
    within = np.ptp(seconds + 60 * minutes) == 0  # one second: its frames do not reach the rate
    rate = whole if within and whole in fitting else fitting[0] if fitting else None
    if rate is None:
        raise ValueError(f"the frame number {frames.max():.0f} of a timecode")
    drops = rate in (30, 60) and all(";" in code for code in timecodes)
    slower = drops or (whole > 0 and abs(fps * 1.001 - whole) < abs(fps - whole))

    def counted(minutes):  # frames up to a minute of the day: of each but every tenth two are left out, of 60 a second four
        return minutes * 60 * rate - drops * rate // 15 * (minutes - minutes // 10)

    since = counted(hours * 60 + minutes) + seconds * rate + frames
    since += counted(1440) * np.r_[0, np.cumsum(np.diff(since) < -counted(720))]  # past midnight
    if not slower and not whole and lasts is not None:
        clock = (since[-1] - since[0] + 1) / rate
        slower = abs(clock * 1.001 - lasts) < SURE and abs(clock - lasts) > 2 * SURE
    return since * (1.001 if slower else 1.0) / rate


def plain(name):
    """ "EyeBlink_L", "eyeBlinkLeft" -> "eyeblinkleft"."""
    name = re.sub(r"_l$", "left", re.sub(r"_r$", "right", name.strip().lower()))
    return name.replace("_", "")


ACTION_OF = {name.lower(): name for name in ACTIONS}


def as_actions(rows, names, where):
    """rows [T, K] under names -> (actions [T, 52], captured names, neck [T, 3]). UtterError where they are not face actions."""
    known = [ACTION_OF.get(plain(name)) for name in names]
    if "jawOpen" not in known:
        raise UtterError(NO_JAW.format(where))
    taken = [k for k, name in enumerate(known) if name]
    if rows[:, taken].max() > 1.5 or rows[:, taken].min() < -0.2:
        low, high = rows[:, taken].min(), rows[:, taken].max()
        raise UtterError(f"{where} holds weights from {low:.2f} to {high:.2f}; scale them to 0..1.")
    actions, captured = np.zeros((len(rows), len(ACTIONS)), np.float32), set()
    for k in taken:
        actions[:, ACTIONS.index(known[k])] = np.clip(rows[:, k], 0, 1)
        captured.add(known[k])
    neck = np.zeros((len(rows), 3), np.float32)
    if all(name in names for name in HEAD):
        turned = rows[:, [names.index(name) for name in HEAD]]
        if np.ptp(turned, 0).max() > 1e-3:  # a phone on a helmet sees no turns
            neck, captured = turned * (1, -1, -1), captured | {"neck"}
    return actions, frozenset(captured), neck.astype(np.float32)


def resample(rows, times, T):
    """rows [N, K] at times (seconds) -> [T, K] at 30 fps, the ends held."""
    moments = np.arange(T) / FPS
    return np.stack([np.interp(moments, times, column) for column in rows.T], 1).astype(np.float32)
