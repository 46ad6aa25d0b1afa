"""One sentence on heads side by side: the built-in one, two that move by shape keys of their own names, one whose keys Utter made, and
one that moves by bones.

    python -m tools.heads --makehuman FOLDER

FOLDER holds `base.obj` and `units/*.target.gz` of MPFB's repository (src/mpfb/data: 3dobjs,
targets/expression/units/caucasian), CC0. The ICT FaceKit's head (MIT) is that of ../shared/data. Each is loaded without a rig
map, recognised or matched as *Use Selected* does, and performs the same Motion."""

import argparse
import gzip
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageDraw

import addon
from addon import rigs
from addon.animation import bake
from addon.maps.ours import ours
from addon.panels import maps, shapes
from addon.rigs import bones
from addon.rigs.axes import TO_BLENDER, align
from addon.work import jobs
from contract import ACTIONS, FACE_ACTIONS

ROOT = Path(__file__).resolve().parents[1]
ICT = ROOT.parent / "shared" / "data" / "ict_facekit" / "ict_facekit.npz"
SIDE, SHOWN = 210, 5  # pixels of a picture; moments
SKIN, DARK, WHITE = (0.62, 0.45, 0.38, 1), (0.25, 0.09, 0.09, 1), (0.85, 0.85, 0.82, 1)
CROP = 5.8  # decimetres above MakeHuman's origin: the neck's middle


def mesh(name, vertices, faces, keys, color=SKIN):
    """A mesh object with shape keys {name: moves [V,3]}, of vertices in FLAME's axes and metres."""
    data = bpy.data.meshes.new(name)
    data.from_pydata((vertices @ TO_BLENDER.T).tolist(), [], [[int(i) for i in face if i >= 0] for face in faces])
    data.shade_smooth()
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    obj.color = color
    if keys:
        obj.shape_key_add(name="Basis", from_mix=False)
    for key, moves in keys.items():
        block = obj.shape_key_add(name=key, from_mix=False)
        block.points.foreach_set("co", np.ascontiguousarray((vertices + moves) @ TO_BLENDER.T, np.float32).ravel())
        block.value = 0
    return obj


def part(vertices, faces, keys):
    """Those vertices that faces use, and faces and keys by these."""
    used = np.unique(np.concatenate([np.array(face) for face in faces]))
    place = np.full(len(vertices), -1)
    place[used] = np.arange(len(used))
    return vertices[used], [place[np.array(face)] for face in faces], {name: moves[used] for name, moves in keys.items()}


def built_in():
    with np.load(ROOT / "blender_assets" / "head" / "utter_head.npz", allow_pickle=False) as file:
        keys = {str(name): file["actions"][:, :, k].astype(float) for k, name in enumerate(file["action_names"])}
        return mesh("Built-in head", file["v_template"].astype(float), file["f_quad"], keys)


def ict():
    with np.load(ICT, allow_pickle=False) as file:
        keys = {str(name): 0.01 * moves.astype(float) for name, moves in zip(file["expression_names"], file["expression"])}
        return mesh("ICT FaceKit", 0.01 * file["neutral"].astype(float), file["faces"], keys)


def makehuman(folder):
    """(vertices, {group: faces}, {unit: moves}) of MakeHuman's base mesh, metres."""
    vertices, groups, group = [], {}, ""
    for line in (folder / "base.obj").read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(number) for number in rest[:3]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            groups.setdefault(group, []).append([int(corner.split("/")[0]) - 1 for corner in rest])
    units = {}
    for path in sorted((folder / "units").glob("*.target.gz")):
        moves = np.zeros((len(vertices), 3))
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            if line and not line.startswith("#"):
                row, *way = line.split()
                moves[int(row)] = [float(number) for number in way]
        units[path.name.removesuffix(".target.gz")] = 0.1 * moves
    return 0.1 * np.array(vertices), groups, units


def makehuman_head(folder, bare=False):
    """The head of MakeHuman's base mesh, with eyes, teeth and tongue as meshes of their own; returns the skin. bare: without its keys."""
    vertices, groups, keys = makehuman(folder)
    keys = {} if bare else keys
    above = lambda face: vertices[face, 1].min() > 0.1 * CROP
    skin = mesh("MakeHuman", *part(vertices, [face for face in groups["body"] if above(face)], keys))
    inner = {"eyes": ("helper-l-eye", "helper-r-eye"), "teeth": ("helper-upper-teeth", "helper-lower-teeth"), "tongue": ("helper-tongue",)}
    color = {"eyes": WHITE, "teeth": WHITE, "tongue": DARK}
    for name, of in inner.items():
        mesh(name, *part(vertices, [face for one in of for face in groups[one]], keys), color[name])
    return skin


def made(folder):
    """The same head with the keys that *Make the Shapes* gives it."""
    skin = makehuman_head(folder, bare=True)
    bpy.context.view_layer.objects.active = skin
    jobs.run(shapes.shapes_job(bpy.context, skin))
    return skin


def bind(obj, rig, names):
    """Blender's own weights by bone heat for these bones of an armature."""
    deformed = {bone.name: bone.use_deform for bone in rig.data.bones}
    for bone in rig.data.bones:
        bone.use_deform = bone.name in names
    bpy.ops.object.select_all(action="DESELECT")
    obj.select_set(True)
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.parent_set(type="ARMATURE_AUTO")
    for bone in rig.data.bones:
        bone.use_deform = deformed[bone.name]


def rigify():
    """The built-in head's skin on the face bones that Rigify generates, put to its landmarks as a rigger does."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    plan = bpy.context.object
    plan.data.transform(10 * np.eye(4) - 9 * np.diag([0, 0, 0, 1.0]))
    kind = next(kind for kind in bones.kinds() if kind.name == "Rigify")
    of_plan = {"lips.L": "lip.T.L.001>", "lips.R": "lip.T.R.001>", "lip.T": "lip.T.L", "lip.B": "lip.B.L", "chin.001": "chin>"}
    at = lambda name: getattr(plan.data.bones[name.rstrip(">")], "tail_local" if name.endswith(">") else "head_local")
    there = np.array([at(of_plan.get(bone, bone)) for bone in kind.marks.values()])
    here = np.array([ours().marks[mark] for mark in kind.marks])
    turn, scale, offset, _ = align(here, there)
    with np.load(ROOT / "blender_assets" / "head" / "utter_head.npz", allow_pickle=False) as file:
        skin, faces = scale * file["v_template"].astype(float) @ turn.T + offset, file["f_quad"]
    way = scale * here @ turn.T + offset - there
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in [bone for bone in plan.data.edit_bones if "face" in [parent.name for parent in bone.parent_recursive]]:
        for end in ("head", "tail"):
            place = np.array(getattr(bone, end))
            pull = np.exp(-((place - there) ** 2).sum(axis=1) / (2 * 0.4**2))
            place = place + pull @ way / max(pull.sum(), 0.3)
            nearest = skin[((skin - place) ** 2).sum(axis=1).argmin()]
            on_skin = bone.name.startswith(("lip", "lid", "brow", "cheek", "chin", "nose", "jaw.", "forehead", "temple"))
            setattr(bone, end, nearest if on_skin and np.linalg.norm(nearest - place) < 0.2 else place)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    bpy.data.objects.remove(plan)
    obj = mesh("Rigify", skin @ TO_BLENDER, faces, {})
    face = [bone.name for bone in rig.data.bones if bone.use_deform and "ORG-face" in [parent.name for parent in bone.parent_recursive]]
    bind(obj, rig, ["DEF-spine.006", "DEF-spine.005", *(name for name in face if "teeth" not in name and "tongue" not in name)])
    return obj


def shown(obj, frames, folder):
    """Pictures of a head at these frames, from the front: paths."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    scene.display.shading.light, scene.display.shading.color_type = "STUDIO", "OBJECT"
    scene.display.shading.show_cavity = True
    rig = rigs.rig_of(obj)
    places = np.array([obj.matrix_world @ vertex.co for vertex in obj.data.vertices])
    up = np.array(obj.matrix_world.to_3x3().normalized()) @ rig.axes()
    marks = middle_of(obj, places)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    size = 0.21 * marks[1]
    camera.data.type, camera.data.ortho_scale, camera.data.clip_end = "ORTHO", size, 100 * size
    camera.location = marks[0] + 5 * size * up[:, 2]
    camera.rotation_euler = (np.pi / 2, 0, 0)
    scene.camera = camera
    paths = []
    for frame in frames:
        scene.frame_set(int(frame))
        paths.append(folder / f"{bpy.path.clean_name(obj.name)}_{frame}.png")
        scene.render.filepath = str(paths[-1])
        bpy.ops.render.render(write_still=True)
    return paths


def middle_of(obj, places):
    """(the middle of a face, how many times larger than ours it is), by its lips and its width."""
    model, kind = ours(), bones.kind_of(obj)
    if kind:
        _, scale, _, _, _ = bones.laid_by(obj, kind, model)
        here, there = bones.marks(obj, kind, model)
        return there.mean(axis=0), scale
    upper, _ = rigs.rig_of(obj).lips()
    width = np.ptp(places[np.abs(places[:, 2] - places[upper, 2]) < 0.05 * np.ptp(places[:, 2]), 0])
    scale = width / np.ptp(model.places[np.abs(model.places[:, 1] - model.upper_lip[1]) < 0.01, 0])
    return places[upper] + [0, 0, 0.03 * scale], scale


def moments(values):
    """Frames that show a sentence: the mouth widest, roundest, shut between open ones, a blink, a smile."""
    column = lambda name: values[:, FACE_ACTIONS.start + ACTIONS.index(name)]
    gap = np.maximum(values[:, FACE_ACTIONS] @ ours().apart, 0)
    inside = slice(5, -5)
    shut = [k for k in range(8, len(gap) - 8) if gap[k] < 0.02 and min(gap[k - 6 : k].max(), gap[k : k + 7].max()) > 0.12]
    chosen = [
        gap[inside].argmax() + 5,
        (column("mouthFunnel") + column("mouthPucker"))[inside].argmax() + 5,
        shut[0] if shut else gap.argmin(),
    ]
    chosen += [
        column("eyeBlinkLeft")[inside].argmax() + 5,
        column("mouthSmileLeft")[inside].argmax() + 5,
        column("browInnerUp")[inside].argmax() + 5,
    ]
    return [int(frame) for frame in chosen[:SHOWN]]


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.heads", description=__doc__.partition("\n")[0])
    parser.add_argument("--makehuman", type=Path, help="MPFB's base mesh and expression units")
    parser.add_argument("--motion", type=Path, required=True, help="a Motion file with face actions, as `perform` writes it")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "heads.jpg")
    args = parser.parse_args(argv)
    addon.register()
    makers = {"built-in head\n52 actions": built_in}
    if ICT.is_file():
        makers["ICT FaceKit (MIT)\nits own shape keys"] = ict
    if args.makehuman:
        makers["MakeHuman (CC0)\nexpression units"] = lambda: makehuman_head(args.makehuman)
        makers["MakeHuman (CC0)\nshapes made by Utter"] = lambda: made(args.makehuman)
    makers["built-in skin\nbones of Rigify"] = rigify
    with np.load(args.motion, allow_pickle=False) as file:
        values = np.concatenate([file["motion"], file["actions"]], axis=1)
    frames, rows = moments(values), []
    folder = Path(bpy.app.tempdir)
    for make in makers.values():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        obj = make()
        bpy.context.view_layer.update()
        maps.adopt(obj)
        still = values.copy()
        still[:, 53:56] = 0  # heads that do not turn are compared more easily
        bpy.context.scene.render.fps = 30
        bake.bake(rigs.rig_of(obj), still, 0)
        print(obj.name, rigs.recognise(obj).reason)
        rows.append([Image.open(path).convert("RGB") for path in shown(obj, frames, folder)])
    sheet = Image.new("RGB", (SIDE * len(rows), SIDE * len(frames) + 36), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (name, pictures) in enumerate(zip(makers, rows)):
        draw.multiline_text((column * SIDE + 8, 4), name, fill="black")
        for row, picture in enumerate(pictures):
            sheet.paste(picture, (column * SIDE, 36 + row * SIDE))
    sheet.save(args.out, quality=72)
    jobs.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
