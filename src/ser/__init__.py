"""Speech emotion recognition: labelled speech in, a trained recogniser and a trustworthy result out."""

from typing import TYPE_CHECKING, Any

from ser.features import torchaudio_extension

if TYPE_CHECKING:
    from ser.inference.loading import load as load

__version__ = "0.1.0"

torchaudio_extension.make_optional()


def __getattr__(name: str) -> Any:
    if name == "load":  # torch takes a while to import
        from ser.inference.loading import load

        return load
    raise AttributeError(f"module 'ser' has no attribute {name!r}")
