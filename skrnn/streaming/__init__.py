"""A wing beside the floors: streams of whole Pipelines, and of several series at once."""

from skrnn.streaming._stream import PipelineStream, stream

__all__ = ["PipelineStream", "stream"]
