"""Speech emotion recognition: labelled speech in, a trained recogniser and a trustworthy result out."""

from ser.features import torchaudio_extension

__version__ = "0.1.0"

torchaudio_extension.make_optional()
