"""FLAME's fields as other tools name and arrange them, brought to FLAME's own; above all which components are expression.

FLAME's releases hold 300 identity components and then 100 of expression in `shapedirs`. Tools keep fewer of either, or each in a field
of its own, and some write down how many. What a file says decides; where it says nothing, the geometry does: identity changes the
whole head, expression hardly the back of it, and in each basis the components come in the order of how much they move.
"""

import re

import numpy as np

from contract import COEFFICIENTS, UtterError

IDENTITY, EXPRESSION = COEFFICIENTS, 100
NAMES = {  # ours: what others call it, without capitals and underscores
    "v_template": ("vtemplate",),
    "f": ("faces", "facestensor"),
    "shapedirs": ("shapedirs", "shapedirsidentity", "identitydirs", "idbase", "idbasis", "shapebasis", "identityblendshapes"),
    "expressiondirs": (
        *("expressiondirs", "exprdirs", "expdirs", "expressionbasis", "exprbasis", "expbasis", "exprbase", "expbase"),
        *("shapedirsexpression", "expressionshapedirs", "expressionblendshapes"),
    ),
    "posedirs": ("posedirs",),
    "J_regressor": ("jregressor",),
    "weights": ("lbsweights", "skinningweights"),
    "kintree_table": ("kintreetable", "parents"),
}
_OURS = {theirs: ours for ours, names in NAMES.items() for theirs in names}
_EACH = r"(?:params?|coeffs?|coefficients|components|comps|dims?)"
_COUNTED = rf"(?:n|num|number(?:of)?)(?:{{0}}){_EACH}?|(?:{{0}})(?:params|coeffs|comps|(?:space)?dim)"
_COUNTS = {  # num_betas, n_shape, shape_params; num_expression_coeffs, n_exp, expression_params
    "identity": re.compile(_COUNTED.format("betas?|shapes?|identity|identities|id")),
    "expression": re.compile(_COUNTED.format("expressions?|exprs?|exp")),
}
HOW = "save it with expression in a field of its own (expressiondirs), or with num_betas and num_expressions, how many there are of each"

_BEHIND = 0.35  # eye distances behind the jaw's joint: here the back of the head begins
_FACE_ONLY = 0.1  # mean square movement of the back of the head over the whole head's: less is expression
_NOISE = 0.02  # of the liveliest component's movement: what moves less says less
_ORDERLY = 1.3  # each component moves at most this much more than the one before: rounding, or a part of the mesh left out
_RISE = 2.0  # where it moves this much more, another basis begins
_USUAL_IDENTITY, _USUAL_EXPRESSION = (10, 20, 50, 100, 150, 200, 300), (10, 20, 50, 100)  # how many components tools keep
_CLEAR = 2.0  # how much likelier a split must be than any other (a natural logarithm)
_EXCEPTIONS = 15.0  # how much less likely than the likeliest a usual split may be: a handful of components that look otherwise


def known(name):
    """Whether a field of that name is one of FLAME's under another name, or counts components."""
    plain = _plain(name)
    return plain in _OURS or any(pattern.fullmatch(plain) for pattern in _COUNTS.values())


def _plain(name):
    return name.lower().replace("_", "")


def arranged(found):
    """The fields of a file under FLAME's names, in FLAME's arrangement where theirs is known: {name: value}. A name of FLAME's own
    goes before another one for the same. Counts of components become `counts`: {"identity" or "expression": number}."""
    fields, counts = dict(found), {}
    for name, value in found.items():
        plain = _plain(name)
        if (ours := _OURS.get(plain, name)) not in found:
            fields[ours] = value
        for basis, pattern in _COUNTS.items():
            if pattern.fullmatch(plain) and np.size(value) == 1 and np.asarray(value).dtype.kind in "iu":
                counts[basis] = int(np.reshape(value, ()))
    vertices = len(fields["v_template"]) if np.ndim(fields.get("v_template")) == 2 else 0
    for name in ("shapedirs", "expressiondirs", "posedirs"):
        if name in fields:
            fields[name] = _components_last(np.asarray(fields[name]), vertices)
    if np.ndim(fields.get("kintree_table")) == 1:  # parents alone
        fields["kintree_table"] = np.stack([fields["kintree_table"], np.arange(len(fields["kintree_table"]))])
    return fields | {"counts": counts}


def _components_last(basis, vertices):
    """[3V, K], [K, 3V] or [K, V, 3] as [V, 3, K]; anything else as it is."""
    if basis.ndim == 2 and basis.shape[0] == 3 * vertices:
        return basis.reshape(vertices, 3, -1)
    if basis.ndim == 2 and basis.shape[1] == 3 * vertices:
        return np.moveaxis(basis.reshape(-1, vertices, 3), 0, -1)
    if basis.ndim == 3 and basis.shape[1:] == (vertices, 3) and basis.shape[:2] != (vertices, 3):
        return np.moveaxis(basis, 0, -1)
    return basis


def joined(source, shapes, expression, counts, vertices, joints):
    """shapedirs [V, 3, 300 + 100] of a file's shapedirs [V, 3, S] and its own field of expression [V, 3, E] (None where it has none);
    a shorter basis is filled up with zeros, a longer one cut. counts: what the file says (`arranged`); vertices [V, 3] and joints
    [5, 3]: of the neutral head. UtterError if nothing tells which components are expression."""
    total = shapes.shape[2]
    if expression is not None:
        if not expression.any():
            raise UtterError(f"{source} holds no expression: all numbers of expressiondirs are zero; export it again.")
        identity = shapes if total <= IDENTITY else shapes[..., : _start_of(expression, shapes)]
        return _filled(identity, expression)
    split = _stated(source, total, counts)
    if split is None and total == IDENTITY + EXPRESSION and shapes[..., IDENTITY:].any():
        if not _expression_first(shapes, vertices, joints):
            return shapes
    elif split is None:
        split = _found(shapes, vertices, joints)
    if split is None or split == total or not shapes[..., split:].any():
        raise UtterError(
            f"{source} does not say which of its {total} components are expression, as FLAME's 300 identity and 100 expression components "
            f"do; {HOW}."
        )
    return _filled(shapes[..., :split], shapes[..., split:])


def _filled(identity, expression):
    both = np.zeros((*identity.shape[:2], IDENTITY + EXPRESSION), np.float32)
    both[..., : min(IDENTITY, identity.shape[2])] = identity[..., :IDENTITY]
    both[..., IDENTITY : IDENTITY + expression.shape[2]] = expression[..., :EXPRESSION]
    return both


def _start_of(expression, shapes):
    """Where in shapes, which hold both, a separate expression begins: where they agree, else where it does in every FLAME release."""
    first = expression[..., 0]
    agree = np.flatnonzero((np.abs(shapes - first[..., None]) <= 1e-6).all((0, 1))) if first.any() else ()
    return int(agree[-1]) if len(agree) else IDENTITY


def _stated(source, total, counts):
    """How many components are identity by what the file says; None if it says nothing of these."""
    identity, expression = counts.get("identity"), counts.get("expression")
    if identity is not None and expression is not None:
        split = identity if identity + expression == total else None
    elif identity is not None:
        split = identity if 0 < total - identity <= EXPRESSION else None
    elif expression is not None:
        split = total - expression if 0 <= total - expression <= IDENTITY else None
    else:
        return None
    if split is None and total != IDENTITY + EXPRESSION:  # with all 400 the counts tell how many somebody used
        said = " and ".join(f"{number} {basis}" for basis, number in counts.items())
        raise UtterError(f"{source} says {said} components and holds {total} in shapedirs; {HOW}.")
    return split


def _votes(shapes, vertices, joints):
    """Of each component: how much it moves, 0 to 1 how surely it moves at all, and a vote, above 0 for identity and below for
    expression; no votes (None) where nothing moves or nothing is the back of the head."""
    back = vertices[:, 2] < joints[2, 2] - _BEHIND * np.linalg.norm(joints[3] - joints[4])
    energy = (shapes.astype(np.float64) ** 2).sum(1)
    size = np.sqrt(energy.mean(0))
    if not size.any() or not back.any() or back.all():
        return size, None, None
    lively = np.clip(size / (_NOISE * size.max()), 0, 1)
    behind = energy[back].mean(0) / np.maximum(energy.mean(0), 1e-30)
    return size, lively, lively * np.clip(np.log((behind + 1e-3) / _FACE_ONLY), -3, 3)


def _expression_first(shapes, vertices, joints):
    """Whether 400 components stand the other way round, as some tools join them: by geometry, and only where that is clear."""
    first, last = (_votes(part, vertices, joints)[2] for part in (shapes[..., :EXPRESSION], shapes[..., IDENTITY:]))
    return first is not None and last is not None and first.sum() < -_CLEAR and last.sum() > _CLEAR


def _found(shapes, vertices, joints):
    """How many components are identity, by geometry; None if that is not clear.

    Each component votes by how much of its movement is at the back of the head. In the order of a principal component analysis the
    movement falls from one component to the next, and the one place where it rises is the split. Without such a place, one of the
    splits that tools make must be much likelier than the others."""
    total = shapes.shape[2]
    size, lively, votes = _votes(shapes, vertices, joints)
    if votes is None:
        return None
    likely = 2 * np.r_[0, np.cumsum(votes)] - votes.sum()  # of a split after 0, 1, ... total components

    splits = np.arange(total + 1)
    possible = (splits <= IDENTITY) & (total - splits <= EXPRESSION) & np.append(size > 0, False)
    usual = splits[possible & np.isin(splits, _USUAL_IDENTITY) & np.isin(total - splits, _USUAL_EXPRESSION)]
    grows = 1 + np.flatnonzero((size[1:] > _ORDERLY * size[:-1]) & (lively[1:] == 1))
    orderly = len(grows) == 1 and size[grows[0]] > _RISE * size[grows[0] - 1]
    choices = grows if orderly else usual[likely[usual] > likely[possible].max(initial=-np.inf) - _EXCEPTIONS]
    if not len(choices):
        return None
    order = choices[np.argsort(likely[choices])]
    split = int(order[-1])
    clear = len(order) == 1 or likely[split] - likely[order[-2]] > _CLEAR
    told = possible[split] and votes[split:].sum() < -_CLEAR and votes[:split].sum() > _CLEAR
    return split if clear and told else None
