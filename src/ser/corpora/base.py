"""What a corpus is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ser.errors import DownloadError


class Segment(NamedTuple):
    """A part of a recording, in seconds from its start; `end_s` None: to its end.

    >>> str(Segment(0.5, 2)), str(Segment())
    ('0.5-2', '0-')
    """

    start_s: float = 0.0
    end_s: float | None = None

    def __str__(self) -> str:
        return f"{self.start_s:.10g}-{'' if self.end_s is None else f'{self.end_s:.10g}'}"


WHOLE = Segment()


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
        segment: the part of the file that it is.
    """

    id: str
    path: Path
    emotion: str
    speaker: str | None
    corpus: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    segment: Segment = WHOLE


@dataclass(frozen=True)
class Release:
    """A corpus as its authors released it, in one zip archive.

    Attributes:
        name: what the corpus is called.
        url: of the archive.
        page: where a person finds the archive.
        size: of the archive, in bytes.
        md5: of the archive, in hexadecimal.
        unpacked_size: of all files in the archive, in bytes.
        terms: licence and citation; shown before a download.
        license: as the Hugging Face hub names it.
    """

    name: str
    url: str
    page: str
    size: int
    md5: str
    unpacked_size: int
    terms: str
    license: str


@dataclass(frozen=True)
class Listeners:
    """How well people do on the same clips.

    Attributes:
        accuracy: 0 to 1.
        what: whose judgements, and what counts as right.
        source: where it was published.
    """

    accuracy: float
    what: str
    source: str


class Corpus(ABC):
    """A folder of labelled speech."""

    name: str
    root: Path
    release: Release | None = None
    """What `fetch_release` downloads; None where a corpus cannot be downloaded."""
    notice: str | None = None
    """What every reader of a result must know of this corpus; said at the start of a run and in its report."""
    listeners: Listeners | None = None
    """What people reach, where it was published for the whole corpus."""

    @abstractmethod
    def utterances(self) -> list[Utterance]:
        """All utterances, sorted by id.

        Raises:
            CorpusNotFound: the folder is missing or holds no clip of this corpus.
            CorpusError: what is there cannot be understood.
        """

    def folds(self) -> list[Mapping[str, str]] | None:
        """The folds that the corpus brings along: of each the part (train, val or test) of what is in it, by id.

        They are known once `utterances` was called; None: the corpus has none.
        """
        return None

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        """What differs from the corpus as it was released, one line each; empty where nothing does."""
        return []

    def fetch_release(self) -> bool:
        """Download the release into `root`, unless it is there whole; return whether it was downloaded.

        Raises:
            DownloadError: there is no release; see `ser.corpora.download.fetch`.
        """
        from ser.corpora.download import fetch  # what it imports is slow, and seldom needed

        if self.release is None:
            raise DownloadError(
                f"corpus={self.name} has no release that could be downloaded; ser fetch lists those that have one"
            )
        return fetch(self.release, self.root, self.lacking)

    def lacking(self) -> str:
        """What of the release is not in the folder `root`, in words; "" where it is whole, or nobody looks."""
        return ""
