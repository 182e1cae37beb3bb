"""Pretrained speech encoders: their files, fetching them, and running them."""

from ser.encoders.description import LAYERS, Description
from ser.encoders.folder import fetch_into
from ser.encoders.hub import fetch
from ser.encoders.speech import Lower, SpeechEncoder

__all__ = ["LAYERS", "Description", "Lower", "SpeechEncoder", "fetch", "fetch_into"]
