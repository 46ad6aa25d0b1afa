"""python -m tools.human.check [FILE.npz]: does the head meet its figures? Everything is measured in millimetres.

Over the 52 actions, the visemes, the feelings, gaze with open and shut lids, and random combinations (`all_poses`):

- **lids**: how deep a point of the lids' outside (vertices and places between them) lies in the eyeball or its cornea, both taken
  as the solid of revolution that the eye's parts make about their axis. Shut lids: the way from one margin to the other's line,
  and how far the lower margin lies above the upper.
- **lips**: the same along the line where they meet, gaps only where a pose means them shut (no opening action, jawOpen no further
  than mouthClose), crossing everywhere; and how deep the skin of the lower lip lies in the upper.
- **teeth, gums and tongue**: a vertex is through the skin if the nearest point of the face (all before the line where the lips
  meet) lies behind it and the straight line to its anchor crosses the face. The anchor lies behind the teeth, or within the tongue
  at the same length. So what is seen between open lips does not count.
- **flips**: quads whose normal is more than 90 degrees both from where the joints carry the neutral's and from its neighbours'.

The skin counts as outside up to the line where the lips meet and the lids' margins, beyond them as inside.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.flame.poses import EMOTIONS, STRENGTHS, VISEMES, at_strength, pose
from tools.human.geometry import along, apply, areas, between_corners, crosses, on_edge, signed_distance, slivers, sphere_centre

RANDOM, SEED = 500, 7
OPENING = ("mouthFunnel", "mouthUpperUp", "mouthLowerDown", "mouthShrugUpper", "noseSneer", "tongueOut")
LIMITS = {  # figure: (unit, the limit below which nobody sees it, the limit in a random combination, where the actions' errors add up)
    # The inside of the mouth may fold in a smile: nobody sees it there.
    "lid in the eyeball": ("mm", 0.1, 0.15),
    "shut lids apart": ("mm", 0.1, 0.1),
    "shut lids crossed": ("mm", 0.1, 0.1),
    "shut lips apart": ("mm", 0.2, 0.6),
    "lips crossed": ("mm", 0.2, 2.2),
    "lower lip in the upper": ("mm", 0.2, 2.2),
    "teeth and gums through the skin": ("mm", 0, 0.8),
    "tongue through the skin": ("mm", 0, 1.2),
    "flipped faces outside": ("mm2", 0.1, 0.8),
    "flipped faces within mouth and lids": ("mm2", 0.5, 0.8),
    "action unlike its motion, mean": ("%", 3, 3),
    "action unlike its motion, most": ("mm", 0.5, 0.5),
    "neutral unlike the template": ("mm", 0.001, 0),
    "a component at 1, most": ("mm", 12, 12),
    "flipped faces outside, component at 2": ("mm2", 0.2, 0.2),
    "jawOpen 1 to 0: the lips' gap falls short of growing": ("mm", 0, 0),
}


@dataclass(frozen=True)
class Finding:
    """A figure over all poses: values [T] in unit, pose names [T], and the limits that no value may pass."""

    figure: str
    values: np.ndarray
    names: list

    @property
    def over(self):
        """bool [T]: which poses pass their limit."""
        _, named, combined = LIMITS[self.figure]
        return self.values > np.where([name.startswith("random") for name in self.names], combined, named)

    @property
    def worst(self):
        return float(self.values.max())

    def __str__(self):
        unit, *limits = LIMITS[self.figure]
        order = np.argsort(-self.values, kind="stable")[:3]
        poses = ", ".join(f"{self.names[i]} {self.values[i]:.2f}" for i in order if self.values[i] > 0.05 or self.over[i])
        limit = " ".join(f"{limit:g}" for limit in dict.fromkeys(limits))
        over = f"over {self.over.sum()} of {len(self.values)}"
        return f"{self.figure:<52}{self.worst:8.3f} {unit:<4} limit {limit:<8}{over:<15}{poses}"


def check(path=None):
    """[Finding] of the head file at path (None: the built-in one)."""
    head = load_head(path)
    return faces(head, all_poses(head)) + actions(head) + habits(head)


def faces(head, poses):
    """[Finding] over poses {name: {action or tongue channel: amount}}."""
    names = list(poses)
    values = np.stack([pose(head, amounts) for amounts in poses.values()])
    skin, parts = lbs.pose(head, values), lbs.pose_parts(head, values)
    shut = np.array([lips_meant_shut(amounts) for amounts in poses.values()])
    return [
        *lids(head, values, names, skin, parts),
        *lips(head, names, skin, shut),
        *inside(head, names, skin, parts),
        *flips(head, values, names, skin),
    ]


# Poses


def all_poses(head):
    """{name: {action or tongue channel: amount}}."""
    names = head.action_names.tolist()
    poses = {"neutral": {}}
    poses |= {name: {name: 1} for name in names}
    poses["mouthClose"] = dict(jawOpen=0.5, mouthClose=0.5)  # lips reach no further, and not without the jaw
    poses["tongueOut"] = dict(jawOpen=0.4, tongueOut=1)
    for tenth in range(1, 6):
        poses[f"closed over jawOpen .{tenth}"] = dict(jawOpen=tenth / 10, mouthClose=tenth / 10)
    poses |= both_sides(names) | gazes() | named_poses()
    rng = np.random.default_rng(SEED)
    poses |= {f"random {k}": combination(names, rng) for k in range(RANDOM)}
    return poses


def both_sides(names):
    """Every action of one side together with the other side's."""
    stems = dict.fromkeys(name[:-4] for name in names if name.endswith("Left") and not name.startswith(("eyeLook", "jaw")))
    return {stem: {f"{stem}Left": 1, f"{stem}Right": 1} for stem in stems if stem != "mouth"}


def gazes():
    """Eight ways to look, with the lids open, half shut and shut."""
    poses = {}
    for up, side in ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)):
        for lid in (0, 0.5, 1):
            poses[f"look {'down level up'.split()[up + 1]} {'right ahead left'.split()[side + 1]}, lids {lid}"] = gaze(up, side) | {
                "eyeBlinkLeft": lid,
                "eyeBlinkRight": lid,
            }
    return poses


def gaze(up, side):
    """Both eyes up (else down) and to the subject's left (else right), -1 to 1."""
    vertical, left, right = ("Up" if up > 0 else "Down"), ("Out" if side > 0 else "In"), ("In" if side > 0 else "Out")
    return {
        f"eyeLook{vertical}Left": abs(up),
        f"eyeLook{vertical}Right": abs(up),
        f"eyeLook{left}Left": abs(side),
        f"eyeLook{right}Right": abs(side),
    }


def named_poses():
    """The 15 visemes and the feelings in three strengths."""
    return {f"viseme {name}": amounts for name, amounts in VISEMES.items()} | {
        f"{name} {strength:.2f}": at_strength(name, strength) for name in EMOTIONS for strength in STRENGTHS
    }


def combination(names, rng):
    """A random sparse combination within range, the sides mostly together.

    What no face can do is left out: a jaw or mouth to both sides, eyes that diverge, lids that squint or widen while shut,
    corners of the mouth up and down at once, lips rolled in that are pursed, the upper one before a jaw that is forward, lips
    closed further than the jaw is open or over a jaw more than a quarter open (8 mm), the tongue out between lips that are shut,
    pursed, rolled in, pressed or drawn aside.
    """
    stems = [
        name.removesuffix("Left").removesuffix("Right") if not name.startswith(("jaw", "mouthLeft", "mouthRight")) else name
        for name in names
        if not name.startswith("eyeLook")
    ]
    on = {stem: rng.beta(1.4, 1.4) * (rng.random() < 0.16) for stem in dict.fromkeys(stems)}
    for one, other in (
        ("jawLeft", "jawRight"),
        ("mouthLeft", "mouthRight"),
        ("mouthSmile", "mouthFrown"),
        ("eyeWide", "eyeBlink"),
        ("eyeWide", "eyeSquint"),
        ("mouthSmile", "mouthPucker"),
        ("mouthStretch", "mouthPucker"),
        *((f"mouthRoll{lip}", other) for lip in ("Upper", "Lower") for other in ("mouthFunnel", "mouthPucker")),
        ("mouthRollUpper", "jawForward"),
    ):
        if on[one] and on[other]:
            on[one if rng.random() < 0.5 else other] = 0
    if on["mouthClose"]:
        on["mouthClose"] *= 0.25
        on["jawOpen"] = max(on["jawOpen"], on["mouthClose"])
    if on["tongueOut"]:
        on["jawOpen"] = max(on["jawOpen"], 0.4)
        on |= dict.fromkeys(("mouthClose", "mouthPucker", "mouthRollUpper", "mouthRollLower", "mouthPress", "mouthShrugLower"), 0)
        on |= dict.fromkeys(("mouthLeft", "mouthRight", "jawLeft", "jawRight"), 0)
    amounts = {}
    for name, stem in zip((name for name in names if not name.startswith("eyeLook")), stems):
        if on[stem]:
            amounts[name] = on[stem] * (1 if stem == name else rng.uniform(0.6, 1) if rng.random() < 0.85 else 0)
    for side in ("Left", "Right"):
        amounts["eyeSquint" + side] = min(amounts.get("eyeSquint" + side, 0), 1 - amounts.get("eyeBlink" + side, 0))
    if rng.random() < 0.4:
        amounts |= gaze(*rng.uniform(-1, 1, 2))
    return {name: amount for name, amount in amounts.items() if amount > 0}


def lips_meant_shut(amounts):
    return amounts.get("jawOpen", 0) <= amounts.get("mouthClose", 0) and not any(name.startswith(OPENING) for name in amounts)


# Lids


def lids(head, values, names, skin, parts):
    quads = head.f_quad
    between = between_corners(quads[outside(head, quads) & head.region("eyes")[quads].all(1)], len(head.v_template))
    deep, apart, crossed = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
    for side, sign, channel in (("left", 1, 60), ("right", -1, 61)):
        lid = between[(between @ head.v_template)[:, 0] * sign > 0]
        deep = np.maximum(deep, in_eyeball(head, side, apply(lid, skin), parts))
        if head.lid_margin_upper is None:
            continue
        row = 0 if side == "left" else 1
        ends = head.landmark(f"eye_outer_{side}"), head.landmark(f"eye_inner_{side}")
        for k in np.flatnonzero(values[:, channel] > 0.999):
            gap, cross = along(
                *(skin[k, np.r_[ends[0], margin[row], ends[1]]] for margin in (head.lid_margin_upper, head.lid_margin_lower))
            )
            apart[k], crossed[k] = max(apart[k], gap), max(crossed[k], cross)
    return [
        Finding("lid in the eyeball", 1000 * deep, names),
        Finding("shut lids apart", 1000 * apart, names),
        Finding("shut lids crossed", 1000 * crossed, names),
    ]


def in_eyeball(head, side, points, parts):
    """How deep points [T,n,3] lie at most in the eye of that side, [T] metres."""
    rows = np.flatnonzero([name.split("_")[0] in ("eye", "iris", "pupil", "cornea") and name.endswith(side) for name in head.part_names])
    ball = part_vertices(head, [row for row in rows if head.part_names[row].startswith("eye")])
    centre = sphere_centre(head.parts_v[ball].astype(float))
    front = np.linspace(0, np.pi, 721)
    reach = np.zeros_like(front)
    for row in rows:
        place = head.parts_v[part_vertices(head, [row])] - centre
        r = np.linalg.norm(place, axis=1)
        angle = np.arccos(np.clip(place[:, 2] / r, -1, 1))
        order = np.argsort(angle)
        reach = np.maximum(reach, np.interp(front, angle[order], r[order], left=0 if angle.min() > 0.02 else None, right=0))
    # Each posed eye is a turned and moved one: the affine map of its vertices is exact.
    rest = np.column_stack([head.parts_v[ball] - centre, np.ones(len(ball))])
    placed = np.linalg.pinv(rest) @ parts[:, ball].astype(float)  # [T,4,3]
    local = (points - placed[:, 3:]) @ np.linalg.inv(placed[:, :3])
    r = np.linalg.norm(local, axis=2)
    angle = np.arccos(np.clip(local[..., 2] / r, -1, 1))
    return np.maximum(np.interp(angle, front, reach) - r, 0).max(1)


# Lips


def lips(head, names, skin, shut):
    upper, lower = skin[:, head.lip_inner_upper], skin[:, head.lip_inner_lower]
    both = np.array([along(u, l) for u, l in zip(upper, lower)])
    sides = lip_sides(head)
    deep = np.zeros(len(names))
    for k, v in enumerate(skin):
        deep[k] = -signed_distance(v[sides["points"]], v[sides["triangles"]], sides["edge"], reach=0.005).min(initial=0)
    return [
        Finding("shut lips apart", 1000 * np.where(shut, both[:, 0], 0), names),
        Finding("lips crossed", 1000 * both[:, 1], names),
        Finding("lower lip in the upper", 1000 * deep, names),
    ]


def lip_sides(head):
    """The lower lip's vertices, and the upper lip's triangles; the corners of the mouth belong to neither."""
    mouth, within = head.region("lips") | head.region("mouth"), head.region("mouth_inside")
    upper, lower = head.v_template[head.lip_inner_upper], head.v_template[head.lip_inner_lower]
    order = np.argsort(upper[:, 0])
    v = head.v_template
    middle = np.interp(v[:, 0], upper[order, 0], 0.5 * (upper[order, 1] + lower[order, 1]))
    between = np.abs(v[:, 0]) < 0.85 * np.abs(upper[:, 0]).max()
    near = mouth & between & ((np.abs(v[:, 1] - middle) < 0.014) | within)
    above = near & (v[:, 1] > middle + 1e-6)
    above[head.lip_inner_upper] = near[head.lip_inner_upper]
    below = near & ~above
    above[head.lip_inner_lower] = False
    triangles = head.f[above[head.f].all(1)]
    return {"points": np.flatnonzero(below & ~within), "triangles": triangles, "edge": on_edge(triangles)}


# Teeth, gums, tongue


def inside(head, names, skin, parts):
    """Teeth with gums, and the tongue, beyond the outer skin."""
    rows = {"teeth and gums through the skin": ("teeth", "gums"), "tongue through the skin": ("tongue",)}
    mouth = part_vertices(head, [k for k, name in enumerate(head.part_names) if name.split("_")[0] in sum(rows.values(), ())])
    low, high = head.parts_v[mouth].min(0) - 0.03, head.parts_v[mouth].max(0) + 0.04
    near = ((head.v_template > low) & (head.v_template < high)).all(1)
    face = head.f[outside(head, head.f) & near[head.f].all(1)]
    edge = on_edge(face)
    found = []
    for figure, kinds in rows.items():
        own = [k for k, name in enumerate(head.part_names) if name.split("_")[0] in kinds]
        chosen = part_vertices(head, own)
        anchors = anchor_weights(head, own, chosen)
        out = np.zeros(len(names))
        for k in range(len(names)):
            corners, points = skin[k][face], parts[k][chosen]
            height = signed_distance(points, corners, edge, reach=0.012)
            seen = np.flatnonzero(height > 0)
            if len(seen):
                seen = seen[crosses(points[seen], anchors[seen] @ points, corners)]
            out[k] = height[seen].max(initial=0)
        found.append(Finding(figure, 1000 * out, names))
    return found


def anchor_weights(head, rows, chosen):
    """[n,n] weights: the place within the mouth that each vertex hangs on, moving with its part."""
    v = head.parts_v[chosen]
    weights = np.zeros((len(chosen), len(chosen)))
    for row in rows:
        own = np.isin(chosen, part_vertices(head, [row]))
        if head.part_names[row].startswith("tongue"):
            near = np.exp(-(((v[own, None, 2] - v[own, 2]) / 0.002) ** 2))
            near *= v[own, 1] >= (near @ v[own, 1] / near.sum(1))[:, None]  # its back: the underside stays where it grows on
            weights[np.ix_(own, own)] = near / near.sum(1, keepdims=True)
        else:
            weights[np.ix_(own, own)] = 1 / own.sum()
    return weights


def part_vertices(head, rows):
    return np.unique(head.parts_f[np.isin(head.parts_face, rows)])


def outside(head, faces):
    """bool [F]: which of faces [F,n] lie before the line where the lips meet and the lids' margins: in the largest part when the
    skin is cut along them."""
    openings = [(head.lip_inner_upper, head.lip_inner_lower, "lip_corner_left", "lip_corner_right")]
    if head.lid_margin_upper is not None:
        openings += [
            (upper, lower, f"eye_outer_{side}", f"eye_inner_{side}")
            for upper, lower, side in zip(head.lid_margin_upper, head.lid_margin_lower, ("left", "right"))
        ]
    loops = [np.r_[head.landmark(first), upper, head.landmark(last), lower[::-1]] for upper, lower, first, last in openings]
    edges = np.stack([faces, np.roll(faces, -1, 1)], -1).reshape(-1, 2)
    owner = np.repeat(np.arange(len(faces)), faces.shape[1])
    cuts = np.concatenate([np.column_stack([line, np.roll(line, -1)]) for line in loops])
    key = lambda pairs: np.sort(pairs, 1).astype(np.int64) @ (1 << 32, 1)
    keep = (edges[:, 0] != edges[:, 1]) & ~np.isin(key(edges), key(cuts))
    _, edge = np.unique(key(edges[keep]), return_inverse=True)
    share = csr_matrix((np.ones(len(edge)), (owner[keep], edge)), (len(faces), edge.max() + 1))
    label = connected_components(share @ share.T, directed=False)[1]
    return label == np.bincount(label).argmax()


def flips(head, values, names, skin):
    """Flipped faces of what is seen of a shut mouth and shut lids, and of the rest."""
    area, seen = flipped(head, values, skin), outside(head, head.f_quad)
    return [
        Finding("flipped faces outside", area[:, seen].sum(1), names),
        Finding("flipped faces within mouth and lids", area[:, ~seen].sum(1), names),
    ]


def flipped(head, values, skin, least=2e-8, slim=0.3):
    """[T,Q] mm2: the area of a quad where it is flipped, else 0.

    Slivers have no side to show: quads squeezed below `least` m2, and those whose area in the neutral head is under `slim` of a
    rectangle's with such sides (deep in the corners of mouth and eyes)."""
    quads = head.f_quad
    rests = areas(head.v_template.astype(float), quads)
    corner = csr_matrix((np.ones(4 * len(quads)), (quads.ravel(), np.repeat(np.arange(len(quads)), 4))), (len(head.v_template), len(quads)))
    neck_share, jaw_share = head.weights[quads].mean(1)[:, 1:3].T[..., None]
    kept = ~slivers(head.v_template[quads].astype(float), slim)
    out = np.zeros((len(values), len(quads)), np.float32)
    for row, v, area in zip(values, skin, out):
        neck, jaw = Rotation.from_rotvec(row[53:56]).as_matrix(), Rotation.from_rotvec(row[50:53]).as_matrix()
        carried = (1 - neck_share - jaw_share) * rests + neck_share * (rests @ neck.T) + jaw_share * (rests @ (neck @ jaw).T)
        now = areas(v.astype(float), quads)
        around = corner.T @ (corner @ now) - 4 * now
        size = np.linalg.norm(now, axis=1)
        bad = kept & ((now * carried).sum(1) < 0) & ((now * around).sum(1) < 0) & (size > least)
        area[bad] = 1e6 * size[bad]
    return out


# Actions and FLAME's conventions


def actions(head):
    """Every action as its Motion makes it, against its own displacement."""
    made = lbs.pose(head, head.actions_motion) - head.v_template
    wanted = np.moveaxis(head.actions, 2, 0)
    error = made - wanted
    own = np.sqrt((wanted**2).sum((1, 2)))
    moves = own > 1e-4
    share = 100 * np.sqrt((error**2).sum((1, 2))) / np.maximum(own, 1e-4)
    names = head.action_names.tolist()
    return [
        Finding("action unlike its motion, mean", np.where(moves, share, 0), names),
        Finding("action unlike its motion, most", 1000 * np.linalg.norm(error, axis=2).max(1), names),
    ]


def habits(head):
    """FLAME's conventions: zeros are the neutral head, +x opens the jaw, a coefficient of 1 is a usual amount."""
    names = [f"expression {k}" for k in range(50)]
    values = np.zeros((101, 65), np.float32)
    values[np.arange(50), np.arange(50)] = 2
    values[np.arange(50, 100), np.arange(50)] = -2
    skin = lbs.pose(head, values)
    most = 1000 * np.linalg.norm(head.shapedirs[:, :, 300:350], axis=1).max(0)
    neutral = 1000 * np.abs(skin[100:] - head.v_template).max((1, 2))
    area = flipped(head, values[:100], skin[:100])
    jaw = np.zeros((11, 65), np.float32)
    jaw[:, 50] = np.linspace(0, head.actions_motion[head.action("jawOpen"), 50], 11)
    gap = lbs.lip_gap(head, jaw) * head.jaw_open_gap
    return [
        Finding("neutral unlike the template", neutral, ["zero coefficients"]),
        Finding("a component at 1, most", most, names),
        Finding(
            "flipped faces outside, component at 2", area[:, outside(head, head.f_quad)].sum(1), names + [f"-{name}" for name in names]
        ),
        Finding(
            "jawOpen 1 to 0: the lips' gap falls short of growing",
            1000 * np.maximum(0.05 * gap[-1] - np.diff(gap), 0),
            [f"jawOpen {k / 10:.1f}" for k in range(1, 11)],
        ),
    ]


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.human.check", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", help="head file; without it the built-in one")
    findings = check(parser.parse_args(argv).file)
    for finding in findings:
        print(finding)
    return 1 if any(finding.over.any() for finding in findings) else 0


if __name__ == "__main__":
    raise SystemExit(main())
