"""What a head's parts are made of: node materials without pictures, for EEVEE and Cycles and, in plain colours, the viewport.

They read the head's masks as mesh attributes (docs/formats.md, "Masks") and its place at rest, `rest`, so that pores and
freckles stay on the skin that moves. A head without masks has plain skin and white eyes. What the artist sets (look.py) stands in
nodes with these names, in every material that needs it.
"""

import bpy
import numpy as np

TONE, EYES, HAIR, GREY, SCALP = "Skin Tone", "Eye Colour", "Hair Colour", "Grey Share", "Hair on Scalp"
AGE, BLUSH, STUBBLE, FRECKLES = "Age", "Blush", "Stubble", "Freckles"
PLAINLY = "Plain Colour"  # node: the one colour that stands for a material where its nodes are not understood
KIND = "utter_kind"  # custom property of a material: what it is made for
DEFAULT_FRECKLES = 0.25
DEFAULT_TONE, DEFAULT_EYES, DEFAULT_HAIR = 0.30, (0.075, 0.125, 0.115), (0.055, 0.030, 0.018)
WHITE = (0.52, 0.51, 0.49)  # of a hair that has gone grey
STRANDS = {"hair": 1.0, "brow": 0.6, "lashes": 0.3}  # brightness against the hair's colour

# In the viewport and in files for other programs: colour, alpha, roughness.
PLAIN = {
    "skin": ((0.72, 0.40, 0.27), 1, 0.5),
    "lip": ((0.61, 0.23, 0.15), 1, 0.35),
    "mouth": ((0.36, 0.10, 0.085), 1, 0.3),
    "eye": ((0.80, 0.78, 0.74), 1, 0.1),
    "iris": (DEFAULT_EYES, 1, 0.1),
    "pupil": ((0.005, 0.005, 0.005), 1, 0.1),
    "cornea": ((1.0, 1.0, 1.0), 0.08, 0.0),
    "tear": ((1.0, 1.0, 1.0), 0.2, 0.0),
    "caruncle": ((0.55, 0.22, 0.19), 1, 0.2),
    "teeth": ((0.74, 0.69, 0.58), 1, 0.2),
    "gums": ((0.45, 0.15, 0.14), 1, 0.3),
    "tongue": ((0.50, 0.18, 0.17), 1, 0.35),
    **{kind: (tuple(light * part for part in DEFAULT_HAIR), 1, 0.5) for kind, light in STRANDS.items()},
}
OTHER = ((0.6, 0.6, 0.6), 1, 0.5)
FAMILIES = ("skin", "lip", "mouth"), ("eye", "iris", "pupil")  # look alike but in the viewport: their borders are masks
TONES = ((0.0, (0.82, 0.53, 0.41)), (0.35, (0.70, 0.37, 0.24)), (0.68, (0.38, 0.18, 0.105)), (1.0, (0.095, 0.042, 0.025)))
LIPS = (0.84, 0.56, 0.56)  # red against the skin
DEEP = (1.0, 0.36, 0.20)  # how far red, green and blue light go in flesh, of the distance below
DEPTH = 0.0035  # metres


def make_all(kinds):
    """New materials for the parts of one head, one for each kind, in their order."""
    made: dict[str, bpy.types.Material] = {}
    for kind in kinds:
        like = next((other for family in FAMILIES if kind in family for other in made if other in family), None)
        made[kind] = make(kind, kinds) if like is None else name(made[like].copy(), kind)
    return list(made.values())


def make(kind, kinds=()):
    """A new material for that kind of part, on a head that has parts of those kinds."""
    material = bpy.data.materials.new(kind)
    material.use_nodes = True
    graph = Graph(material.node_tree)
    if kind in FAMILIES[0]:
        surface = skin(graph)
    elif kind in FAMILIES[1]:
        surface = eye(graph, behind_glass="cornea" in kinds)
    elif kind in ("cornea", "tear"):
        surface = glass(graph, PLAIN[kind][1])
        material.surface_render_method = "BLENDED"
    elif kind in STRANDS:
        surface = hair(graph) if kind == "hair" else lash(graph, STRANDS[kind])
    elif kind == "teeth":
        surface = teeth(graph)
    elif kind in ("gums", "tongue", "caruncle"):
        surface = flesh(graph, PLAIN[kind][0], bumps=0.0003 if kind == "tongue" else 0.0002)
    else:
        surface = graph.principled({"Base Color": OTHER[0], "Roughness": OTHER[2]})
    graph.node("OutputMaterial", {"Surface": surface})
    graph.arrange()
    return name(material, kind)


def name(material, kind):
    """Say what the material is for, and give it its plain colour; returns it."""
    material.name, material[KIND] = f"Utter {kind}", kind
    colour, _, material.roughness = PLAIN.get(kind, OTHER)
    show_plainly(material, colour)
    return material


def show_plainly(material, colour):
    """Give the material that colour in the solid viewport and in files (glTF, FBX ...); how it renders stays as it is."""
    colour = tuple(max(part, 0.002) for part in colour)  # a divisor in `principled`
    material.diffuse_color = (*colour, PLAIN.get(material[KIND], OTHER)[1])
    for node in material.node_tree.nodes:
        if node.bl_idname == "ShaderNodeBsdfPrincipled":
            node.inputs["Base Color"].default_value = (*colour, 1)  # what exporters read that overlook the link
        elif node.name == PLAINLY:
            node.outputs[0].default_value = (*colour, 1)


def tone(value):
    """The skin's colour at a tone of 0 to 1, before what varies over the face."""
    return tuple(float(np.interp(value, [at for at, _ in TONES], part)) for part in zip(*(colour for _, colour in TONES)))


def skin(graph):
    """Skin, lips and the inside of the mouth are one surface: their borders are masks."""
    rest = graph.attribute("rest", 1)
    lips, inside = graph.smooth(graph.mask("lips"), 0.25, 0.75), graph.smooth(graph.mask("inside"), 0.3, 0.9)
    nose, forehead, ears, lids, cheeks = map(graph.mask, ("nose", "forehead", "ears", "lids", "cheeks"))
    age, blush = graph.value(AGE, 0.0), graph.value(BLUSH, 0.0)
    broad, blotch, fine = graph.noise(rest, 45, 3), graph.noise(rest, 190, 4, 0.6), graph.noise(rest, 700, 2)

    colour = graph.node("ValToRGB", {"Fac": graph.value(TONE, DEFAULT_TONE)}, stops=TONES)
    blood = graph.add((cheeks, 0.85), (nose, 0.75), (ears, 0.75), (lids, 0.10), (broad, 0.7), (blotch, 1.2), (None, -0.92))
    colour = graph.multiply(graph.math("MULTIPLY", blood, 0.85), colour, (1.0, 0.57, 0.50))
    reddened = graph.mix(graph.value(TONE, DEFAULT_TONE), (1.04, 0.47, 0.46), (1.0, 0.82, 0.82))  # dark skin shows less of it
    flushed = graph.add((cheeks, 1.15), (nose, 0.80), (ears, 0.95), (forehead, 0.10), (broad, 0.5), (None, -0.20))
    colour = graph.multiply(graph.math("MULTIPLY", graph.smooth(flushed, 0.0, 1.1), blush), colour, reddened)
    colour = graph.multiply(graph.math("MULTIPLY", lids, 0.25), colour, (0.90, 0.85, 0.86))
    colour = graph.multiply(graph.math("MULTIPLY", lids, graph.math("MULTIPLY", age, 0.75)), colour, (0.74, 0.63, 0.68))
    colour = graph.multiply(graph.math("MULTIPLY", forehead, 0.5), colour, (1.03, 1.07, 1.05))
    amount = graph.value(FRECKLES, DEFAULT_FRECKLES)  # more of them are darker, closer together and spread farther
    freckled = graph.math("MULTIPLY", graph.add((cheeks, 1.6), (nose, 1.6), (None, 0.40)), amount)
    grains = graph.math("MULTIPLY_ADD", amount, 0.08, graph.math("SUBTRACT", graph.noise(rest, 380, 2), 0.08 * DEFAULT_FRECKLES))
    freckles = graph.math("MULTIPLY", graph.smooth(grains, 0.60, 0.74), freckled)
    colour = graph.multiply(freckles, colour, (0.78, 0.60, 0.48))
    spots = graph.smooth(graph.noise(rest, 130, 3, 0.6), 0.48, 0.74)
    colour = graph.multiply(graph.math("MULTIPLY", spots, graph.math("MULTIPLY", age, 0.60)), colour, (0.80, 0.66, 0.56))
    dull = graph.node("RGBToBW", {"Color": colour})
    colour = graph.mix(graph.math("MULTIPLY", age, 0.20), colour, graph.multiply(1.0, (0.97, 0.86, 0.74), dull))
    colour = beard(graph, rest, colour)
    colour = graph.multiply(graph.smooth(fine, 0.3, 0.7, 0.12, 0), colour, (0.80, 0.68, 0.62))
    folds = graph.noise(graph.scale(rest, (1.0, 0.14, 0.30)), 1500, 2)  # the lips' fine lines run up and down
    red = graph.multiply(graph.math("MULTIPLY_ADD", age, -0.30, 1.0), colour, LIPS)
    red = graph.multiply(graph.smooth(folds, 0.35, 0.7, 0.35, 0), red, (0.80, 0.64, 0.64))
    edge = graph.add((blotch, 0.35), (lips, 1.0), (age, -0.30), (None, -0.175))  # no two lips have a drawn border
    colour = graph.mix(graph.smooth(edge, 0.05, 1.0), colour, red)
    shadow = graph.math("MULTIPLY", graph.mask("scalp"), graph.value(SCALP, 0.0))
    colour = graph.mix(graph.smooth(shadow, 0.35, 1.0, 0, 0.80), colour, graph.colour(HAIR, DEFAULT_HAIR))
    colour = graph.mix(inside, colour, (0.60, 0.190, 0.150))

    oil = graph.add((nose, 0.13), (forehead, 0.08), (lids, 0.05), (blotch, -0.20), (lips, 0.08), (age, -0.07), (None, 0.13))
    creases = graph.math("MULTIPLY", graph.noise(graph.scale(rest, (0.5, 1.0, 0.7)), 520, 3, 0.6, 0.6), age)
    height = graph.mix(lips, graph.add((fine, 0.5), (blotch, 0.8), (creases, 1.3)), graph.math("MULTIPLY", folds, 1.1))
    return graph.principled(
        {
            "Base Color": colour,
            "Roughness": graph.math("SUBTRACT", 0.56, oil),
            "Specular IOR Level": graph.math("MULTIPLY_ADD", inside, -0.35, graph.smooth(shadow, 0.05, 0.4, 0.45, 0.05)),
            "Subsurface Weight": 1.0,
            "Subsurface Radius": DEEP,
            "Subsurface Scale": DEPTH,
            "Coat Weight": graph.math("MULTIPLY", lips, 0.16),
            "Coat Roughness": 0.26,
            "Sheen Weight": 0.06,
            "Sheen Roughness": 0.45,
            "Sheen Tint": (1.0, 0.85, 0.75, 1),
            "Normal": graph.bump(height, 0.25, 0.0006),
        }
    )


def beard(graph, rest, colour):
    """The skin's colour with the shaved hairs of the beard in it: dots, and a blue-grey that those below the surface give."""
    grown = graph.math("MULTIPLY", graph.mask("beard"), graph.value(STUBBLE, 0.0))
    patchy = graph.math("MULTIPLY", grown, graph.smooth(graph.noise(rest, 140, 2), 0.2, 0.6, 0.65, 1.0))
    below = graph.multiply(graph.math("MULTIPLY", patchy, 0.90), colour, (0.46, 0.52, 0.60))
    near = graph.node("TexVoronoi", {"Vector": rest, "Scale": 1500.0})  # hairs two thirds of a millimetre apart
    dots = graph.math("MULTIPLY", graph.smooth(near, 0.48, 0.22), patchy)
    hairs = graph.mix(graph.value(GREY, 0.0), graph.colour(HAIR, DEFAULT_HAIR), WHITE)
    return graph.mix(graph.math("MULTIPLY", dots, 0.80), below, graph.mix(0.25, hairs, colour))


def eye(graph, behind_glass):
    """White with veins towards the corners, iris of radial fibres, limbal ring, pupil; wet unless a cornea lies before it."""
    x, y, z = map(graph.mask, ("eye_x", "eye_y", "eye_z"))
    place = graph.node("CombineXYZ", {"X": x, "Y": y, "Z": z})
    flat = graph.node("CombineXYZ", {"X": x, "Y": y})
    radius = graph.node("VectorMath", {"Vector": flat}, output=1, operation="LENGTH")
    around = graph.node("VectorMath", {"Vector": flat}, operation="NORMALIZE")
    front = graph.math("GREATER_THAN", z, 0.01)

    spokes = graph.node(
        "VectorMath", {"Vector": graph.scale(around, (5,) * 3), "Vector_001": graph.scale(flat, (0.9,) * 3)}, operation="ADD"
    )  # varies quickly round the pupil, slowly away from it
    fibres = graph.noise(spokes, 1.6, 4, 0.65)
    crypts = graph.noise(graph.scale(spokes, (0.5, 0.5, 0.5)), 1.9, 2)
    own = graph.colour(EYES, DEFAULT_EYES)
    colour = graph.mix(
        graph.smooth(fibres, 0.36, 0.66),
        graph.multiply(1.0, own, (0.30, 0.30, 0.32)),
        graph.mix(0.25, graph.multiply(1.0, own, (2.0, 2.0, 2.0)), (0.55, 0.48, 0.36)),
    )
    ring = graph.math("ADD", radius, graph.math("MULTIPLY_ADD", crypts, 0.35, -0.17))
    colour = graph.mix(graph.smooth(ring, 0.62, 0.46, 0, 0.55), colour, (0.20, 0.105, 0.035))  # warm about the pupil
    colour = graph.multiply(graph.smooth(radius, 0.70, 0.97, 0, 0.9), colour, (0.20, 0.22, 0.25))  # limbal ring
    # The cornea gathers light from above on the far side, below the pupil.
    light = graph.smooth(y, 0.75, -0.8, *((0.75, 2.6) if behind_glass else (0.40, 1.9)))
    colour = graph.node("VectorMath", {"Vector": colour, "Scale": light}, operation="SCALE")
    colour = graph.mix(graph.smooth(radius, 0.385, 0.335), colour, (0.002, 0.002, 0.002))

    corner = graph.smooth(graph.math("ABSOLUTE", x), 0.9, 2.0)
    web = graph.noise(place, 2.2, 5, 0.6, 1.2)
    veins = graph.smooth(graph.math("ABSOLUTE", graph.math("SUBTRACT", web, 0.5)), 0.035, 0.0)
    white = graph.mix(graph.math("MULTIPLY", corner, 0.60), (0.70, 0.675, 0.64), (0.62, 0.38, 0.33))
    white = graph.mix(graph.math("MULTIPLY", veins, graph.smooth(corner, 0.0, 0.9, 0.02, 0.32)), white, (0.55, 0.10, 0.07))
    white = graph.multiply(graph.value(TONE, DEFAULT_TONE), white, (0.62, 0.555, 0.49))
    white = graph.multiply(graph.smooth(radius, 1.22, 1.0, 0, 0.55), white, (0.55, 0.60, 0.66))
    white = graph.multiply(graph.smooth(y, 0.05, 0.75, 0, 0.75), white, (0.45, 0.38, 0.36))  # the upper lid's shadow
    iris = graph.math("MULTIPLY", graph.smooth(radius, 1.05, 0.94), front)
    colour = graph.mix(iris, white, colour)
    return graph.principled(
        {
            "Base Color": colour,
            "Roughness": graph.math("MULTIPLY_ADD", iris, 0.25, 0.22),
            "Specular IOR Level": 0.25,
            "Subsurface Weight": graph.math("MULTIPLY_ADD", iris, -0.25, 0.25),
            "Subsurface Radius": (1.0, 0.6, 0.5),
            "Subsurface Scale": 0.002,
            "Coat Weight": graph.math("SUBTRACT", 1.0, iris) if behind_glass else 1.0,
            "Coat Roughness": 0.03,
            "Coat IOR": 1.45,
        }
    )


def glass(graph, alpha):
    """Clear and wet: it mirrors and lets light through straight, so that the iris behind it is lit without caustics.

    alpha: how much of it there is in files for other programs, which find it as the factor of a product."""
    mirror = graph.math("MULTIPLY", graph.math("DIVIDE", graph.node("Fresnel", {"IOR": 1.45}), alpha), alpha)
    return graph.principled({"Base Color": (1.0, 1.0, 1.0), "Metallic": 1.0, "Roughness": 0.03, "Alpha": mirror})


def teeth(graph):
    rest = graph.attribute("rest", 1)
    gum, deep = graph.mask("gum"), graph.mask("inside")
    colour = graph.mix(graph.smooth(graph.noise(rest, 300, 2), 0.3, 0.7, 0, 0.25), (0.78, 0.735, 0.635), (0.72, 0.655, 0.53))
    colour = graph.mix(graph.smooth(gum, 0.10, 0.75, 0, 0.75), colour, (0.66, 0.49, 0.33))
    colour = graph.multiply(graph.smooth(deep, 0.05, 0.80), colour, (0.50, 0.25, 0.18))  # what lies deep gets light from red walls
    return graph.principled(
        {
            "Base Color": colour,
            "Roughness": 0.25,
            "Subsurface Weight": 0.5,
            "Subsurface Radius": (1.0, 0.75, 0.5),
            "Subsurface Scale": 0.0015,
            "Specular IOR Level": graph.smooth(deep, 0.1, 0.7, 0.5, 0.1),
            "Coat Weight": graph.smooth(deep, 0.1, 0.6, 0.5, 0.0),
            "Coat Roughness": 0.08,
            "Normal": graph.bump(graph.noise(rest, 500, 2), 0.15, 0.0004),
        }
    )


def flesh(graph, colour, bumps):
    """Gums, tongue and the corner of the eye: wet and uneven. bumps: metres."""
    rest = graph.attribute("rest", 1)
    grain, blotch, deep = graph.noise(rest, 800, 1), graph.noise(rest, 220, 3), graph.mask("inside")
    tint = graph.multiply(graph.smooth(blotch, 0.35, 0.7, 0, 0.5), (*colour, 1), (0.75, 0.60, 0.60))
    tint = graph.mix(graph.smooth(grain, 0.5, 0.75, 0, 0.15), tint, tuple(min(1, 1.5 * c + 0.08) for c in colour))
    tint = graph.multiply(graph.smooth(deep, 0.3, 1.0), tint, (0.85, 0.66, 0.60))
    return graph.principled(
        {
            "Base Color": tint,
            "Roughness": 0.42,
            "Specular IOR Level": graph.smooth(deep, 0.2, 0.8, 0.4, 0.1),
            "Subsurface Weight": 0.7,
            "Subsurface Radius": DEEP,
            "Subsurface Scale": DEPTH,
            "Coat Weight": graph.smooth(deep, 0.2, 0.8, 0.40, 0.05),
            "Coat Roughness": 0.22,
            "Normal": graph.bump(grain, 0.4, bumps),
        }
    )


def hair(graph):
    """Hairs of the scalp: no two alike, darker at the root, lighter at the tip; some grey."""
    strand, along = graph.mask("strand"), graph.mask("along")
    chance = graph.node("TexWhiteNoise", {"W": strand}, noise_dimensions="1D")
    tuft = graph.noise(graph.attribute("rest", 1), 70, 2)
    own = graph.colour(HAIR, DEFAULT_HAIR)
    dark, bright = (graph.multiply(1.0, own, (times,) * 3) for times in (0.55, 1.65))
    colour = graph.mix(graph.smooth(graph.add((strand, 0.6), (tuft, 0.8), (None, -0.2)), 0.1, 0.9), dark, bright)
    colour = graph.multiply(graph.smooth(along, 0.45, 0.0), colour, (0.50, 0.47, 0.45))
    colour = graph.multiply(graph.smooth(along, 0.6, 1.0), colour, (1.28, 1.20, 1.10))
    edge = graph.node("LayerWeight", {"Blend": 0.5}, output=1)
    grey = graph.math("LESS_THAN", chance, graph.value(GREY, 0.0))
    colour = graph.mix(grey, colour, graph.mix(strand, tuple(0.6 * part for part in WHITE), tuple(1.25 * part for part in WHITE)))
    return graph.principled(
        {
            "Base Color": colour,
            "Roughness": graph.math("MULTIPLY_ADD", strand, 0.20, 0.38),
            "Specular IOR Level": graph.smooth(edge, 0.10, 0.55, 0.20, 0.0),  # light from behind must not turn it to silver
            "Specular Tint": graph.mix(0.5, (1.0, 0.86, 0.72), graph.multiply(1.0, own, (3.0, 3.0, 3.0))),
        }
    )


def lash(graph, light):
    """Brows and lashes. light: against the artist's hair colour."""
    uneven = graph.noise(graph.attribute("rest", 1), 900, 1)
    own = graph.multiply(1.0, graph.mix(graph.value(GREY, 0.0), graph.colour(HAIR, DEFAULT_HAIR), WHITE), (light,) * 3)
    colour = graph.multiply(graph.smooth(uneven, 0.3, 0.7), own, (0.55, 0.55, 0.55))
    return graph.principled({"Base Color": colour, "Roughness": 0.5, "Specular IOR Level": 0.3, "Specular Tint": (1.0, 0.86, 0.74, 1)})


def backdrop(middle, edge, reach):
    """A new material that shines by itself: `middle` at the object's origin, `edge` from reach (metres) on."""
    material = bpy.data.materials.new("Utter backdrop")
    material.diffuse_color = (*edge, 1)
    material.use_nodes = True
    graph = Graph(material.node_tree)
    away = graph.node("VectorMath", {"Vector": graph.node("TexCoord", output=3)}, output=1, operation="LENGTH")
    colour = graph.mix(graph.smooth(away, 0.0, reach), middle, edge)
    graph.node("OutputMaterial", {"Surface": graph.node("Emission", {"Color": colour})})
    graph.arrange()
    return material


class Graph:
    """A node tree being built: nodes take sockets, numbers and colours alike and give their first output.

    Sockets are found by identifier: their names differ between Blenders."""

    def __init__(self, tree):
        self.tree = tree
        tree.nodes.clear()

    def node(self, kind, inputs=(), output=0, stops=None, **settings):
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(node, name, value)
        if stops:
            ramp = node.color_ramp
            for number, (position, colour) in enumerate(stops):
                element = ramp.elements[number] if number < 2 else ramp.elements.new(position)
                element.position, element.color = position, (*colour, 1)
        sockets = {socket.identifier: socket for socket in node.inputs}
        for name, value in dict(inputs).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, sockets[name])
            elif isinstance(value, tuple) and len(value) == 3 and sockets[name].type == "RGBA":
                sockets[name].default_value = (*value, 1)
            else:
                sockets[name].default_value = value
        return node.outputs[output] if len(node.outputs) else node

    def principled(self, inputs):
        """A surface. A base colour of nodes becomes a product with the plain colour: glTF's exporter takes the constant factor."""
        colour = inputs["Base Color"]
        if isinstance(colour, bpy.types.NodeSocket):
            plain = self.colour(PLAINLY, OTHER[0])
            colour = self.multiply(1.0, self.mix(1.0, colour, plain, "DIVIDE"), plain)
        return self.node("BsdfPrincipled", {**inputs, "Base Color": colour}, subsurface_method="BURLEY")

    def attribute(self, name, output):
        return self.node("Attribute", output=output, attribute_name=name, label=name)

    def mask(self, name):
        return self.attribute(name, 2)

    def value(self, name, default):
        found = self.node("Value", name=name, label=name)
        found.default_value = default
        return found

    def colour(self, name, default):
        found = self.node("RGB", name=name, label=name)
        found.default_value = (*default, 1)
        return found

    def math(self, operation, *values):
        return self.node("Math", zip(("Value", "Value_001", "Value_002"), values), operation=operation)

    def add(self, *terms):
        """Sum of value * factor; a value of None stands for 1."""
        total = sum(factor for value, factor in terms if value is None)
        for value, factor in terms:
            if value is not None:
                total = self.math("MULTIPLY_ADD", value, factor, total)
        return total

    def smooth(self, value, low, high, to_low=0.0, to_high=1.0):
        """to_low .. to_high as value goes from low to high, with soft ends; low may be the greater."""
        if low > high:
            low, high, to_low, to_high = high, low, to_high, to_low
        return self.node(
            "MapRange",
            {"Value": value, "From Min": low, "From Max": high, "To Min": to_low, "To Max": to_high},
            interpolation_type="SMOOTHSTEP",
        )

    def mix(self, factor, a, b, blend="MIX"):
        return self.node("Mix", {"Factor_Float": factor, "A_Color": a, "B_Color": b}, 2, data_type="RGBA", blend_type=blend)

    def multiply(self, factor, colour, by):
        """colour, times `by` where factor is 1."""
        return self.mix(factor, colour, by, "MULTIPLY")

    def scale(self, vector, factors):
        return self.node("VectorMath", {"Vector": vector, "Vector_001": factors}, operation="MULTIPLY")

    def noise(self, vector, scale, detail, roughness=0.5, distortion=0.0):
        return self.node("TexNoise", {"Vector": vector, "Scale": scale, "Detail": detail, "Roughness": roughness, "Distortion": distortion})

    def bump(self, height, strength, distance):
        return self.node("Bump", {"Height": height, "Strength": strength, "Distance": distance})

    def arrange(self):
        """Put the nodes in columns from left to right, each left of all that it feeds."""
        column, links = dict.fromkeys(self.tree.nodes, 0), [(link.from_node, link.to_node) for link in self.tree.links]
        moved = True
        while moved:
            moved = False
            for left, right in links:
                if column[left] <= column[right]:
                    column[left], moved = column[right] + 1, True
        filled: dict[int, float] = {}
        for node, place in column.items():
            filled[place] = filled.get(place, 0) + 1
            node.location = (-220 * place, -240 * (filled[place] - 1))
