"""Sentences spoken by eSpeak NG, for the demo corpus: text and voice in, samples out, the same ones every time."""

import ctypes
import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser.audio import Waveform
from ser.config.extras import missing
from ser.errors import CorpusNotFound

# Numbers of eSpeak's speak_lib.h.
_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000  # where its data cannot be read
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_MIDDLE = 50  # of eSpeak's own pitch and range settings; ours stand in the voice file, in Hz
_VOLUME_PERCENT = 50  # leaves room below full scale, where eSpeak's gain control would carry over to the next sentence
_FORMANTS = 9
_OTHERWISE = "use corpus=ravdess corpus.root=<folder>"

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """How a sentence is spoken.

    Attributes:
        low_hz, high_hz: the pitch moves between these.
        formants: factor on all formant frequencies; 1 is a man's vocal tract, 1.15 about a woman's.
        breath: breath noise, from 0 (none) to 1 (hardly a voice left).
        rate_wpm: words a minute, 80 to 450.
        word_gap_s: pause added between words, in seconds, in steps of 0.01.
    """

    low_hz: float
    high_hz: float
    formants: float
    breath: float
    rate_wpm: float
    word_gap_s: float

    def definition(self) -> str:
        """The voice in the format of eSpeak's voice files."""
        breath = " ".join(str(round(self.breath * amount)) for amount in (75, 75, 50, 40, 15, 10))
        lines = [
            "name demo",
            "language en-us",
            # Both run on from one sentence to the next and cannot be reset: a clip would depend on those before it.
            "flutter 0",
            "roughness 0",
            f"pitch {self.low_hz:.0f} {self.high_hz:.0f}",
            f"breath {breath}",
            "breathw 150 150 200 200 400 400",
            f"voicing {100 - 50 * self.breath:.0f}",
            *(f"formant {number} {100 * self.formants:.0f} 100 100" for number in range(_FORMANTS)),
        ]
        return "\n".join(lines) + "\n"


def _library() -> tuple[ctypes.CDLL, str]:
    """The shared library and its data folder, both from the package espeakng-loader.

    Raises:
        CorpusNotFound: the package is not installed, or its library does not run here.
    """
    try:
        loader = importlib.import_module("espeakng_loader")
        return ctypes.CDLL(loader.get_library_path()), loader.get_data_path()
    except ImportError:
        raise CorpusNotFound(f"{missing('corpus=demo', 'espeakng-loader', 'demo')}, or {_OTHERWISE}") from None
    except (OSError, RuntimeError) as error:
        raise CorpusNotFound(
            f"corpus=demo: the package espeakng-loader does not work ({error}); {_OTHERWISE}"
        ) from None


def check() -> None:
    """Raise `CorpusNotFound`, with the way out, where eSpeak NG is not installed."""
    _library()


class Espeak:
    """eSpeak NG in this process. Not thread-safe: the library has one state for the whole process."""

    def __init__(self) -> None:
        self._library, data = _library()
        self._folder = tempfile.TemporaryDirectory()  # eSpeak takes a voice from a file only
        self._chunks: list[bytes] = []
        self._callback = _Callback(self._collect)  # kept, or it would be freed while eSpeak still calls it
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT))
        if self.sample_rate <= 0:
            raise CorpusNotFound(f"corpus=demo: eSpeak NG does not start with its data in {data}")
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Speak a sentence.

        Args:
            seed: of the breath noise.

        Returns:
            samples (samples,) in [-1, 1] at `sample_rate` Hz.
        """
        self._chunks.clear()
        definition = Path(self._folder.name) / "voice"
        definition.write_text(voice.definition())
        _ok(self._library.espeak_ng_SetVoiceByFile(str(definition).encode()))
        settings = {
            _RATE: round(voice.rate_wpm),
            _VOLUME: _VOLUME_PERCENT,
            _PITCH: _MIDDLE,
            _RANGE: _MIDDLE,
            _WORD_GAP: round(100 * voice.word_gap_s),
        }
        for parameter, value in settings.items():
            _ok(self._library.espeak_SetParameter(parameter, value, 0))
        _ok(self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed)))
        encoded = text.encode()
        _ok(self._library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 1, 0, 1, None, None))
        samples: Waveform = np.frombuffer(b"".join(self._chunks), np.int16).astype(np.float32) / np.float32(32768)
        return samples

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
        if count > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * count))
        return 0


def _ok(status: int) -> None:
    if status != 0:
        raise RuntimeError(f"eSpeak NG returned the status {status:#x}")
