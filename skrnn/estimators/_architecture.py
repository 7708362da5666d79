"""The network that the parameters of an estimator and its data ask for."""

from __future__ import annotations

from math import prod

from sklearn.utils._param_validation import InvalidParameterError

from skrnn.estimators._cutoffs import cutoffs_of
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import FitData
from skrnn.networks import NetworkSpec, parameter_shapes

__all__ = ["make_spec"]

_MAX_WEIGHTS = 2**31  # 8 GiB of float32, and the optimizer holds three more of that size


def make_spec(parameters: Parameters, data: FitData, name: str, before: Fitted | None = None) -> NetworkSpec:
    """The sizes of the network; one that no machine holds is refused, before anything is allocated.

    ``before``: the fit that this one goes on with.
    """
    vocabulary = data.columns.vocabulary
    vocabulary += (0,) * (data.scalings.inputs.input_size - len(vocabulary) if vocabulary else 0)  # indicators
    spec = NetworkSpec(
        input_size=data.scalings.inputs.input_size,
        output_size=int(data.objective.n_outputs(data.training.n_targets)),
        cell=parameters.cell,
        hidden_size=int(parameters.hidden_size),
        num_layers=int(parameters.num_layers),
        nonlinearity=parameters.nonlinearity,
        bidirectional=bool(parameters.bidirectional),
        dropout=float(parameters.dropout),
        segment=parameters.widths,
        segment_stride=None if parameters.segment_stride is None else int(parameters.segment_stride),
        readout=data.objective.readout,
        pooling=parameters.pooled,
        vocabulary=vocabulary,
        attention=parameters.attention,
        target_embedding_dim=int(parameters.target_embedding_dim),
        embedding_dim=parameters.width_for(vocabulary),
        cutoffs=cutoffs_of(parameters, data, before, name),
    )
    n_weights = 0 if callable(spec.cell) else sum(prod(shape) for shape in parameter_shapes(spec).values())
    n_networks = int(parameters.n_networks)
    if n_weights * n_networks > _MAX_WEIGHTS:
        several = f", {n_networks:,} times," if n_networks > 1 else ""
        raise InvalidParameterError(
            f"A network of hidden_size={spec.hidden_size} and num_layers={spec.num_layers} on {spec.input_size} inputs "
            f"has{several} {n_weights:,} weights; {name} takes up to {_MAX_WEIGHTS:,}. Lower hidden_size"
            f"{' or n_networks' if several else ''}."
        )
    longest = data.training.batch.max_length
    if max(spec.widths, default=0) > longest:
        raise ValueError(
            f"segment={spec.segment} is wider than the longest sequence, which has {longest} time step(s). Lower it."
        )
    return spec
