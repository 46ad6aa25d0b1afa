"""Hair of the scalp: a mesh of thin ribbons on an object of its own, child of the head's mesh, so that playback stays fast.

The file of the hair (docs/formats.md, "Hair") holds roots and, for each style, some hundred guides; each ribbon lies between the guides
near its root, drawn to its tuft, waved and curled by chance of a fixed seed. Roots and guides hang on vertices of the skin and move
as those do from one identity to another.
"""

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
from mathutils.kdtree import KDTree

from .. import look
from ..look import shaders
from .axes import align
from .base import PROPERTY, armature, neutral

FILE = Path(__file__).resolve().parents[2] / "blender_assets" / "head" / "hair.npz"
NONE, DEFAULT = "NONE", "SHORT"
STYLES = {  # as the property names them, and people; in the file they are written small
    NONE: "None",
    "BUZZ": "Buzz",
    "SHORT": "Short",
    "CROP": "Crop",
    "CURLY": "Curly",
    "BOB": "Bob",
    "LONG": "Long",
    "PONYTAIL": "Ponytail",
    "BUN": "Bun",
}
FAR = 0.03  # metres, root mean square: identities lie nearer to the template, other meshes do not
TURNED = 0.15  # radians, or of the scale: more than identities differ from the template
MIDDLE, FOOT = np.array([0.0, 0.055, -0.015]), np.array([0.0, -0.20, -0.03])  # hair looks away from the line between them
LIKE = 0.35  # cosine between the courses of two guides from where on hair lies between them


@functools.cache
def model():
    """The arrays of the hair's file, whole numbers as metres and shares."""
    with np.load(FILE, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    found["shares"] = found["shares"] / 255
    found["shares"] = np.column_stack([found["shares"], 1 - found["shares"].sum(1)])
    found["vigour"], found["scalp"] = found["vigour"] / 255, found["scalp"] / 255
    return found


def of(head: Any) -> Any:
    """The hair of a head, or None."""
    return next((child for child in head.children if look.HAIR in child), None)


def fits(head: Any) -> bool:
    """Whether hair of ours can grow on a head: it has the built-in head's vertices."""
    return _lies(head) is not None


def dress(head: Any, style: str) -> Any:
    """Give a head the hair of that style in place of what it has; returns the hair's object, None for NONE or where none can grow."""
    shed(head)
    lies = None if style == NONE else _lies(head)
    if lies is not None:
        hair = _make(head, style.lower(), *lies)
        _darken(head)
    look.apply(head)
    return None if lies is None else hair


def shed(head: Any) -> None:
    """Remove a head's hair."""
    hair = of(head)
    if hair is not None:
        mesh = hair.data
        bpy.data.objects.remove(hair)
        if mesh.users == 0:
            materials = [material for material in mesh.materials if material]
            bpy.data.meshes.remove(mesh)
            bpy.data.batch_remove([material for material in materials if material.users == 0])


def follow(head: Any, shift: np.ndarray) -> None:
    """The head's neutral face moved by shift [N,3], in its own axes: its hair goes along, however it was combed."""
    hair = of(head)
    if hair is None or hair.data.library:
        return
    ribbons = strands(hair[look.HAIR])
    if len(hair.data.vertices) != len(ribbons.points) or len(shift) <= model()["bound"].max():
        return
    if hair.data.users > 1:
        hair.data = hair.data.copy()
    points = np.empty(ribbons.points.size, np.float32)
    hair.data.vertices.foreach_get("co", points)
    hair.data.vertices.foreach_set("co", points + ribbons.carried(shift[model()["bound"]]).astype(np.float32).ravel())
    hair.data.update()


def twin(head: Any, model_head: Any) -> None:
    """Give a duplicate of a head a copy of that head's hair, if it has none."""
    hair = of(model_head)
    if hair is None or of(head) is not None:
        return
    copy = hair.copy()
    for collection in head.users_collection:
        collection.objects.link(copy)
    copy.parent = head
    _bend(copy, head)


def changed(settings: Any, _context: Any) -> None:
    """The artist chose a style."""
    head = settings.id_data
    if head.type == "MESH" and PROPERTY in head:
        dress(head, settings.hair_style)


# Strands


@functools.lru_cache(maxsize=4)
def strands(style):
    """The ribbons of a style on the template: points [H,3], normals [H,3], sides of P points of each of C hairs, two by two (H = 2CP);
    strand, along [H]; u [H]; faces [F,4]; carried(shift of bound vertices [B,3]) -> [H,3]; neck [H]: weights."""
    file = model()
    told = dict(zip(file["setting_names"].tolist(), file["settings"][file["styles"].tolist().index(style)].tolist()))
    draw = np.random.default_rng(7)
    count = min(int(told["count"]), len(file["roots"]))
    corners, shares, vigour = file["roots"][:count].astype(int), file["shares"][:count], file["vigour"][:count]
    roots = np.einsum("nk,nkc->nc", shares, file["places"][corners])
    guides = file[f"guides_{style}"] * float(file["step"])
    chosen, weight = _between(guides, roots)
    first = guides[:, :1]
    offsets = np.einsum("nk,nkpc->npc", weight, (guides - first)[chosen])
    lengths = 1 - told["uneven"] * draw.random(count) ** 2
    lengths *= 0.25 + 0.75 * np.clip(1.8 * vigour, 0, 1)  # baby hairs
    stray = draw.random(count) < told["stray"]
    points = guides.shape[1]
    along = np.linspace(0, 1, points)
    line = roots[:, None] + _walked(offsets, lengths)
    # Tufts: hairs come together with a hair of theirs, wide tufts and within them narrow ones.
    for share, size in ((0.6, 55), (1.0, 9)):
        leaders = draw.choice(count, max(count // size, 1), replace=False)
        own = leaders[_nearest(roots, roots[leaders])[0][:, 0]]
        own = np.where(np.sum((line[own, 2] - line[own, 0]) * (line[:, 2] - line[:, 0]), 1) > 0, own, np.arange(count))
        pull = told["clump"] * share * along[None] ** 1.3 * np.where(stray, 0.1, draw.uniform(0.5, 1, count))[:, None]
        line = line + pull[..., None] * (line[own] - line)
    out = _outwards(line)
    course = _unit(np.gradient(line, axis=1))
    side = _unit(np.cross(course, out))
    up = np.cross(side, course)
    turn = 2 * np.pi * draw.random((count, 1, 2))
    bend = told["waves"] * np.where(stray, 2.2, 1)[:, None, None] * np.sin(turn + along[None, :, None] * draw.uniform(2, 7, (count, 1, 2)))
    bend = (bend - bend[:, :1]) * np.minimum(1, 2.5 * along)[None, :, None]
    line = line + side * bend[..., :1] + up * 0.6 * bend[..., 1:]
    if told["curl"]:
        turn = 2 * np.pi * (told["turns"] * along[None] * draw.uniform(0.8, 1.2, (count, 1)) + draw.random((count, 1)))
        radius = told["curl"] * np.minimum(1, 3 * along)[None] * draw.uniform(0.6, 1.2, (count, 1))
        line = line + side * (radius * np.cos(turn))[..., None] + up * (radius * np.sin(turn))[..., None]
        out, course = _outwards(line), _unit(np.gradient(line, axis=1))
        side = _unit(np.cross(course, out))
        up = np.cross(side, course)
    lift = np.where(stray, draw.random(count) ** 2, 0)[:, None] * along[None] ** 1.5 * 0.10 * told["stray"] ** 0.3
    line = line + up * (lift * np.linalg.norm(line[:, -1] - line[:, 0], axis=1)[:, None])[..., None]
    roll = draw.normal(0, 0.35, (count, 1, 1))
    side, up = np.cos(roll) * side + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * side
    taper = np.interp(along, (0, 0.12, 0.55, 1), (0.55, 1, 1, 0.18))
    wide = 0.5 * told["width"] * taper[None] * (np.where(stray, 0.45, draw.uniform(0.7, 1.3, count)) * (0.3 + 0.7 * vigour))[:, None]
    across = np.array([-1.0, 1.0])[:, None]
    vertices = line[:, :, None] + across * (side * wide[..., None])[:, :, None]
    normals = _unit(up[:, :, None] + 0.75 * across * side[:, :, None])  # round, although it is flat
    grid = np.arange(count * points).reshape(count, points)
    a, b = 2 * grid[:, :-1].ravel(), 2 * grid[:, 1:].ravel()
    # What carries each point: the skin under its root, and further out what lies under the guide.
    far = np.linalg.norm(line - line[:, :1], axis=2)
    loose = np.clip(far / 0.06, 0, 1) ** 2
    nearest = file[f"near_{style}"].astype(int)[chosen[:, 0]]
    neck = (1 - loose) * np.einsum("nk,nk->n", shares, file["neck"][corners])[:, None] + loose * file["neck"][nearest]
    both = lambda values: np.repeat(values.ravel(), 2)

    def carried(shift):
        of_root = np.einsum("nk,nkc->nc", shares, shift[corners])[:, None]
        return np.repeat((of_root + loose[..., None] * (shift[nearest] - of_root)).reshape(-1, 3), 2, axis=0)

    return SimpleNamespace(
        points=vertices.reshape(-1, 3),
        normals=normals.reshape(-1, 3),
        strand=both(np.repeat(draw.random(count)[:, None], points, 1)),
        along=both(np.repeat(along[None], count, 0)),
        u=np.tile([0.0, 1.0], count * points),
        faces=np.stack([a, a + 1, b + 1, b], 1),
        neck=both(neck),
        carried=carried,
    )


def _between(guides, roots):
    """Three guides for each root [n,3], the nearest first, and their shares [n,3]: those that go another way than the first have none."""
    chosen, far = _nearest(roots, guides[:, 0], 3)
    course = _unit(guides[:, min(4, guides.shape[1] - 1)] - guides[:, 0])
    alike = np.einsum("nkc,nc->nk", course[chosen], course[chosen[:, 0]])
    weight = np.clip((alike - LIKE) / 0.3, 0, 1) / (far + 0.002) ** 2
    return chosen, weight / weight.sum(1, keepdims=True)


def _walked(offsets, lengths):
    """Lines [n,P,3] cut to so much of their way: lengths [n]."""
    points = offsets.shape[1]
    place = lengths[:, None] * np.arange(points)[None]
    low = np.minimum(place.astype(int), points - 2)
    part = (place - low)[..., None]
    take = lambda rows: np.take_along_axis(offsets, rows[..., None], 1)
    return (1 - part) * take(low) + part * take(low + 1)


def _nearest(places, among, count=1):
    """Which of the places `among` [m,3] are nearest to each of places [n,3], and how far: two arrays [n,count]."""
    tree = KDTree(len(among))
    for number, place in enumerate(among.tolist()):
        tree.insert(place, number)
    tree.balance()
    found = [[(number, far) for _, number, far in tree.find_n(place, count)] for place in places.tolist()]
    numbers, distances = np.moveaxis(np.array(found), 2, 0)
    return numbers.astype(int), distances


def _outwards(line):
    spine = FOOT - MIDDLE
    share = np.clip((line - MIDDLE) @ spine / (spine @ spine), 0, 1)
    return _unit(line - MIDDLE - share[..., None] * spine)


def _unit(v):
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


# In Blender


def _lies(head):
    """(FLAME's axes in the head's own, its units to a metre, offset) as the template lies on it, or None where it is another mesh."""
    file, own = model(), neutral(head)
    if len(own) <= file["bound"].max():
        return None
    axes, scale, offset, error = align(file["places"].astype(float), own[file["bound"]])
    if error > FAR * scale:
        return None
    if PROPERTY in head:  # which knows them better: an identity may be wider or lean a little
        told = np.array(head[PROPERTY]["axes"]).reshape(3, 3), head[PROPERTY].get("scale", 1.0)
        if np.abs(told[0] - axes).max() < TURNED and abs(told[1] / scale - 1) < TURNED:
            axes, scale = told
    return axes, scale, offset


def _make(head, style, axes, scale, offset):
    ribbons, file = strands(style), model()
    to_own = scale * axes.T
    shift = neutral(head)[file["bound"]] - (file["places"] @ to_own + offset)
    points = ribbons.points @ to_own + offset + ribbons.carried(shift)
    mesh = bpy.data.meshes.new(f"{head.name} Hair")
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(ribbons.faces.size)
    mesh.loops.foreach_set("vertex_index", ribbons.faces.astype(np.int32).ravel())
    mesh.polygons.add(len(ribbons.faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, ribbons.faces.size, 4, dtype=np.int32))
    mesh.uv_layers.new(name="UVMap").data.foreach_set(
        "uv", np.stack([ribbons.u, ribbons.along], 1)[ribbons.faces.ravel()].astype(np.float32).ravel()
    )
    mesh.polygons.foreach_set("use_smooth", np.ones(len(ribbons.faces), bool))
    for name, values in (("strand", ribbons.strand), ("along", ribbons.along)):
        mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32))
    mesh.attributes.new("rest", "FLOAT_VECTOR", "POINT").data.foreach_set("vector", ribbons.points.astype(np.float32).ravel())
    mesh.materials.append(shaders.make("hair"))
    mesh.update()
    mesh.validate()
    mesh.normals_split_custom_set_from_vertices((ribbons.normals @ axes.T).tolist())
    hair = bpy.data.objects.new(f"{head.name} Hair", mesh)
    hair[look.HAIR] = style
    for collection in head.users_collection:
        collection.objects.link(hair)
    hair.parent = head
    _weigh(hair, head, ribbons.neck)
    _bend(hair, head)
    return hair


def _weigh(hair, head, neck):
    """Vertex groups of neck and root, as the head's bones are called."""
    bones = head[PROPERTY]["bones"] if PROPERTY in head else {}
    neck = np.round(neck, 2)
    for joint, weights in (("neck", neck), ("root", 1 - neck)):
        group = hair.vertex_groups.new(name=bones.get(joint, joint))
        for weight in np.unique(weights[weights > 0]):
            group.add(np.flatnonzero(weights == weight).tolist(), float(weight), "REPLACE")


def _bend(hair, head):
    """Let the head's armature bend the hair as well."""
    modifier = hair.modifiers.get("Utter") or hair.modifiers.new("Utter", "ARMATURE")
    modifier.object = armature(head)


def _darken(head):
    """Write down on the head's mesh where hair grows: its skin is darker there."""
    scalp = np.zeros(len(head.data.vertices), np.float32)
    scalp[: len(model()["scalp"])] = model()["scalp"]
    attribute = head.data.attributes.get("scalp") or head.data.attributes.new("scalp", "FLOAT", "POINT")
    attribute.data.foreach_set("value", scalp)
