"""examples/ of a run folder: some test clips to listen to, with their spectrograms and where the model listened."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ser.files import replacing
from ser.runs.names import EXAMPLES

MISTAKE, LISTENED = "mistake", "listened"


@dataclass(frozen=True)
class Relevance:
    """How much an answer rests on each cell of time and frequency; see `ser.explanation.occlusion`.

    Attributes:
        times: edges of the cells in seconds (n_times + 1), from 0 to the clip's end.
        bands: edges in Hz (n_bands + 1), from 0 to half the sample rate, equally far apart on the mel scale.
        values: n_bands rows, the lowest first, of n_times: by how much the log-odds of the answer, log(p / (1 - p)),
            fall when the cell is silenced, in nats; below 0 where they rise.
    """

    times: Sequence[float]
    bands: Sequence[float]
    values: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Example:
    """A test clip.

    Attributes:
        utterance: its id.
        kind: why it is here: mistake (a sure one), or listened (for its relevance alone).
        audio, spectrogram: names of files beside examples.json.
        mime: of the audio.
        duration_s: of the audio, which is the beginning of a long clip.
        true, predicted: emotions; or the numbers of all dimensions.
        probability: of what was predicted; None of numbers.
        top_hz: the spectrogram reaches from 0 to this, evenly on the mel scale.
        mel_ticks: frequencies in Hz, and their places from 0, the spectrogram's lower edge, to 1.
        wanted: whether the relevance was asked for.
        relevance: of the cells; None: was not asked for, or not to be had in time.
    """

    utterance: str
    kind: str
    audio: str
    mime: str
    duration_s: float
    true: str
    predicted: str
    probability: float | None
    spectrogram: str
    top_hz: float
    mel_ticks: Sequence[tuple[float, float]]
    wanted: bool = False
    relevance: Relevance | None = None


def write_examples(folder: Path, examples: Sequence[Example], files: Mapping[str, bytes]) -> None:
    """Write examples/ in a run folder: the files, by name, and examples.json last."""
    index = folder / EXAMPLES
    index.parent.mkdir(exist_ok=True)
    listed = json.dumps([asdict(example) for example in examples], indent=1, ensure_ascii=False) + "\n"
    for name, content in {**files, index.name: listed.encode()}.items():
        with replacing(index.with_name(name)) as beside:
            beside.write_bytes(content)


def read_examples(folder: Path) -> list[Example]:
    """What examples.json of a run folder says.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or names files elsewhere.
    """
    path = folder / EXAMPLES
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        examples = [
            Example(**{**one, "relevance": one["relevance"] and Relevance(**one["relevance"])}) for one in listed
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    for one in examples:
        if not all(isinstance(number, int | float) for number in (one.duration_s, one.probability or 0.0, one.top_hz)):
            raise ValueError(f"{path} is damaged: what it says of {one.utterance} are no numbers")
        if one.duration_s <= 0:
            raise ValueError(f"{path} is damaged: {one.utterance} lasts {one.duration_s} s")
    for name in (name for example in examples for name in (example.audio, example.spectrogram)):
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"{path} names {name!r}, which does not lie beside it")
    return examples
