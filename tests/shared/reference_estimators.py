"""What a fitted estimator should predict, and the gradients of its first epoch, written apart from the package.

One sequence after the other, without padding, step by step, in double precision on torch's autograd. The statistics are
NumPy's. Nothing here calls the package.
"""

import numpy as np
import torch

FLOOR = 1e-5  # of the variance of a window, in units of the feature's


def trimmed(x):
    """A sequence (T, F) without the steps at its ends that hold nothing."""
    real = np.flatnonzero(~np.isnan(x).all(axis=1))
    return x[real[0] : real[-1] + 1]


def statistics(values, weights):
    """Weighted mean and standard deviation of each column, NaN left out; 1 for a constant one."""
    known = ~np.isnan(values)
    total = (known * weights[:, None]).sum(axis=0)
    filled = np.where(known, values, 0.0)
    mean = (filled * weights[:, None]).sum(axis=0) / total
    spread = np.sqrt((known * weights[:, None] * (filled - mean) ** 2).sum(axis=0) / total)
    used = np.where(known & (weights > 0)[:, None], values, np.nan)
    constant = np.nanmax(used, axis=0) == np.nanmin(used, axis=0)
    return np.where(constant, np.nanmin(used, axis=0), mean), np.where(constant, 1.0, spread)


def level_and_spread(x, kind, mean, scale):
    """What is taken off a sequence (T, F), and what it is divided by."""
    if kind == "standard":
        return mean, scale
    levels, spreads = mean.copy(), scale.copy()
    for f, column in enumerate(x.T):
        known = column[~np.isnan(column)]
        variance = known.var() if len(known) else 0.0
        if len(known):
            levels[f] = known[-1] if kind == "last" else known.mean()
        if kind == "window":
            spreads[f] = np.sqrt(variance + FLOOR * scale[f] ** 2)
    return levels, spreads


def inputs(x, kind, mean, scale, indicators):
    """What the network reads of a sequence (T, F): scaled values, and 1 where one is missing."""
    missing = np.isnan(x)
    if kind is None:
        values = np.where(missing, mean, x)
    else:
        level, spread = level_and_spread(x, kind, mean, scale)
        values = np.where(missing, 0.0, (x - level) / spread)
    return torch.from_numpy(np.concatenate([values, missing[:, indicators]], axis=1))


def step(cell, nonlinearity, w, x, h, c):
    """Elman (1990); Cho et al. (2014) as cuDNN has it; Hochreiter & Schmidhuber (1997); Feng et al. (2024)."""
    read = w["weight_ih"] @ x + w["bias_ih"]
    if cell == "mingru":
        z, new = read.chunk(2)
        return (1 - z.sigmoid()) * h + z.sigmoid() * new, c
    kept = w["weight_hh"] @ h + w["bias_hh"]
    if cell == "rnn":
        return (read + kept).tanh() if nonlinearity == "tanh" else (read + kept).relu(), c
    if cell == "gru":
        (r, z, n), (r_h, z_h, n_h) = read.chunk(3), kept.chunk(3)
        z = (z + z_h).sigmoid()
        return (1 - z) * (n + (r + r_h).sigmoid() * n_h).tanh() + z * h, c
    i, f, g, o = (read + kept).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def recurrence(p, w, x, suffix):
    """The states (T, H) of one layer in one direction, in the order of the steps."""
    own = {name: w[f"rnn.{name}{suffix}"] for name in NAMES[p["cell"]]}
    h = c = torch.zeros(p["hidden_size"], dtype=torch.float64)
    states = []
    for row in x.flip(0) if suffix.endswith("reverse") else x:
        h, c = step(p["cell"], p["nonlinearity"], own, row, h, c)
        states.append(h)
    found = torch.stack(states)
    return found.flip(0) if suffix.endswith("reverse") else found


NAMES = dict.fromkeys(("rnn", "gru", "lstm"), ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
NAMES["mingru"] = ("weight_ih", "bias_ih")


def segments(p, w, x):
    """Vectors (S, H) of the segments of a sequence: the newest ends at the last step."""
    widths = p["segment"] if isinstance(p["segment"], tuple) else (p["segment"],)
    stride = min(widths) if p["segment_stride"] is None else p["segment_stride"]
    ends = [len(x)]  # one past the newest step
    while ends[-1] - max(widths) > 0 and ends[-1] - stride > 0:
        ends.append(ends[-1] - stride)
    padded = torch.cat([torch.zeros(max(widths), x.shape[1], dtype=torch.float64), x])
    vectors = []
    for end in reversed(ends):
        parts = []
        for number, width in enumerate(widths):
            name = "segment" if len(widths) == 1 else f"segment_{number}"
            newest = padded[end + max(widths) - width : end + max(widths)].reshape(-1)
            parts.append(w[f"{name}.weight"] @ newest + w[f"{name}.bias"])
        vectors.append(torch.cat(parts).relu())
    return torch.stack(vectors)


def over_time(name, values):
    """The mean or the maximum; of several largest the first."""
    if name == "mean":
        return values.mean(dim=0)
    first = values.detach().numpy().argmax(axis=0)
    return values[torch.from_numpy(first), torch.arange(values.shape[1])]


def read_states(p, w, states, vectors):
    """What the head reads of a sequence."""
    size, parts = p["hidden_size"], []
    pooling = p["pooling"] if isinstance(p["pooling"], tuple) else (p["pooling"],)
    for name in pooling:
        if name == "last":
            parts.append(torch.cat([states[-1, :size], states[0, size:]]))
        elif name == "attention":
            keys = (states @ w["pooling.weight"].T + w["pooling.bias"]).tanh()
            parts.append((keys @ w["query.weight"][0]).softmax(dim=0) @ states)
        else:
            parts.append(over_time(name, states))
    if vectors is not None:
        parts += [over_time(name, vectors) for name in pooling if name in ("mean", "max")]
    return torch.cat(parts)


def outputs(p, w, x):
    """The head's outputs (K,) of one sequence of inputs (T, I), or (T, K) with one for each step."""
    if p["embedding_dim"] is not None:
        x = torch.cat([w[f"embedding.{f}.weight"][x[:, f].long()] for f in range(x.shape[1])], dim=1)
    vectors = None
    if p["segment"] is not None:
        x = vectors = segments(p, w, x)
    for layer in range(p["num_layers"]):
        ways = ("", "_reverse") if p["bidirectional"] else ("",)
        x = torch.cat([recurrence(p, w, x, f"_l{layer}{way}") for way in ways], dim=1)
    read = x if p.get("return_sequences") else read_states(p, w, x, vectors)
    return read @ w["head.weight"].T + w["head.bias"]


def loss(kind, out, target, levels=(0.5,)):
    """The loss of outputs (..., K) for targets (..., k) in the units of the loss: a mean over the targets."""
    if kind == "cross_entropy":
        return -out.log_softmax(dim=-1).gather(-1, target.long())[..., 0]
    if kind == "labels":
        return torch.nn.functional.binary_cross_entropy_with_logits(out, target, reduction="none").mean(-1)
    if kind == "quantile":
        q = torch.tensor(levels, dtype=torch.float64)
        error = target[..., None] - out.reshape(*target.shape, len(levels))
        return torch.maximum(q * error, (q - 1) * error).mean(dim=(-1, -2))
    if kind == "poisson":
        return (out.exp() - target * out).mean(-1)
    error = out - target
    if kind == "huber":
        small = error.abs() <= 1.35
        return torch.where(small, error**2 / 2, 1.35 * (error.abs() - 1.35 / 2)).mean(-1)
    return (error**2 if kind == "squared_error" else error.abs()).mean(-1)
