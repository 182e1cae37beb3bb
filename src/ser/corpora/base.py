"""What a corpus is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Utterance:
    """One labelled recording.

    Attributes:
        id: path relative to the corpus root, with forward slashes and without its ending; unique in the corpus.
        path: the audio file.
        emotion: the label.
        speaker: who speaks, or None where the corpus does not say.
        corpus: name of the corpus.
        attributes: whatever else the corpus knows (gender, intensity, ...); written beside each prediction.
    """

    id: str
    path: Path
    emotion: str
    speaker: str | None
    corpus: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Corpus(ABC):
    """A folder of labelled speech."""

    name: str
    root: Path
    notice: str | None = None
    """What every reader of a result must know of this corpus; said at the start of a run and in its report."""

    @abstractmethod
    def utterances(self) -> list[Utterance]:
        """All utterances, sorted by id.

        Raises:
            CorpusNotFound: the folder is missing or holds no clip of this corpus.
            CorpusError: what is there cannot be understood.
        """

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        """What differs from the corpus as it was released, one line each; empty where nothing does."""
        return []
