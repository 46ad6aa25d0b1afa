"""What an artist may choose about a head's looks; Object.utter holds it, the head's materials (shaders.py) show it."""

from . import shaders

HAIR = "Utter Hair"  # vertex group of the hair, and the modifier that hides it


def changed(settings, _context):
    """A setting of Object.utter changed."""
    apply(settings.id_data)


def apply(obj):
    """Carry the look of Object.utter over to the object's materials and its hair."""
    settings, switch = obj.utter, obj.modifiers.get(HAIR)
    if switch is not None:
        switch.show_viewport = switch.show_render = not settings.show_hair
    values = {
        shaders.TONE: settings.skin_tone,
        shaders.EYES: (*settings.eye_colour, 1),
        shaders.HAIR: (*settings.hair_colour, 1),
        shaders.SCALP: float(switch is not None and settings.show_hair),
    }
    for material in obj.data.materials:
        if material is not None and material.node_tree is not None:
            for node in material.node_tree.nodes:
                if node.name in values:
                    node.outputs[0].default_value = values[node.name]
            plain = _plain(settings, material.get(shaders.KIND))
            if plain is not None:
                shaders.show_plainly(material, plain)


def _plain(settings, kind):
    """The plain colour of a material of that kind; None if the artist's choices do not change it."""
    if kind in shaders.STRANDS:
        return tuple(shaders.STRANDS[kind] * part for part in settings.hair_colour)
    skin = shaders.tone(settings.skin_tone)
    lips = tuple(part * red for part, red in zip(skin, shaders.LIPS))
    return {"iris": tuple(settings.eye_colour), "skin": skin, "lip": lips}.get(kind)


def add_hair_switch(obj, kind="hair"):
    """Give an object with faces of that kind a modifier that hides them; it is off: hair shows."""
    slots = [i for i, material in enumerate(obj.data.materials) if material.get(shaders.KIND) == kind]
    vertices = sorted({vertex for polygon in obj.data.polygons if polygon.material_index in slots for vertex in polygon.vertices})
    if vertices:
        obj.vertex_groups.new(name=HAIR).add(vertices, 1.0, "REPLACE")
        switch = obj.modifiers.new(HAIR, "MASK")
        switch.vertex_group, switch.invert_vertex_group = HAIR, True
        switch.show_viewport = switch.show_render = False
        for material in obj.data.materials:
            if shaders.SCALP in material.node_tree.nodes:
                material.node_tree.nodes[shaders.SCALP].outputs[0].default_value = 1.0
