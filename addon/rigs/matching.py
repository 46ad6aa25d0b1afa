"""Match a character's shape keys, or the poses of its bones, with our movements by what they do: the rows that their names say are checked,
others proposed, and the lips of the character meet where ours do."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..contract import ACTIONS, UtterError
from ..maps import rows, shapes
from ..maps.ours import Ours, centre, ours
from ..maps.rows import Map, Row
from . import bones, parts
from .axes import align, told
from .base import key_points, neutral
from .mapped import lips_by_rows, matched_of

AGREES, SURE = 0.25, 0.5  # cosines: from here on a key does what its name says, and beyond doubt
ELSE = 0.5  # cosine: a key does something else than its name says
HALF = 0.5  # lean: from here on a key is of one side
FITS = 0.3  # of Fields.fitting: a key without a known name that fits no movement better than that has no row
ROUNDS = 4  # of laying a character without known names over our head
WIDE = 0.02  # metres: centres that lie closer together do not tell how a head is turned
AROUND = 300  # vertices round the mouth among which lips are looked for
TOUCHING = 0.004  # metres: lips that touch at rest are no further apart
SHUT, AGREE = (0.3, 0.9), 0.2  # of a blink's key: where it shuts the eye too early; how far places along the lids may differ in that
ZERO = np.zeros(3)
BLINKS, MOST_SHUT, BROADLY = 2, (0.5, 2.5), 0.6  # how often a found pose is made to shut its eye, within which shares; as AGREE
FOUND = "shape: found by what the bones move"


class Laid(NamedTuple):
    """A character laid over our head. places [V,3], moves [K,V,3] of keys, names [K]: metres in FLAME's axes. here, there [C,3]: centres of
    ours, and where the character has them."""

    names: list[str]
    places: np.ndarray
    moves: np.ndarray
    here: np.ndarray
    there: np.ndarray


def match(rig: Any, tell: Callable[[float], None] = lambda share: None) -> Map:
    """A map for a character (a rig of the kind of addon/rigs/mapped.py), by the names of its keys and by what they do. UtterError where no
    key moves a face, or nothing can be told. tell: gets how much is done, 0 to 1, where that takes long."""
    if not parts.keys_of(rig.obj):
        return match_bones(rig, tell)
    model, matched = ours(), matched_of(rig.parts)
    known = {row.target: row for row in matched.rows}
    laid = lay(rig, known, model)
    found = shapes.fields(model, laid.places, laid.moves, laid.here, laid.there)
    alike = found.alike()
    blocks = rig.obj.data.shape_keys.key_blocks
    below = {name for name in laid.names if blocks[name].slider_max <= 0 > blocks[name].slider_min}
    made = [_judged(row, laid, found, alike, model, row.target in below) for row in known.values()]
    free = [name for name in laid.names if name not in matched.named]
    made += _proposed(free, made, laid, found, model)
    if not any(row.sources.get("jawOpen", 0) > 0 for row in made):
        raise UtterError(f"No shape key of {rig.obj.name} opens its mouth as ours; write the rows of its map yourself.")
    lips = lips_by_rows(rig.obj, made) or _lips(made, laid, model)
    if lips is not None:
        made = _parted(made, lips, laid)
    made = [_blinking(row, laid, model) for row in made]
    kind = matched.main.name if matched.main and len(known) >= len(made) / 2 else "matched by shape"
    made += [row for row in rig.map.rows if row.target in rig.map.poses]
    return Map(kind, tuple(made), tuple(int(vertex) for vertex in lips or ()), dict(rig.map.gains), rig.map.poses)


def match_bones(rig: Any, tell: Callable[[float], None]) -> Map:
    """A map for a character whose face moves by bones: the poses that were recorded, and for other face actions those that its bones' own
    movements give, where its rig is one that Utter knows. UtterError where it is none and has no poses. tell: gets how much is done."""
    obj, model, kind = rig.obj, ours(), bones.kind_of(rig.obj)
    own = {row.target: row for row in rig.map.rows if row.target in rig.map.poses and row.why != FOUND}
    if kind is None and not own:
        raise UtterError(f"The face bones of {obj.name} are of no rig that Utter knows; record a pose for each of its movements.")
    with bones.tried(obj) as skin:
        posed = {name: rig.map.poses[name] for name in own}
        if kind is not None:
            lies = bones.laid_by(obj, kind, model)
            read = {name for row in own.values() for name in row.sources}
            posed |= {name: pose for name, pose in bones.found_poses(skin, kind, model, lies, tell).items() if name not in read}
        if kind is None:
            return rig.map._replace(kind="recorded poses")
        made = [own.get(name) or Row(name, {name: 1.0}, confidence=0.8, why=FOUND) for name in posed]
        for again in range(1 + BLINKS):
            laid = _laid_bones(skin, posed, lies)
            shuts = {row.target: _shuts(row, laid, model, BROADLY) for row in made if row.why == FOUND}
            for name, share in shuts.items() if again < BLINKS else ():
                if share is not None and MOST_SHUT[0] < share < MOST_SHUT[1]:
                    posed[name] = {bone: tuple(share * number for number in numbers) for bone, numbers in posed[name].items()}
    if not any(row.sources.get("jawOpen", 0) > 0 for row in made):
        raise UtterError(f"No bone of {obj.name} opens its mouth as ours; record a pose for jawOpen.")
    lips = _lips(made, laid, model)
    if lips is not None:
        made = _parted(made, lips, laid)
    made = [_blinking(row._replace(confidence=0.95), laid, model)._replace(confidence=row.confidence) for row in made]
    return Map(kind.name, tuple(made), tuple(int(vertex) for vertex in lips or ()), dict(rig.map.gains), posed)


def _laid_bones(skin, posed, lies):
    turn, scale, offset, here, there = lies
    moves = np.array([skin.posed(pose) for pose in posed.values()])
    return Laid(list(posed), (skin.rest - offset) @ turn / scale, moves @ turn / scale, here, there)


def lay(rig: Any, known: dict[str, Row], model: Ours) -> Laid:
    """Lay a character over our head: by the centres of what the keys whose names are known move, or else by all that its keys move, and
    then by what is alike."""
    obj = rig.obj
    names = list(parts.moving(obj))
    if not names:
        raise UtterError(f"The shape keys of {obj.name} move nothing.")
    rest, blocks = neutral(obj), obj.data.shape_keys.key_blocks
    moves = np.array([key_points(blocks[name]) - key_points(blocks[name].relative_key) for name in names])
    far = np.linalg.norm(moves, axis=2)
    centres = {name: centre(rest, each) for name, each in zip(names, far)}
    pairs = [(_centre(row.sources, model), centres[row.target]) for row in known.values() if row.target in centres]
    axes = rig.axes()
    if len(pairs) >= 4:
        here, there = np.array(pairs).transpose(1, 0, 2)
        return _laid(names, rest, moves, here, there, axes, model, far)
    live = rest[far.max(axis=0) > 0.05 * far.max()] @ axes
    width = np.ptp(live[:, 0]) / np.ptp(model.places[:, 0])
    middle = (live.max(0) + live.min(0)) / 2 - width * (model.places.max(0) + model.places.min(0)) / 2
    laid = Laid(names, (rest @ axes - middle) / width, moves @ axes / width, np.zeros((1, 3)), np.zeros((1, 3)))
    for _ in range(ROUNDS):
        found = shapes.fields(model, laid.places, laid.moves, laid.here, laid.there)
        alike = found.alike()
        best = alike.argmax(axis=1)
        told = [k for k in range(len(names)) if alike[k, best[k]] > AGREES]
        if len(told) < 4:
            break
        pairs = [(_centre(dict.fromkeys(found.candidates[best[k]], 1.0), model), centres[names[k]]) for k in told]
        here, there = np.array(pairs).transpose(1, 0, 2)
        laid = _laid(names, rest, moves, here, there, axes, model, far)
    return laid


def _laid(names, rest, moves, here, there, axes, model, far):
    """Turned by how centres lie, or where they do not tell by the axes that are supposed."""
    turn, scale, offset, _ = align(here, there)
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(here.T))[1])
    if told(here, there) is None and (spread < WIDE or np.einsum("ij,ij->", turn, axes) < 2):  # 3 is the same
        own, wanted = there @ axes, here
        size = np.linalg.norm(own - np.median(own, axis=0), axis=1).mean() / np.linalg.norm(here - np.median(here, axis=0), axis=1).mean()
        if spread < WIDE:  # one mouth: as wide as what opens it
            most = far[far.sum(axis=1).argmax()]
            jaw = np.linalg.norm(model.moves[ACTIONS.index("jawOpen")], axis=1)
            size = _width(rest @ axes, most) / _width(model.places, jaw)
        turn, scale, offset = axes, size, np.median(own - size * wanted, axis=0) @ axes.T
    over = lambda points: (points - offset) @ turn / scale
    there = over(there)
    near = np.linalg.norm(there - here, axis=1)
    kept = near <= 2.5 * np.median(near) + 1e-9
    return Laid(names, over(rest), moves @ turn / scale, here[kept], there[kept])


def _width(places, far):
    """How wide what moves by so much [V] is: its standard deviation from side to side."""
    weight = far**2 / (far**2).sum()
    return np.sqrt(weight @ (places[:, 0] - weight @ places[:, 0]) ** 2)


def _centre(sources, model):
    """Where what a row is there for moves: both sides of a pair, or its first source."""
    first = next(iter(sources), "")
    pair = [name for name in sources if name[:-5] == first[:-4] and first.endswith("Left")]
    return np.mean([model.centres[ACTIONS.index(name)] if name in ACTIONS else ZERO for name in (first, *pair)], axis=0)


def _judged(row, laid, found, alike, model, backwards):
    """A row by name, with what its shape says to it. backwards: whether its key's slider only goes below 0."""
    row = row._replace(gain=abs(row.gain), limits=(0.0, 1.0)) if row.gain < 0 and row.limits else row
    if row.target not in laid.names:
        return row._replace(confidence=0.8, why=f"{row.why}; moves another part")
    index = laid.names.index(row.target)
    wanted, does = shapes.predicted(row, model, found.seen), found.theirs[index]
    size = np.linalg.norm(wanted) * np.linalg.norm(does)
    agrees = float(wanted @ does / size) if size > 1e-12 else 0.0
    best = int(alike[index].argmax())
    if agrees < -SURE and backwards:
        return row._replace(gain=-abs(row.gain), limits=(-1.0, 0.0), confidence=0.85, why="shape: does it where it is below 0")
    if agrees < -AGREES and len(row.sources) == 1:
        other = _other_side(next(iter(row.sources)))
        if other in ACTIONS and alike[index, ACTIONS.index(other)] > AGREES:
            return row._replace(sources={other: 1.0}, confidence=0.7, why=f"shape: moves to the other side than {row.target} says")
    if agrees >= SURE:
        return row._replace(confidence=0.95, why=f"{row.why}; its shape agrees")
    if agrees >= AGREES:
        return row._replace(confidence=0.85)
    if alike[index, best] > ELSE:
        return row._replace(confidence=0.3, why=f"doubtful: moves like {' and '.join(found.candidates[best])}")
    return row._replace(confidence=0.6)


def _other_side(name):
    if name.endswith("Left"):
        return name[:-4] + "Right"
    return name[:-5] + "Left" if name.endswith("Right") else ""


def _proposed(free, made, laid, found, model):
    """Rows for keys without known names: those movements of single names that no row reads yet are given out so that all fit best together,
    and pairs of left and right to what is left."""
    read = {name for row in made for name in row.sources if len(row.sources) <= 2}
    alike, fits, leans = found.alike(), found.fitting(model.places), shapes.leans(found.theirs, model.places)
    new: list[Row] = []
    for number in (1, 2):
        left = [laid.names.index(name) for name in free if all(row.target != name for row in new)]
        open_ = [best for best, of in enumerate(found.candidates) if len(of) == number and not read & set(of)]
        for row, column in shapes.assigned(fits[np.ix_(left, open_)]) if left and open_ else ():
            key, best = left[row], open_[column]
            if fits[key, best] < (FITS if number == 1 else SURE):
                continue
            of, does, ours_ = found.candidates[best], found.theirs[key], found.ours[best]
            gain = float(np.clip(does @ ours_ / max(does @ does, 1e-12), 0.3, 1.0))
            sure = min(0.79, float(fits[key, best]))
            new.append(Row(laid.names[key], dict.fromkeys(of, 1 / len(of)), gain=round(gain, 3), confidence=sure, why="shape"))
            read |= set(of)
    halves = [row for row in new if len(row.sources) == 1 and not next(iter(row.sources)).endswith(("Left", "Right"))]
    for name in free if halves else ():
        if any(row.target == name for row in new):
            continue
        key = laid.names.index(name)
        other = max(halves, key=lambda row: alike[key, ACTIONS.index(next(iter(row.sources)))])
        opposed = leans[key] * leans[laid.names.index(other.target)] < -(HALF**2)
        if opposed and alike[key, ACTIONS.index(next(iter(other.sources)))] > SURE:  # the other half of a movement of both sides
            new.append(other._replace(target=name))
    return new


def _blinking(row, laid, model):
    """A row of one eye's blink that shuts the lids, and no more: where its key would push them past each other, less of it."""
    shut = _shuts(row, laid, model, AGREE) if row.confidence >= 0.9 else None
    if shut is not None and SHUT[0] <= shut < SHUT[1]:
        return row._replace(gain=round(shut, 3), why=f"{row.why}; shuts the eye at {shut:.2f}")
    return row


def _shuts(row, laid, model, agree):
    """How much of a blink of one eye lets its lids touch; None where it is none, or they touch in one place long before another."""
    side = list(row.sources) == ["eyeBlinkLeft"], list(row.sources) == ["eyeBlinkRight"]
    if not any(side) or row.target not in laid.names:
        return None
    upper, lower = (shapes.carried(lid, laid.here, laid.there) for lid in model.lids[side.index(True)])
    move = laid.moves[laid.names.index(row.target)]
    far = np.linalg.norm(move, axis=1)
    eye = np.linalg.norm(laid.places - upper.mean(axis=0), axis=1) < 2 * np.ptp(upper, axis=0).max()
    moving, still = np.flatnonzero(eye & (far > 0.5 * far.max())), np.flatnonzero(eye & (far < 0.35 * far.max()))
    if not (len(moving) and len(still)):
        return None
    way = move[moving].mean(axis=0)
    way /= np.linalg.norm(way)
    above, below = moving[shapes.nearest(upper, laid.places[moving])[0]], still[shapes.nearest(lower, laid.places[still])[0]]
    middle = slice(len(upper) // 5, -(len(upper) // 5))
    open_, closes = ((each[below] - each[above])[middle] @ way for each in (laid.places, -move))
    if closes.min() <= 0:
        return None
    least, shut, most = np.percentile(open_ / closes, [25, 50, 75])
    return float(shut) if most - least < agree * shut else None


def _lips(made, laid, model):
    """The two vertices, near where our lips touch, that touch as well and that the mouth's opening parts furthest; or None."""
    opens = max((row for row in made if row.target in laid.names), key=lambda row: row.sources.get("jawOpen", 0))
    if opens.sources.get("jawOpen", 0) <= 0:
        return None
    point = shapes.carried(model.upper_lip[None], laid.here, laid.there)[0]
    near = np.argsort(np.linalg.norm(laid.places - point, axis=1))[:AROUND]
    move = laid.moves[laid.names.index(opens.target)][near, 1]
    apart = np.linalg.norm(laid.places[near][:, None] - laid.places[near][None], axis=2)
    score = move[:, None] - move[None] - 5 * apart - np.abs(laid.places[near, 0])[:, None]
    score[(apart > TOUCHING) | (laid.places[near][:, None, 1] < laid.places[near][None, :, 1] - 1e-6)] = -np.inf
    upper, lower = np.unravel_index(score.argmax(), score.shape)
    parted = move[upper] - move[lower]
    return (int(near[upper]), int(near[lower])) if np.isfinite(score[upper, lower]) and parted > TOUCHING / 4 else None


def _parted(made, lips, laid):
    """Rows that know how far they part the lips, and those that close them strong enough to shut what the jaw opens."""
    of = {name: float(move[lips[0], 1] - move[lips[1], 1]) for name, move in zip(laid.names, laid.moves)}
    full = sum(of.get(row.target, 0.0) * row.gain * row.sources.get("jawOpen", 0) for row in made)
    if full <= 0:
        return made
    made = [row._replace(parting=round(of.get(row.target, 0.0) / full, 4)) for row in made]
    shut = -ours().apart[ACTIONS.index("mouthClose")]
    return [
        row._replace(gain=round(float(np.clip(shut / -row.parting, 0.3, 3)), 3))
        if row.parting < -rows.NOTABLE and list(row.sources) == ["mouthClose"]
        else row
        for row in made
    ]
