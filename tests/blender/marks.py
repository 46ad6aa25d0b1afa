"""How a scene says where it is played. Scenes import this in every Blender, so it imports nothing."""


def once(scene):
    """A scene that asks nothing of Blender which differs between versions: the tests' own Blender plays it, and no other."""
    scene.once = True
    return scene
