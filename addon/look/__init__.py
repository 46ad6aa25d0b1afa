"""What an artist may choose about a head's looks; Object.utter holds it, the head's materials (shaders.py) show it."""

from . import shaders

SKIN = {shaders.AGE: "age", shaders.BLUSH: "blush", shaders.STUBBLE: "stubble", shaders.FRECKLES: "freckles"}
HAIR = "utter_hair"  # custom property of an object that is the hair of its parent: the style


def changed(settings, _context):
    """A setting of Object.utter changed."""
    apply(settings.id_data)


def apply(obj):
    """Carry the look of Object.utter, where the add-on is registered, over to the materials of the head and of its hair."""
    settings, hair = getattr(obj, "utter", None), [child for child in obj.children if HAIR in child]
    if settings is None:
        return
    values = {
        shaders.TONE: settings.skin_tone,
        shaders.EYES: (*settings.eye_colour, 1),
        shaders.HAIR: (*settings.hair_colour, 1),
        shaders.GREY: settings.hair_grey,
        shaders.SCALP: float(bool(hair)),
        **{name: getattr(settings, setting) for name, setting in SKIN.items()},
    }
    for material in (material for part in (obj, *hair) for material in part.data.materials):
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
        light, grey = shaders.STRANDS[kind], settings.hair_grey
        return tuple((1 - grey) * light * own + grey * white for own, white in zip(settings.hair_colour, shaders.WHITE))
    skin = shaders.tone(settings.skin_tone)
    lips = tuple(part * red for part, red in zip(skin, shaders.LIPS))
    return {"iris": tuple(settings.eye_colour), "skin": skin, "lip": lips}.get(kind)
