"""The import rules of docs/architecture.md ("Rooms"), held by reading the code. Every rule is tried on made-up code as well."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("contract", "addon", "model_runtime", "tools")
BLENDER = ("bpy", "bpy_extras", "mathutils", "gpu", "gpu_extras", "blf", "aud", "imbuf")  # what only Blender has

# Who may not import whom, and why.
WALL = {
    "contract": (("addon", "model_runtime", "tools", "tests"), "both sides import the contract, so it knows neither"),
    "addon": (("torch", "model_runtime", "tools", "tests"), "Blender computes nothing; what computes is a process of its own"),
    "model_runtime": ((*BLENDER, "addon", "tools", "tests"), "it runs without Blender, and in Blender's place"),
}

# From the bottom up: a module imports what stands in lines above its own (and, in a folder, its neighbours), never the other way and
# never across a line. A new file or folder needs a place here.
ORDER = {
    "model_runtime": (
        ("cache", "checkpoints", "cores", "memory", "motion", "pretrained"),  # files, cores, what is kept: none knows what for
        ("flame", "audio"),  # heads and voices: each can be read, posed or heard with nothing else there
        ("capture",),  # what a camera saw, put on a head; needs the head, and the sound's time
        ("speech",),  # what is heard in a voice; needs the voice
        ("emotion",),  # hears a voice as well, by speech's features
        ("diffusion",),  # learned from Content and feelings, and poses lips to seal them
        ("held", "narrow", "scope", "exports"),  # an artist's keys, a part of a performance, or its face actions as files: on any head
        ("drawing", "models"),  # one puts diffusion, held keys and scope together, the other loads what is learned
        ("listener",),  # hears voices by the models
        ("pipeline", "training"),  # both put the parts together: one to perform, one to learn; a performance needs no training
        ("worker",),  # a Performer behind a pipe
        ("cli",),  # starts a Performer or the worker
        ("__main__",),
    ),
    "addon": (
        ("contract", "compat"),  # names that both sides know; what differs between Blenders
        ("maps",),  # which keys follow which movements: arrays and JSON
        ("animation",),  # curves and keys of any head: arrays in, F-curves out
        ("look",),  # materials and light
        ("rigs",),  # heads as objects, which have a look and are animated
        ("work",),  # the worker and its jobs; knows objects by name only
        ("panels",),  # what an artist does: uses all of the above
        ("settings", "batch"),  # what is saved of the panels; the command that presses their buttons
        ("__init__",),  # registers them all
    ),
}

NO_ROOMS = ("blender", "golden", "gui")  # folders of tests that mirror no room: the whole in bpy, as it was before, in a window


class Import(NamedTuple):
    """An import in the code: of target (a module's dotted name) by source (another), at line of path."""

    path: str
    line: int
    source: str
    target: str
    inside: bool  # in a function
    typing: bool  # under `if TYPE_CHECKING`


def name_of(path):
    """A file's dotted name; a package's is that of its folder."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(path, text, modules):
    """Every Import in a file. `from package import name` is one of package.name where that is a module."""
    source, found = name_of(path), []
    package = source.split(".") if path.endswith("/__init__.py") else source.split(".")[:-1]

    def visit(node, inside, typing):
        targets = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Too many dots leave the top package, as addon/contract.py does within an extension: what follows is a room beside it.
            above = package[: len(package) - node.level + 1] if node.level and node.level <= len(package) else []
            base = ".".join([*above, *filter(None, [node.module])])
            targets = [full if (full := f"{base}.{alias.name}".lstrip(".")) in modules else base for alias in node.names]
        found.extend(Import(path, node.lineno, source, target, inside, typing) for target in dict.fromkeys(targets))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            visit(child, inside, typing or (checks_types(node) and child in node.body))

    visit(ast.parse(text), False, False)
    return found


def checks_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def violations(sources):
    """What of {path: text} breaks a rule, a sentence each."""
    modules = {name_of(path) for path in sources}
    imports = [found for path, text in sources.items() for found in imports_of(path, text, modules)]
    told = [*wall(imports), *order(sources, imports), *circles(imports, modules), *mirror(sources)]
    for path, text in sources.items():
        if path.startswith("addon/") and path != "addon/compat.py" and "app.version" in text:
            told.append(f"{path}: only addon/compat.py asks for Blender's version.")
        if Path(path).stem == "utils" or Path(path).parent.name == "utils":
            told.append(f"{path}: utils says nothing; call a file by what it holds.")
    return told


def wall(imports):
    for path, line, source, target, inside, typing in imports:
        room, of = source.split(".")[0], target.split(".")[0]
        forbidden, why = WALL.get(room, ((), ""))
        if of in forbidden:
            yield f"{path}:{line}: {room} must not import {of}: {why}."
        elif room == "contract" and of not in ("contract", *sys.stdlib_module_names) and not (of == "numpy" and (inside or typing)):
            yield f"{path}:{line}: the contract imports the standard library only, and numpy inside functions, not {of}."
        elif room == "addon" and of == "contract" and source != "addon.contract":
            yield f"{path}:{line}: the add-on imports the contract through addon/contract.py, or it breaks once installed."
        elif target.split(".")[-1] == "utils" and (of == "utils" or of in (*ROOMS, "tests")):
            yield f"{path}:{line}: nothing imports a module called utils."


def order(sources, imports):
    for room, layers in ORDER.items():
        heights = {part: height for height, layer in enumerate(layers) for part in layer}

        def part_of(module, room=room):
            parts = module.split(".")
            return (parts[1] if len(parts) > 1 else "__init__") if parts[0] == room else None

        for path in sources:
            part = part_of(name_of(path))
            if part not in heights and part is not None and path != f"{room}/__init__.py":
                yield f"{path}: {part} has no place in the order of {room}; give it one in {Path(__file__).name}."
        for path, line, source, target, _, typing in imports:
            here, there = part_of(source), part_of(target)
            if here in heights and there in heights and here != there and not typing and heights[there] >= heights[here]:
                yield f"{path}:{line}: {room}'s {here} must not import {there}; imports run the other way, or not at all."


def circles(imports, modules):
    """A sentence for each circle of imports, whether at the top of a module or in its functions."""
    graph = {module: {} for module in modules}
    for path, line, source, target, _, typing in imports:
        if typing:
            continue
        parts = target.split(".")
        for module in (".".join(parts[: count + 1]) for count in range(len(parts))):
            # Importing a.b.c runs a and a.b first; of those that the module lies in itself, it has been said already.
            if module in modules and module != source and (module == target or not f"{source}.".startswith(f"{module}.")):
                graph[source].setdefault(module, f"{path}:{line}")
    done, way, told = set(), [], []

    def visit(module):
        if module in way:
            circle = [*way[way.index(module) :], module]
            told.append(f"{graph[circle[0]][circle[1]]}: a circle of imports, {' -> '.join(circle)}.")
        elif module not in done:
            way.append(module)
            for target in sorted(graph[module]):
                visit(target)
            done.add(way.pop())

    for module in sorted(modules):
        visit(module)
    return told


def mirror(sources):
    """Whether every room has its tests, and every folder of tests its room."""
    folders = {str(parent) for path in sources for parent in Path(path).parents}
    for room in ROOMS:
        if room in folders and f"tests/{room}" not in folders:
            yield f"{room} has no tests; they belong in tests/{room}."
    for folder in sorted(folders):
        inside = folder.removeprefix("tests/")
        if inside != folder and inside not in folders and inside.split("/")[0] not in NO_ROOMS:
            yield f"{folder}: tests of what? There is no {inside}."


def test_the_house_keeps_its_rules():
    paths = [path for room in (*ROOMS, "tests") for path in sorted((ROOT / room).rglob("*.py"))]
    told = violations({path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (ROOT / "build.py", *paths)})
    assert len(paths) > 100 and not told, "\n".join(told)


BROKEN = [
    ("contract must not import addon", {"contract/a.py": "def f():\n    import addon.compat"}),
    ("contract must not import model_runtime", {"contract/a.py": "from model_runtime.motion import Motion"}),
    ("standard library only", {"contract/a.py": "import numpy as np"}),
    ("standard library only", {"contract/a.py": "def f():\n    import scipy"}),
    ("addon must not import torch", {"addon/work/a.py": "def f():\n    from torch import nn"}),
    ("addon must not import model_runtime", {"addon/work/a.py": "import model_runtime.motion"}),
    ("addon must not import model_runtime", {"addon/work/a.py": "from ...model_runtime import motion"}),
    ("addon must not import tests", {"addon/work/a.py": "from tests.blender import heads"}),
    ("through addon/contract.py", {"addon/work/a.py": "from contract import FPS"}),
    ("through addon/contract.py", {"addon/work/a.py": "from ...contract import FPS"}),
    ("model_runtime must not import bpy", {"model_runtime/flame/a.py": "try:\n    import bpy\nexcept ImportError:\n    bpy = None"}),
    ("model_runtime must not import mathutils", {"model_runtime/flame/a.py": "from mathutils import Vector"}),
    ("model_runtime must not import addon", {"model_runtime/flame/a.py": "from addon.rigs import axes"}),
    ("model_runtime must not import tools", {"model_runtime/training/a.py": "from tools import sheet"}),
    ("speech must not import pipeline", {"model_runtime/speech/a.py": "import model_runtime.pipeline"}),
    ("pipeline must not import training", {"model_runtime/pipeline.py": "def f():\n    from model_runtime.training import sync"}),
    ("flame must not import audio", {"model_runtime/flame/a.py": "from model_runtime import audio", "model_runtime/audio.py": ""}),
    ("misc has no place", {"model_runtime/misc.py": ""}),
    ("animation must not import rigs", {"addon/animation/a.py": "from ..rigs import rig", "addon/rigs/rig.py": ""}),
    ("batch must not import settings", {"addon/batch/a.py": "from .. import settings", "addon/settings.py": ""}),
    ("work must not import __init__", {"addon/work/a.py": "from .. import register", "addon/__init__.py": ""}),
    ("extras has no place", {"addon/extras/a.py": ""}),
    (
        "circle of imports, tools.a -> tools.b -> tools.a",
        {"tools/a.py": "from tools import b", "tools/b.py": "def f():\n    import tools.a"},
    ),
    (
        "circle of imports, addon.work -> addon.work.a -> addon.work",
        {"addon/work/__init__.py": "from . import a", "addon/work/a.py": "from . import INTERVAL"},
    ),
    (  # b lies in a package, which runs first
        "circle of imports, tools.a -> tools.p -> tools.a",
        {"tools/a.py": "import tools.p.b", "tools/p/__init__.py": "import tools.a", "tools/p/b.py": ""},
    ),
    ("only addon/compat.py asks", {"addon/look/a.py": "import bpy\nif bpy.app.version > (4, 4): pass"}),
    ("called utils", {"tools/a.py": "from tools import utils", "tools/utils.py": ""}),
    ("utils says nothing", {"model_runtime/flame/utils/a.py": ""}),
    ("contract has no tests", {"contract/a.py": "", "tests/addon/test_a.py": ""}),
    ("There is no model_runtime/hands", {"model_runtime/flame/a.py": "", "tests/model_runtime/hands/test_a.py": ""}),
]


@pytest.mark.parametrize("told, sources", BROKEN, ids=[told for told, _ in BROKEN])
def test_every_rule_can_be_broken(told, sources):
    assert any(told in sentence for sentence in violations(sources)), violations(sources)


def test_what_is_allowed_is_not_told():
    rooms = {f"tests/{room}/test_a.py": f"import {room}.a" for room in ROOMS}
    assert not violations(
        {
            **rooms,
            "contract/a.py": "import json\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import numpy\ndef f():\n import numpy",
            "addon/__init__.py": "from .settings import a",
            "addon/contract.py": "if __package__ == 'addon':\n    from contract import *\nelse:\n    from ..contract import *",
            "addon/compat.py": "import bpy\nSLOTS = bpy.app.version >= (4, 4, 0)",
            "addon/settings.py": "import bpy.utils\nfrom .panels import base",
            "addon/panels/base.py": "from .. import compat, contract\nfrom . import perform",
            "addon/panels/perform.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import base",
            "model_runtime/pipeline.py": "from torch.utils import data\nfrom contract import a\nfrom model_runtime.speech import a",
            "model_runtime/speech/a.py": "from model_runtime.flame import a",
            "model_runtime/flame/a.py": "",
            "tools/a.py": "import bpy, torch, addon.panels.base, model_runtime.pipeline",
            "tests/blender/scenes.py": "import tools.a",
        }
    )


def test_the_contract_loads_nothing_heavy():
    code = "import sys, contract; print(*({'bpy', 'numpy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout + done.stderr


def test_each_operator_has_a_name_of_its_own():
    """Blender forgets a class as soon as another one registers under its name."""
    texts = [path.read_text("utf-8") for path in (ROOT / "addon").rglob("*.py")]
    found = [name for text in texts for name in re.findall(r'bl_idname = "(.+)"', text)]
    assert len(found) > 50 and sorted(set(found)) == sorted(found)
