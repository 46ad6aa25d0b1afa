"""Characters: twelve people to begin with, each with a face (sliders and a seed, from which an artist goes on) and a look."""

import dataclasses

Colour = tuple[float, float, float]

BLACK, DARK, BROWN, CHESTNUT = (0.010, 0.008, 0.007), (0.022, 0.013, 0.009), (0.060, 0.030, 0.014), (0.110, 0.048, 0.020)
BLOND, RED, GREY, WHITE = (0.420, 0.260, 0.110), (0.240, 0.060, 0.018), (0.230, 0.220, 0.210), (0.560, 0.550, 0.530)
BLUE, GREEN, HAZEL, SLATE = (0.055, 0.120, 0.185), (0.070, 0.105, 0.045), (0.115, 0.075, 0.028), (0.080, 0.115, 0.120)


@dataclasses.dataclass(frozen=True)
class Character:
    """about: a few words of who it is; sliders and seed as an identity has them; skin_tone (0 fair, 1 dark), colours (linear),
    hair_style, age (of the skin, 0 young, 1 old) and stubble (0 to 1) as Object.utter has them."""

    about: str
    sliders: dict[str, float]
    seed: int
    skin_tone: float
    eye_colour: Colour
    hair_colour: Colour
    hair_style: str
    age: float
    stubble: float = 0.0


CHARACTERS = {
    "Amara": Character(
        "A young woman with an open face",
        {"Age": -0.35, "Masculine": -0.9, "Weight": -0.1, "Lips": 0.1, "Nose Width": 0.1, "Eye Size": 0.3},
        3004,
        0.86,
        HAZEL,
        BLACK,
        "CURLY",
        0.1,
    ),
    "Jonas": Character(
        "A lean man in his thirties",
        {"Age": -0.1, "Masculine": 0.6, "Weight": -0.2, "Jaw Width": 0.2, "Nose Length": 0.2},
        1340,
        0.18,
        BLUE,
        BLOND,
        "SHORT",
        0.2,
        0.3,
    ),
    "Mei": Character(
        "A young woman, fine-boned",
        {"Age": -0.4, "Masculine": -1.0, "Weight": -0.2, "Lips": 0.2, "Nose Length": -0.3, "Face Length": -0.1},
        2937,
        0.26,
        BROWN,
        BLACK,
        "BOB",
        0.05,
    ),
    "Ravi": Character(
        "A man in his thirties with a strong nose",
        {"Age": -0.05, "Masculine": 0.55, "Weight": 0.1, "Brow": 0.2, "Eye Size": 0.3, "Nose Length": 0.2},
        3040,
        0.66,
        BROWN,
        BLACK,
        "SHORT",
        0.25,
        0.6,
    ),
    "Ingrid": Character(
        "A thin woman of seventy",
        {"Age": 0.85, "Masculine": -1.0, "Weight": -0.35, "Jaw Width": -0.3, "Nose Length": -0.2, "Lips": -0.2, "Ears": 0.2},
        3935,
        0.12,
        SLATE,
        WHITE,
        "BUN",
        0.85,
    ),
    "Mateo": Character(
        "A heavy young man",
        {"Age": -0.3, "Masculine": 0.45, "Weight": 0.75, "Jaw Width": 0.2, "Lips": 0.2},
        928,
        0.48,
        BROWN,
        DARK,
        "SHORT",
        0.1,
        0.15,
    ),
    "Yusuf": Character(
        "A man in his sixties, weathered",
        {"Age": 0.75, "Masculine": 0.7, "Weight": 0.1, "Nose Length": 0.4, "Ears": 0.3, "Asymmetry": 0.2},
        1441,
        0.55,
        HAZEL,
        GREY,
        "CROP",
        0.75,
        0.8,
    ),
    "Saoirse": Character(
        "A fair young woman",
        {"Age": -0.3, "Masculine": -1.0, "Nose Length": -0.2, "Lips": 0.3, "Chin": -0.1, "Eye Size": 0.25},
        2871,
        0.06,
        GREEN,
        RED,
        "LONG",
        0.1,
    ),
    "Kwame": Character(
        "A sturdy man of nearly fifty",
        {"Age": 0.35, "Masculine": 0.75, "Weight": 0.3, "Jaw Width": 0.3, "Lips": 0.2},
        547,
        0.95,
        DARK,
        BLACK,
        "BUZZ",
        0.45,
    ),
    "Lucia": Character(
        "A heavy woman in her forties",
        {"Age": 0.25, "Masculine": -0.8, "Weight": 0.65, "Lips": 0.2, "Eye Distance": 0.1},
        3431,
        0.42,
        BROWN,
        BROWN,
        "LONG",
        0.4,
    ),
    "Hiroshi": Character(
        "A thin man in his fifties",
        {"Age": 0.45, "Masculine": 0.5, "Weight": -0.45, "Face Length": 0.2, "Brow": 0.1},
        1830,
        0.30,
        DARK,
        GREY,
        "SHORT",
        0.6,
    ),
    "Nour": Character(
        "A woman of thirty with large eyes",
        {"Age": -0.2, "Masculine": -0.9, "Weight": 0.1, "Nose Length": 0.25, "Brow": -0.1, "Eye Size": 0.35},
        3286,
        0.38,
        HAZEL,
        CHESTNUT,
        "LONG",
        0.15,
    ),
}


def find_character(name: str) -> Character | None:
    """The character of that name, however its letters are written; None if there is none."""
    return next((character for known, character in CHARACTERS.items() if known.casefold() == name.casefold()), None)
