"""An encoder's files in a folder: what they say about it, whether they are whole, and what they hold."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ser.config.checks import check_choice, check_range
from ser.errors import EncoderError, SettingError

KINDS = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech", "unispeech-sat", "whisper")
LAYERS = ("last", "mean", "weighted")  # which hidden state, beside its number
WINDOW_S = 30  # a longer clip is heard in windows of this length
CONTEXT_S = 5  # of a window, so much at either end serves as context only

CONFIG = "config.json"
# Either has what is said of the feature extractor: transformers 5 nests it in the first, for a processor; all others,
# and versions before it, have the second.
PROCESSOR, EXTRACTOR = "processor_config.json", "preprocessor_config.json"
_NESTED = ("feature_extractor", "audio_processor")
_EXTRACTOR_KEYS = ("sampling_rate", "do_normalize", "feature_size", "n_fft", "hop_length", "chunk_length")


@dataclass(frozen=True)
class Description:
    """An encoder without its weights.

    Attributes:
        config: of transformers' model, as JSON values.
        extractor: of transformers' feature extractor, as JSON values.
        source: where they were read, for messages.
    """

    config: Mapping[str, Any]
    extractor: Mapping[str, Any]
    source: str = "the encoder"

    @classmethod
    def read(cls, folder: Path) -> "Description":
        """Read what transformers writes of a model and of its feature extractor.

        Raises:
            EncoderError: something is missing or broken, or this is no speech encoder that is known here.
        """
        config = read_json(folder / CONFIG)
        check_kind(config, str(folder))
        file, extractor = _read_extractor(folder)
        kept = {key: extractor[key] for key in _EXTRACTOR_KEYS if key in extractor}
        description = cls(config, kept, str(folder))
        description._check_numbers(folder, file)
        return description

    def _check_numbers(self, folder: Path, extractor_file: str) -> None:
        config = self.transformers_config
        of_extractor = {key: value for key, value in self.extractor.items() if key != "do_normalize"}
        of_config = {"hidden_size": config.hidden_size, "num_hidden_layers": config.num_hidden_layers}
        if self.kind == "whisper":
            of_config |= {"num_mel_bins": config.num_mel_bins, "max_source_positions": config.max_source_positions}
        else:
            of_config |= {f"conv_stride[{i}]": stride for i, stride in enumerate(config.conv_stride)}
            of_config |= {f"conv_kernel[{i}]": kernel for i, kernel in enumerate(config.conv_kernel)}
        for file, numbers in ((CONFIG, of_config), (extractor_file, of_extractor)):
            for key, value in numbers.items():
                if type(value) is not int or value < 1:
                    raise EncoderError(
                        f"{folder / file}: {key} must be a whole number above 0; got {value!r}; fetch the encoder again"
                    )
        n_mels = self.extractor.get("feature_size", 80)
        if self.kind == "whisper" and n_mels != config.num_mel_bins:
            raise EncoderError(
                f"{folder}: {extractor_file} has {n_mels} mel bands and {CONFIG} {config.num_mel_bins}; fetch the"
                " encoder again"
            )

    @property
    def kind(self) -> str:
        """The model's type, as transformers calls it."""
        return str(self.config["model_type"])

    @cached_property
    def transformers_config(self) -> Any:
        """The configuration as an object of transformers, which knows the values that `config` leaves out."""
        from transformers import AutoConfig

        settings = {key: value for key, value in self.config.items() if key not in ("model_type", "auto_map")}
        try:
            return AutoConfig.for_model(self.kind, **settings)
        except Exception as error:  # transformers checks values in many ways
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise EncoderError(f"{self.source}: its {CONFIG} cannot be used ({reason}); fetch it again") from None

    @property
    def size(self) -> int:
        """Of a hidden state."""
        return int(self.transformers_config.hidden_size)

    @property
    def n_layers(self) -> int:
        """Hidden states: the input of the first transformer layer, and the output of each."""
        return int(self.transformers_config.num_hidden_layers) + 1

    def numbers(self, layer: int | str | list[int], words: Sequence[str]) -> list[int]:
        """Which hidden states a setting `layer` means: its numbers, or all, unless it is the word `last`.

        Raises:
            SettingError: a word that is not among `words`, a number out of range, no number, or one twice.
        """
        if isinstance(layer, str):
            check_choice("layer", layer, words)
            return [self.n_layers - 1] if layer == "last" else [*range(self.n_layers)]
        numbers = layer if isinstance(layer, list) else [layer]
        for number in numbers:
            check_range("layer", number, 0, self.n_layers - 1)
        if not numbers or len({*numbers}) < len(numbers):
            raise SettingError(f"layer must name one hidden state at least, and none twice; got {layer}")
        return numbers

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return int(self.extractor.get("sampling_rate", 16000))

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        if self.kind == "whisper":
            return 2 * int(self.extractor.get("hop_length", 160))  # the second convolution halves the rate
        return math.prod(self.transformers_config.conv_stride)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    @property
    def receptive_field(self) -> int:
        """Samples that one frame looks at, before the transformer: a clip has so many at least."""
        if self.kind == "whisper":
            return self.hop
        config = self.transformers_config
        field = 1
        for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
            field = (field - 1) * stride + kernel
        return int(field)

    @property
    def window(self) -> int:
        """Samples heard at once, at most."""
        if self.kind == "whisper":
            return self.hop * int(self.transformers_config.max_source_positions)
        return WINDOW_S * self.sample_rate


def extractor_file(folder: Path) -> Path:
    """The file of a folder that describes the feature extractor, as transformers' own AutoFeatureExtractor finds it.

    Raises:
        EncoderError: there is none, or one is broken.
    """
    processor = folder / PROCESSOR
    is_nested = processor.is_file() and any(name in read_json(processor) for name in _NESTED)
    return processor if is_nested else folder / EXTRACTOR


def _read_extractor(folder: Path) -> tuple[str, dict[str, Any]]:
    """The name of that file, and what it says."""
    file = extractor_file(folder)
    content = read_json(file)
    nested = next((content[name] for name in _NESTED if name in content), None) if file.name == PROCESSOR else content
    if not isinstance(nested, dict):
        raise EncoderError(f"{file}: is broken (no mapping for the feature extractor); fetch the encoder again")
    return file.name, nested


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file of an encoder.

    Raises:
        EncoderError: it is missing or broken.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EncoderError(
            f"{path.parent}: holds no {path.name}; name a folder as save_pretrained or ser fetch writes it"
        ) from None
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise EncoderError(f"{path}: is broken (no JSON mapping); fetch the encoder again")
    return settings


def check_kind(config: Mapping[str, Any], source: str) -> None:
    """Refuse the configuration of a model that is no speech encoder known here.

    Raises:
        EncoderError: says what it is, and what is known.
    """
    kind = config.get("model_type")
    if kind not in KINDS:
        raise EncoderError(
            f"{source}: is of the kind {kind or 'unknown'}, which is no speech encoder known here; known are"
            f" {', '.join(KINDS)}"
        )
