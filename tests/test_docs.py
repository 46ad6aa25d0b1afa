"""What the docs say of the code, held against the code: signatures, files, tables, commands. Read with ast: nothing here is imported
but the contract.

A fenced block of `python` in the docs holds one signature a line: `module.function(arguments) -> result  # comment`, or a name without
parentheses, or a line of comment. The module's name may leave out what is not needed to find it. Arguments are the code's: their
names, their order, `*`, and their defaults, where `...` stands for any. Methods are written without self. Code in a sentence that looks
like a call of a name with a dot is held to the same.
"""

import ast
import dataclasses
import re
import typing
from functools import cache
from pathlib import Path

import pytest

import contract
from contract import (
    BLENDER,
    OPTIONS,
    RUNTIME,
    CaptureRequest,
    ExportRequest,
    HeadRequest,
    PerformRequest,
    ShapesRequest,
    layout,
    options_of,
    protocol,
)

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("contract", "addon", "model_runtime", "tools")
DOCS = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))])
PLACEHOLDERS = ("KIND", "NAME")  # of files that are still to be made


def text_of(path):
    return Path(ROOT / path).read_text(encoding="utf-8")


def named(docs):
    return pytest.mark.parametrize("path", docs, ids=[path.name for path in docs])


# The code


def parsed(path):
    return ast.parse(text_of(path))


def sources():
    paths = [path.relative_to(ROOT).as_posix() for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in paths}


@cache
def names():
    """{dotted name: its node} of all that modules of ours define, and of what a package takes from them and hands on."""
    found, handed = {}, []
    for module, path in sources().items():
        for node in parsed(path).body:
            if isinstance(node, ast.ImportFrom) and (path.endswith("__init__.py") or "__all__" in text_of(path)):
                above = [module] if node.level else []
                source = ".".join([*above, *filter(None, [node.module])])
                handed += [(f"{module}.{alias.asname or alias.name}", f"{source}.{alias.name}") for alias in node.names]
            found |= {f"{module}.{name}": inner for name, inner in defined(node)}
    for name, source in handed * 2:  # what a package takes from another that has taken it
        found |= {name + told.removeprefix(source): node for told, node in list(found.items()) if f"{told}.".startswith(f"{source}.")}
    return found


def defined(node):
    """(name, node) of what a statement of a module or class defines; of a class, its members and those of its bases in that file."""
    if isinstance(node, ast.FunctionDef):
        yield node.name, node
    elif isinstance(node, ast.ClassDef):
        yield node.name, node
        yield from ((f"{node.name}.{name}", inner) for member in node.body for name, inner in defined(member))
    else:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else ()
        yield from ((target.id, node) for target in targets if isinstance(target, ast.Name))


def resolve(name):
    """The nodes that a name means, whose beginning may be left out; what a package hands on is the same node again."""
    found = [node for told, node in names().items() if told == name or told.endswith(f".{name}")]
    if not found and name.count("."):  # a method of a base
        owner, _, member = name.rpartition(".")
        bases = [base.id for node in resolve(owner) if isinstance(node, ast.ClassDef) for base in node.bases if isinstance(base, ast.Name)]
        found = [node for base in bases for node in resolve(f"{base}.{member}")]
    return list({id(node): node for node in found}.values())


def arguments_of(node):
    """[(name, default or None)] with ("*", None) where only names follow; of a class, as one makes it. None: it takes none."""
    if isinstance(node, ast.ClassDef):
        made = next((inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"), None)
        if made is None:
            fields = [inner for inner in node.body if isinstance(inner, ast.AnnAssign) and "ClassVar" not in ast.unparse(inner.annotation)]
            return [(inner.target.id, inner.value and ast.unparse(inner.value)) for inner in fields]
        node, skip = made, 1
    elif isinstance(node, ast.FunctionDef):
        static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
        skip = int(not static and bool(node.args.args) and node.args.args[0].arg in ("self", "cls"))
    else:
        return None
    plain = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(plain) - len(node.args.defaults)) + [ast.unparse(value) for value in node.args.defaults]
    told = list(zip((argument.arg for argument in plain), defaults))[skip:]
    told += [(f"*{node.args.vararg.arg}", None)] if node.args.vararg else [("*", None)] if node.args.kwonlyargs else []
    told += [(argument.arg, value and ast.unparse(value)) for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults)]
    return told + ([(f"**{node.args.kwarg.arg}", None)] if node.args.kwarg else [])


# Signatures


def wrong(line):
    """What is not true of a signature, or ""."""
    told = re.fullmatch(r"([A-Za-z_][\w.]*)(?:\((.*)\))?", line.partition("  # ")[0].partition(" -> ")[0].strip())
    if not told:
        return "is no signature"
    name, given = told.groups()
    found = resolve(name)
    if len(found) != 1:
        return f"means {len(found)} things in the code"
    if given is None:
        return "is a function: write its arguments" if isinstance(found[0], ast.FunctionDef) and not is_property(found[0]) else ""
    own = arguments_of(found[0])
    try:
        said = arguments_of(ast.parse(f"def f({given}): pass").body[0])
    except SyntaxError:
        return "has arguments that Python cannot read"
    if own is None:
        return "takes no arguments"
    same = [name for name, _ in said] == [name for name, _ in own] and all(
        value == default or (value == "..." and default is not None) for (_, value), (_, default) in zip(said, own)
    )
    return "" if same else f"takes ({', '.join(name if default is None else f'{name}={default}' for name, default in own)})"


def is_property(node):
    return any("property" in ast.unparse(mark) for mark in node.decorator_list)


def signatures(text):
    """The signatures in the blocks of a doc, and what in its sentences looks like one."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for language, block in fences if language == "python" for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```$|^    .*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([A-Za-z_]\w*\.[\w.]+\([^`]*\))`", prose)
    return [line for line in lines if line.strip() and not line.startswith("#")] + inline


@named(DOCS)
def test_signatures(path):
    told = [f"{line}: {said}" for line in signatures(text_of(path)) if (said := wrong(line))]
    assert not told, "\n".join(told)


def test_signatures_are_found():
    assert len(signatures(text_of("docs/architecture.md"))) > 100


@pytest.mark.parametrize(
    "line, said",
    [
        ("flame.load.load_head(path=None) -> Head  # the built-in one", ""),
        ("rigs.rig_of(obj) -> Rig", ""),
        ("bake.Baked(actions, set_aside)", ""),
        ("HeadMap.apply(values, beta=None)", ""),
        ("Performer.feel(subject, neutral_voice=None, speaker_folder=None)", ""),
        ("tools.zip.build(output, platform=None, python=None, torch='cpu', transcriber=True, tracker=False)", ""),
        ("flame.load.load_head(path)", "takes (path=None)"),
        ("flame.load.load_head(path='x')", "takes (path=None)"),
        ("flame.load.load_head(file=None)", "takes (path=None)"),
        ("curves.resample(fps, values, start_frame, gap=None)", "takes ("),
        ("bake.rebake(rig, performance, start_frame=1.0, fps=None, lip_gap=None)", "takes ("),
        ("bake.unbake(rig)", "means 0 things"),
        ("main(argv)", "means"),
        ("bake.bake", "is a function"),
        ("a head, posed", "is no signature"),
        ("rigs.rig_of(the object)", "Python cannot read"),
    ],
)
def test_a_wrong_signature_is_told(line, said):
    assert wrong(line) == said or (said and said in wrong(line))


# Files, commands, headings


def files_named(text):
    """Paths that a doc names: Python, Markdown and TOML files, links, and whatever lies in a folder of the project's."""
    folders, text = "|".join((*ROOMS, "tests", "docs", "blender_assets")), re.sub(r"\[[^\]]*\]\(", "(", text)
    found = re.findall(r"(?<![\w./*-])((?:[\w.-]+/)*[\w-]+\.(?:py|md|toml))\b", text)
    found += re.findall(rf"(?<![\w./*-])((?:{folders})/[\w./*-]*\w)", text)
    return {name for name in found + re.findall(r"\(([\w./-]+\.\w+)\)", text) if not any(word in name for word in PLACEHOLDERS)}


@named(DOCS)
def test_files_that_docs_name_are_there(path):
    there = lambda name: any(next(folder.glob(name), None) for folder in (ROOT, path.parent) if not name.startswith(".."))
    gone = [name for name in files_named(text_of(path)) if not (there(name) or (path.parent / name).resolve().exists())]
    assert not gone, gone


@named(DOCS)
def test_commands_that_docs_name_are_there(path):
    verbs = {key.value for node in parsed("build.py").body for key in values_of(node, "VERBS")}
    called = [node for node in ast.walk(parsed("model_runtime/cli.py")) if isinstance(node, ast.Call) and ast.unparse(node.func) == "verb"]
    runtime = {node.args[0].value for node in called}
    text = text_of(path)
    assert verbs and runtime
    assert set(re.findall(r"python build\.py (\w+)", text)) - {"VERB"} <= verbs
    assert set(re.findall(r"python -m model_runtime (\w+)", text)) - {"VERB"} <= runtime


def values_of(node, name):
    """The keys of a dict that a statement gives to that name."""
    return node.value.keys if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name else ()


def headings(text):
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def test_sections_that_are_named_are_there():
    """`docs/X.md, "Section"` in the code; `[X.md](X.md), "Section"` and `X.md, "Section"` in the docs."""
    inside = [(path, r"docs/(\w+\.md)\)?,? \(?\"([^\"]+)") for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py")]
    inside += [(path, r"(?:\(|`)(?:docs/)?(\w+\.md)(?:\)|`), \"([^\"]+)") for path in DOCS]
    flat = lambda path: " ".join(text_of(path).split()) if path != Path(__file__) else ""
    found = [(path, *told) for path, pattern in inside for told in re.findall(pattern, flat(path))]
    assert len(found) > 10
    gone = [(str(path), doc, section) for path, doc, section in found if section not in headings(text_of(f"docs/{doc}"))]
    assert not gone, gone


def test_the_version_is_told():
    newest = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert newest and newest[1] == contract.VERSION
    assert text_of("docs/protocol.md").splitlines()[0].endswith(f"version {contract.PROTOCOL}")


# Tables


def table(path, first):
    """The rows of the table with that first column, each {column: cell}."""
    lines = text_of(path).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    cells = lambda line: [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split(" |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(cells(lines[start]), cells(line), strict=True)))
    return rows


def code(cell):
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]*)`", cell)


def test_options_of_a_performance():
    commands = {(): "", (RUNTIME, BLENDER): "both", (RUNTIME,): "runtime", (BLENDER,): "Blender"}
    meant = []
    for name, told in OPTIONS.items():
        default = "" if told.default is None else f"`{told.default!r}`"
        column = {"always": "path", "perhaps": "path or text", "": "yes"}[told.path] if told.column else ""
        sent = "what it is there" if name in options_of(PerformRequest) else ""
        names = ", ".join(f"`{each}`" for each in (name, *told.aliases))
        meant.append((names, default, commands[told.commands], column, "yes" if told.panel else "", sent, told.help))
    said = [
        tuple(cell if key != "in a request" else cell and "what it is there" for key, cell in row.items())
        for row in table("docs/formats.md", "option")
    ]
    lines = lambda rows: "\n".join(f"| {' | '.join(row)} |" for row in rows)
    assert said == meant, (
        f"docs/formats.md should have\n{lines(row for row in meant if row not in said)}\n"
        f"and has\n{lines(row for row in said if row not in meant)}"
    )


def test_custom_properties():
    """What the add-on keeps under `utter_...` is what constants of its modules name, and the table has all of it."""
    constants = [node for path in (ROOT / "addon").rglob("*.py") for node in parsed(path).body if isinstance(node, ast.Assign)]
    texts = {part.value for node in constants for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
    kept = {text for text in texts if isinstance(text, str) and re.fullmatch(r"utter_[a-z_]+", text)} - {"utter_face"}  # of the clipboard
    rows = [code(row["custom property"])[0] for row in table("docs/formats.md", "custom property")]
    assert len(kept) > 15 and sorted(rows) == sorted(kept)


def test_fields_of_a_head_request():
    assert [code(row["field"])[0] for row in table("docs/protocol.md", "field")] == list(options_of(HeadRequest))


def test_fields_of_an_export():
    assert [code(row["field of an export"])[0] for row in table("docs/protocol.md", "field of an export")] == list(
        options_of(ExportRequest)
    )


def test_fields_of_shapes():
    assert [code(row["field of shapes"])[0] for row in table("docs/protocol.md", "field of shapes")] == list(options_of(ShapesRequest))


def test_fields_of_a_capture():
    assert [code(row["field of a capture"])[0] for row in table("docs/protocol.md", "field of a capture")] == list(
        options_of(CaptureRequest)
    )


def test_events():
    kinds = {"hello": protocol.HelloEvent, "progress": protocol.ProgressEvent, "error": protocol.ErrorEvent, "bye": protocol.ByeEvent}
    kinds |= {"cancelled": protocol.CancelledEvent, "result head": protocol.HeadResult, "result perform": protocol.PerformResult}
    kinds |= {"result capture": protocol.CaptureResult, "result export": protocol.ExportResult, "result shapes": protocol.ShapesResult}
    said = {" ".join(code(row["event"])): set(code(re.sub(r"\([^)]*\)", "", row["fields"]))) for row in table("docs/protocol.md", "event")}
    assert set(kinds.values()) == set(typing.get_args(protocol.Event))
    assert said == {name: set(typing.get_type_hints(event)) - {"event"} for name, event in kinds.items()}


def test_fields_of_a_passage():
    meant = {
        field.name: "" if field.default in (dataclasses.MISSING, None) else "all" if field.name == "regions" else str(field.default)
        for field in dataclasses.fields(contract.Passage)
    }
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]*|all) ?\|", section("docs/formats.md", "Passages"), re.MULTILINE)
    assert dict(rows) == meant


def test_the_layout_of_a_motion():
    names = (*layout.CHANNEL_NAMES, *layout.ACTIONS)
    for row in table("docs/formats.md", "name"):
        place = getattr(layout, code(row["name"])[0])
        own = names[place]
        assert row["columns"] == f"{place.start}:{place.stop}"
        assert code(row["channels"]) == ([own[0], own[-1]] if " to " in row["channels"] else list(own))
    slices = [name for name, value in vars(layout).items() if isinstance(value, slice)]
    assert [code(row["name"])[0] for row in table("docs/formats.md", "name")] == slices
    joints = re.search(r"Joints, in this order: (.*?)\.", text_of("docs/formats.md"), re.DOTALL)
    assert joints and tuple(code(joints[1])) == layout.JOINTS


def test_sliders():
    told = re.search(r"Sliders: (.*?)\.", text_of("docs/formats.md"), re.DOTALL)
    assert told and [" ".join(name.split()) for name in code(told[1])] == list(contract.SLIDERS)


def section(path, heading):
    """A section's text, without those of later headings."""
    return re.search(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", text_of(path), re.MULTILINE | re.DOTALL)[1]


def dictionary(path, name):
    """The names that a dict or tuple in a file holds."""
    node = next(inner for inner in parsed(path).body if isinstance(inner, ast.Assign | ast.AnnAssign) and name in ast.unparse(inner)[:40])
    return [key.value for key in (node.value.keys if isinstance(node.value, ast.Dict) else node.value.elts)]


def fields_in(heading):
    rows = re.findall(r"^\| (`.*?) \|", section("docs/formats.md", heading), re.MULTILINE)
    return {name for row in rows for name in code(row)}


def test_fields_of_heads_bundles_and_masks():
    head = "model_runtime/flame/head.py"
    assert fields_in("Head") == {*dictionary(head, "REQUIRED"), *dictionary(head, "OPTIONAL")}
    bundle = parsed("model_runtime/flame/bundle.py")
    call = next(node for node in ast.walk(bundle) if isinstance(node, ast.Call) and ast.unparse(node.func) == "write_npz")
    written = {word.arg for word in call.keywords if word.arg} - {"compressed"}
    assert fields_in("Bundle") == written | {"landmark_names", "landmark_vertices"}
    assert set(dictionary("addon/rigs/making.py", "BUNDLE")) <= written
    masks = dictionary("model_runtime/flame/masks.py", "NAMES")
    assert [name for name in code(section("docs/formats.md", "Masks").partition("`addon")[0]) if "." not in name] == masks


def test_folders_of_voices():
    told = re.search(r"folders of `--data` are (.*?)\.", text_of("docs/training.md"), re.DOTALL)
    assert told and code(told[1]) == dictionary("model_runtime/training/corpus.py", "FOLDERS")


def test_formats_of_checkpoints():
    rows = re.findall(r"^\| `(\S+)` \| (\d+) \| `(\S+)` \|", section("docs/formats.md", "Checkpoints"), re.MULTILINE)
    declared = {path for path in sources().values() if re.search(r"^FORMAT = ", text_of(path), re.MULTILINE)}
    assert {path for _, _, path in rows} == declared
    for _, number, path in rows:
        assert re.search(rf"^FORMAT = {number}\b", text_of(path), re.MULTILINE), path
