"""What others call the arguments, weights and gradients of a layer."""

from __future__ import annotations

_ARGUMENTS = {
    "C": "in_channels channels_in in_c c_in n_in input_channels",
    "O": "out_channels channels_out out_c c_out n_out filters num_filters n_filters",
    "I": "in_features features_in in_dim input_dim n_in nin n_inputs input_size in_size",
    "*kernel": "kernel_size kernel filter_size k ksize",
    "stride": "stride strides s",
    "padding": "padding pad p",
    "dilation": "dilation dilations",
    "groups": "groups",
}
ARGUMENTS = {name: tuple(words.split()) for name, words in _ARGUMENTS.items()}
OUT_FEATURES = (
    "out_features",
    "features_out",
    "out_dim",
    "output_dim",
    "nout",
    "n_outputs",
    "n_neurons",
    "output_size",
)
ARGUMENTS["O"] += (*OUT_FEATURES, "out_size", "units")
WEIGHTS = {
    "weight": ("weight", "weights", "W", "w", "kernel", "kernels"),
    "bias": ("bias", "biases", "b"),
}


def gradients_of(attribute: str) -> tuple[str, ...]:
    """Where the gradient of a weight of this name may lie."""
    return (f"d{attribute}", f"grad_{attribute}", f"{attribute}_grad", f"d_{attribute}", f"g{attribute}")
