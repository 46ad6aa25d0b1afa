"""What an artist may choose about a head's looks; Object.utter holds it, the head's materials (shaders.py) show it."""

from . import shaders

HAIR = "utter_hair"  # custom property of an object that is the hair of its parent: the style


def changed(settings, _context):
    """A setting of Object.utter changed."""
    apply(settings.id_data)


def apply(obj):
    """Carry the look of Object.utter over to the materials of the head and of its hair."""
    settings, hair = obj.utter, [child for child in obj.children if HAIR in child]
    values = {
        shaders.TONE: settings.skin_tone,
        shaders.EYES: (*settings.eye_colour, 1),
        shaders.HAIR: (*settings.hair_colour, 1),
        shaders.GREY: settings.hair_grey,
        shaders.SCALP: float(bool(hair)),
    }
    for material in (material for part in (obj, *hair) for material in part.data.materials):
        if material is not None and material.node_tree is not None:
            for node in material.node_tree.nodes:
                if node.name in values:
                    node.outputs[0].default_value = values[node.name]
            kind = material.get(shaders.KIND)
            if kind in shaders.STRANDS:
                light, grey = shaders.STRANDS[kind], settings.hair_grey
                strands = ((1 - grey) * light * own + grey * white for own, white in zip(settings.hair_colour, shaders.WHITE))
                material.diffuse_color = (*strands, 1)
            elif kind == "iris":
                material.diffuse_color = (*settings.eye_colour, 1)
            elif kind == "skin":
                material.diffuse_color = (*shaders.tone(settings.skin_tone), 1)
