"""Which torch device a network runs on."""

from __future__ import annotations

from skrnn.networks._spec import NetworkSpec

__all__ = ["resolve_device"]

_LARGE = 512  # hidden units, over all layers and directions, from which an accelerator's launches pay


def resolve_device(device: str, spec: NetworkSpec) -> str:
    """The name of a device of this machine; "auto" is the CPU unless the net is large and there is an accelerator."""
    device = device if isinstance(device, str) else repr(device)
    if device == "cpu" or (device == "auto" and spec.state_size * spec.num_layers < _LARGE):
        return "cpu"
    import torch

    available = ["cpu"]
    if torch.cuda.is_available():
        available += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        available += ["mps:0"]
    if device == "auto":
        return available[-1] if len(available) == 1 else available[1]
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError, ValueError):
        wanted = None
    if wanted is None or f"{wanted.type}:{wanted.index or 0}".replace("cpu:0", "cpu") not in available:
        raise ValueError(
            f"device={device!r} is not available. This machine has {', '.join(available)}; 'auto' picks one."
        )
    return device
