"""What a corpus is."""

import textwrap
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
_FOLDED = textwrap.TextWrapper(
    78, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
)


@dataclass(frozen=True)
class Utterance:
    """One labelled recording.

    Attributes:
        id: path relative to the corpus root, with forward slashes and without its ending; unique in the corpus.
        path: the audio file.
        emotion: the label; "" where only its votes could tell, and they are tied: `read_clips` leaves it out.
        speaker: who speaks, or None where the corpus does not say.
        corpus: name of the corpus.
        attributes: whatever else the corpus knows (gender, intensity, ...); written beside each prediction.
        segment: the part of the file that it is.
        votes: how many raters named each emotion, or how likely each is, in any unit; None: there is one label.
    """

    id: str
    path: Path
    emotion: str
    speaker: str | None
    corpus: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    segment: Segment = WHOLE
    votes: Mapping[str, float] | None = None


@dataclass(frozen=True)
class About:
    """What is published of a corpus, whether or not it can be downloaded.

    Attributes:
        title: what the corpus is called.
        languages: that are spoken in it, in English.
        clips: how many it has; by emotion, where that is published.
        speakers: how many there are; None: nobody counted them.
        license: as the Hugging Face hub names it; other: it has none of those.
        conditions: its licence in words, with its address where it has one.
        page: where a person gets it.
        citation: the paper to cite.
    """

    title: str
    languages: tuple[str, ...]
    clips: int | Mapping[str, int]
    speakers: int | None
    license: str
    conditions: str
    page: str
    citation: str

    @property
    def n_clips(self) -> int:
        return self.clips if isinstance(self.clips, int) else sum(self.clips.values())

    @property
    def terms(self) -> str:
        """Title, licence, citation and page, in lines of up to 80 characters where no address is longer."""
        facts = {"licence": self.conditions, "citation": self.citation, "page": self.page}
        return "\n".join([self.title, *(_FOLDED.fill(f"{name}: {fact}") for name, fact in facts.items())])


@dataclass(frozen=True)
class Release:
    """A corpus as its authors released it, in one zip archive.

    Attributes:
        about: the corpus; its terms are shown before a download.
        url: of the archive.
        size: of the archive, in bytes.
        md5: of the archive, in hexadecimal.
        unpacked_size: of all files in the archive, in bytes.
    """

    about: About
    url: str
    size: int
    md5: str
    unpacked_size: int


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
    about: About | None = None
    """What is published of it; None of one's own recordings."""
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
            raise no_release(self.name, self.about)
        return fetch(self.release, self.root, self.lacking)

    def lacking(self) -> str:
        """What of the release is not in the folder `root`, in words; "" where it is whole, or nobody looks."""
        return ""


def no_release(corpus: str, about: About | None) -> DownloadError:
    """What to say where somebody wants to download a corpus that cannot be: where a person gets it."""
    way_out = "ser fetch lists those that have one"
    if about is not None:
        way_out = f"get it from {about.page} ({about.conditions}), then set corpus.root=<folder>"
    return DownloadError(f"corpus={corpus} has no release that could be downloaded; {way_out}")
