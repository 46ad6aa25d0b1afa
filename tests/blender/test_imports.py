"""Every module of the house can be imported: also those that only a verb nobody tests (sheets, films) would reach."""

from tests.blender import blender

ROOMS = ("addon", "contract", "model_runtime", "tools")


def test_every_module_can_be_imported():
    paths = [path.relative_to(blender.ROOT).with_suffix("") for room in ROOMS for path in (blender.ROOT / room).rglob("*.py")]
    modules = sorted(".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__")
    assert len(modules) > 100
    told = blender.run(
        """
        import importlib, json, sys
        told = {}
        for module in sys.argv[1:]:
            try:
                importlib.import_module(module)
            except Exception as error:
                told[module] = repr(error)
        print(json.dumps(told))
        """,
        *modules,
    )
    assert told == {}
