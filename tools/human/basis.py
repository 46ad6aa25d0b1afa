"""The expression basis: principal components at one standard deviation each."""

import numpy as np

from model_runtime.flame.fit import signs

SEED = 20240611


def expression(actions, skin, samples=4000, count=100):
    """(basis [N,3,count], {name: coefficients [count]}) of linear actions {name: [N,3]}, of which the first `skin` vertices count.

    Poses are sampled sparsely from the actions (left and right mostly together); the basis is their PCA about the
    neutral, scaled to unit second moment, so that coefficients read as standard deviations, as FLAME's do. There are as many
    components as actions; the columns behind them are empty.
    """
    rng = np.random.default_rng(SEED)
    names = list(actions)
    fields = np.stack([actions[name].ravel() for name in names], 1)  # [3N, K]
    stems = [name.replace("Left", "").replace("Right", "") for name in names]
    groups = sorted(set(stems))
    group = np.array([groups.index(stem) for stem in stems])
    on = rng.random((samples, len(groups))) < 0.16
    drive = (on * rng.beta(1.4, 1.8, (samples, len(groups))))[:, group]
    drive = np.clip(drive * np.exp(0.35 * rng.standard_normal((samples, len(names)))), 0, 1.2)
    alone = rng.random((samples, len(names))) < 0.03
    drive = np.where(alone, rng.random((samples, len(names))), drive)
    _, r = np.linalg.qr(fields[: 3 * skin])
    r = r * np.where(np.diag(r) < 0, -1, 1)[:, None]  # LAPACK leaves these signs to rounding
    variance, axes = np.linalg.eigh(r @ (drive.T @ drive / samples) @ r.T)
    order = np.argsort(-variance)
    variance, axes = variance[order], axes[:, order]
    axes *= signs(axes)
    scale = np.sqrt(variance)
    basis = np.zeros((fields.shape[0], count))
    basis[:, : len(names)] = fields @ np.linalg.solve(r, axes * scale)
    coefficients = {name: np.zeros(count) for name in names}
    for k, name in enumerate(names):
        coefficients[name][: len(names)] = axes.T @ r[:, k] / scale
    return basis.reshape(-1, 3, count), coefficients
