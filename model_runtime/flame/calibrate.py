"""The map from the built-in head's Motion to another head's, found once through geometry and kept on disk.

The two neutral heads are laid over each other (register.py); what each built-in channel does to the built-in surface is carried over in
local frames; ridge least squares finds the coefficients of the other head that do the same there, the inner lips weighing most. Carrying
expressions through corresponding surfaces is expression cloning (Noh and Neumann 2001, section 3).
"""
import hashlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model_runtime.errors import UtterError
from model_runtime.flame import lbs
from model_runtime.flame.head import IDENTITY, Head
from model_runtime.flame.register import Registration, line_position, register
from model_runtime.motion import CHANNELS, EXPRESSION, JAW, LIDS, read_npz, write_npz

VERSION = 1                        # of what is kept on disk
_REFERENCE = (0.25, 0.08, 0.08)    # radians at which the jaw's three channels are compared
_LIP_WEIGHT = 1.0                  # of the inner lips' parting against all the rest of the face
_RIDGE = 1e-4                      # metres (rms over the face) that a standard deviation more of an expression must be worth
_JAW_RIDGE = 3e-3                  # the same for each radian by which a radian of the jaw is another angle on the other head
_SHUT, _APART = 0.03, 0.25         # relative gaps: lips are sealed below the first, left as they fall above the second
_SEAL_ROUNDS = 6
_SEAL_RIDGE = 2e-5                 # metres of parting a pair that one standard deviation more must be worth


@dataclass(frozen=True)
class HeadMap:
    """Motion of the built-in head to Motion of another. apply() is values @ matrix [65,65] and then, where the built-in lips are shut or
    nearly so, a seal: the least change of expression that brings the other head's inner lips to the same parting (Gauss-Newton on the
    posed lips). A seal is needed because another basis seldom holds our lip shapes exactly, and a millimetre shows."""

    head: Head
    builtin: Head
    matrix: np.ndarray
    lips: np.ndarray         # [K,N] weights: the built-in inner-lip pairs' partings at this head's pairs
    closing: np.ndarray      # [3K,50] what the expression coefficients do to this head's partings
    factor: float            # this head's size over the built-in one's

    def apply(self, values, beta=None):
        """Built-in Motion values [T,65] to this head's, float32 [T,65]. beta: the built-in identity that the values were made for, if any."""
        values = np.asarray(getattr(values, "values", values), np.float32)
        if self.head.basis == self.builtin.basis:
            return values.copy()
        mapped = values @ self.matrix
        ours = self.lips @ _partings(self.builtin, values, beta).reshape(len(values), -1, 3) * self.factor
        gap = lbs.lip_gap(self.builtin, values, beta)
        wanted = np.clip((_APART - gap) / (_APART - _SHUT), 0, 1)[:, None]
        wanted = wanted * wanted * (3 - 2 * wanted)
        sealing = np.flatnonzero(wanted > 0)
        if not len(sealing):
            return mapped
        normal = self.closing.T @ self.closing + len(self.closing) * _SEAL_RIDGE ** 2 * np.eye(50)
        solve = np.linalg.solve(normal, self.closing.T).astype(np.float32)
        goal = ours[sealing].reshape(len(sealing), -1)
        sealed = mapped[sealing]
        missing = goal - _partings(self.head, sealed)
        for _ in range(_SEAL_ROUNDS):
            trial = sealed.copy()
            trial[:, EXPRESSION] += missing @ solve.T
            left = goal - _partings(self.head, trial)
            better = (left ** 2).sum(1) < (missing ** 2).sum(1)
            sealed[better], missing[better] = trial[better], left[better]
        mapped[sealing] += wanted[sealing] * (sealed - mapped[sealing])
        return mapped


def _partings(head, values, beta=None):
    """How far the inner-lip pairs are apart beyond the neutral head, turned back by the neck: [T, 3K] (upper minus lower)."""
    values = values.copy()
    values[:, 53:56] = 0
    pairs = np.concatenate([head.lip_inner_upper, head.lip_inner_lower])
    upper, lower = np.split(lbs.pose(head, values, beta, pairs), 2, axis=1)
    rest = head.v_template[head.lip_inner_upper] - head.v_template[head.lip_inner_lower]
    return (upper - lower - rest).reshape(len(values), -1)


def calibrate(head, builtin):
    """The HeadMap from builtin to head; kept in the user's cache by both heads' geometry and bases."""
    if head.basis == builtin.basis:
        return HeadMap(head, builtin, np.eye(CHANNELS, dtype=np.float32), None, None, 1.0)
    head = with_lips(head, builtin)
    registration = registered(head, builtin)
    pairs = _pairs_between(head, builtin)
    matrix = _matrix(head, builtin, registration, pairs)
    shapes = head.shapedirs[:, :, IDENTITY:IDENTITY + 50]
    closing = (shapes[head.lip_inner_upper] - shapes[head.lip_inner_lower]).reshape(-1, 50)
    return HeadMap(head, builtin, matrix, pairs, closing, float(np.median(np.linalg.norm(registration.frames, axis=(1, 2)) / np.sqrt(3))))


def identity(head, builtin):
    """beta float32 [300] of the built-in identity whose shape comes nearest to another head's neutral."""
    if head.v_template is builtin.v_template or np.array_equal(head.v_template, builtin.v_template):
        return np.zeros(IDENTITY, np.float32)
    from model_runtime.flame.fit import kabsch
    registration = registered(head, builtin)
    trust = _trust(registration)
    basis = registration.sample(builtin, builtin.shapedirs[:, :, :IDENTITY].astype(np.float64))
    template = registration.sample(builtin, builtin.v_template.astype(np.float64))
    weight = np.repeat(np.sqrt(trust), 3)
    a = basis.reshape(-1, IDENTITY) * weight[:, None]
    noise = 1e-3 * np.sqrt(trust.mean())  # a millimetre: the overlay itself is no better
    normal = a.T @ a + noise ** 2 * np.eye(IDENTITY)
    beta, shaped = np.zeros(IDENTITY), template
    for _ in range(10):
        _, rotation, shift = kabsch(head.v_template, shaped, trust)
        placed = head.v_template @ rotation.T + shift
        beta = np.linalg.solve(normal, a.T @ ((placed - template).ravel() * weight))
        shaped = template + basis @ beta
    return beta.astype(np.float32)


def complete(head, builtin):
    """The head with what its file lacked carried over from the built-in one: landmarks, inner lips, lids, regions, face actions, jaw_open_gap."""
    head = with_lips(head, builtin)
    registration = registered(head, builtin)
    if head.lids is None:
        head = replace(head, lids=registration.carry(builtin, builtin.lids))
    if head.regions is None and builtin.regions is not None:
        head = replace(head, region_names=builtin.region_names, regions=registration.sample(builtin, builtin.regions.T.astype(float)).T > 0.5)
    motions = calibrate(head, builtin).apply(builtin.actions_motion)
    opened = motions[[builtin.action("jawOpen")]]
    gap = float(lbs.lip_gap(replace(head, jaw_open_gap=1.0), opened)[0])
    if gap < 1e-4:
        raise UtterError(f"{head.name} does not open its mouth when its jaw turns; choose a head with a jaw that moves its lips apart.")
    return replace(head, action_names=builtin.action_names, actions_motion=motions, jaw_open_gap=gap,
                   actions=np.ascontiguousarray(np.moveaxis(lbs.pose(head, motions) - head.v_template, 0, 2)))


def with_lips(head, builtin):
    """The head with landmarks and inner-lip pairs: the vertices nearest to the built-in head's, where it has none of its own. UtterError if
    it has no mouth."""
    if head.landmark_names is not None and head.lip_inner_upper is not None:
        return head
    back = registered(head, builtin).back
    if head.landmark_names is None:
        head = replace(head, landmark_names=builtin.landmark_names, landmark_vertices=back[builtin.landmark_vertices])
    if head.lip_inner_upper is None:
        pairs = np.unique(np.stack([back[builtin.lip_inner_upper], back[builtin.lip_inner_lower]], 1), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        if len(pairs) < 3:
            raise UtterError(f"{head.name} has no mouth that opens; choose a mesh whose lips are two separate edges.")
        pairs = pairs[np.argsort(-head.v_template[pairs[:, 0], 0])]
        head = replace(head, lip_inner_upper=pairs[:, 0], lip_inner_lower=pairs[:, 1])
    return head


def _pairs_between(head, builtin):
    """[K,N]: each of head's inner-lip pairs as a mixture of the built-in's neighbouring two, at equal fractions of the lips' width."""
    at = line_position(head.v_template[head.lip_inner_upper])
    goal = line_position(builtin.v_template[builtin.lip_inner_upper])
    return np.stack([np.interp(at, goal, row) for row in np.eye(len(goal))], 1).astype(np.float32)


def _trust(registration):
    """[n] how much a target vertex's counterpart is worth: all where the overlay meets, nothing centimetres off or inside."""
    return np.exp(-(registration.distance / 0.004) ** 2) * ~registration.rigid + 1e-6


def _jaw_shapes(head):
    """[V,3,3] what a radian of each jaw channel does to the head, linearised at the reference angles."""
    motions = np.zeros((3, CHANNELS), np.float32)
    motions[:, JAW] = np.diag(_REFERENCE)
    return np.moveaxis(lbs.pose(head, motions) - head.v_template, 0, 2) / np.float32(_REFERENCE)


def _matrix(head, builtin, registration, pairs):
    """[65,65]: expression and jaw of the built-in head in terms of the other's; neck, eyes, lids and tongue mean the same on every head."""
    ours = np.concatenate([builtin.shapedirs[:, :, IDENTITY:IDENTITY + 50], _jaw_shapes(builtin)], axis=2)
    carried = registration.carry(builtin, ours)
    theirs = np.concatenate([head.shapedirs[:, :, IDENTITY:IDENTITY + 50], _jaw_shapes(head)], axis=2)

    # The face counts by how much expressions move it; scalp and neck hardly.
    liveliness = np.sqrt((builtin.shapedirs[:, :, IDENTITY:IDENTITY + 50] ** 2).sum((1, 2)))
    weight = np.sqrt(_trust(registration) * (0.02 + registration.sample(builtin, liveliness / liveliness.max())))
    weight = (weight / np.sqrt((weight ** 2).sum()))[:, None, None]
    upper, lower = head.lip_inner_upper, head.lip_inner_lower
    parting = np.einsum("kn,nac->kac", pairs, ours[builtin.lip_inner_upper] - ours[builtin.lip_inner_lower])
    parting = np.einsum("kab,kbc->kac", registration.frames[upper], parting)
    lip = np.sqrt(_LIP_WEIGHT / len(upper))
    a = np.concatenate([(weight * theirs).reshape(-1, 53), (lip * (theirs[upper] - theirs[lower])).reshape(-1, 53)]).astype(np.float64)
    b = np.concatenate([(weight * carried).reshape(-1, 53), (lip * parting).reshape(-1, 53)]).astype(np.float64)
    ridge = np.diag(np.repeat([_RIDGE, _JAW_RIDGE], [50, 3]) ** 2)
    prior = np.diag(np.repeat([0.0, 1.0], [50, 3]))  # nothing else said, a jaw turns as far as ours
    matrix = np.eye(CHANNELS, dtype=np.float32)
    matrix[:53, :53] = np.linalg.solve(a.T @ a + ridge, a.T @ b + ridge @ prior).T
    return matrix


def registered(head, builtin):
    """The Registration of head onto builtin, from the cache where it was found before."""
    key = hashlib.sha256(f"{VERSION}".encode())
    for each in (head, builtin):
        for array in (each.v_template, each.f, each.lip_inner_upper, each.lip_inner_lower, each.landmark_vertices):
            key.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    path = cache_folder() / f"registration-{key.hexdigest()[:32]}.npz"
    try:
        with read_npz(path) as arrays:
            return Registration(**{name: arrays[name] for name in Registration.__dataclass_fields__})
    except Exception:  # absent, or damaged: found anew and written over
        pass
    marks = None if head.landmark_names is None else dict(zip(head.landmark_names.tolist(), head.landmark_vertices.tolist()))
    lips = None if head.lip_inner_upper is None else (head.lip_inner_upper, head.lip_inner_lower)
    registration = register(head.v_template, head.f, builtin, marks, lips)
    try:
        write_npz(path, **{name: getattr(registration, name) for name in Registration.__dataclass_fields__})
    except UtterError:
        pass  # an unwritable cache only costs time
    return registration


def cache_folder():
    """Where maps are kept: UTTER_CACHE, else the system's place for caches."""
    if "UTTER_CACHE" in os.environ:
        return Path(os.environ["UTTER_CACHE"])
    if sys.platform == "win32" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"]) / "utter" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "utter"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "utter"
