"""A wing beside the floors: fitted networks as graphs that other programs run (ONNX)."""

from skrnn.export._to_onnx import to_onnx

__all__ = ["to_onnx"]
