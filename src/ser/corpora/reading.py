"""A corpus as a run asks for it: emotions in one spelling, labels mapped, and what to say of both."""

from typing import TYPE_CHECKING, NamedTuple

from ser.corpora.base import Corpus, Utterance
from ser.corpora.dimensions import numbered
from ser.corpora.files import check_unicode
from ser.corpora.keys import one_spelling
from ser.corpora.mapping import LabelMap, judged, map_labels, unmatched
from ser.corpora.several import uneven
from ser.corpora.votes import agreement, uncounted
from ser.errors import CorpusError

if TYPE_CHECKING:
    from ser.config.schema import Labels


class Clips(NamedTuple):
    """What a corpus has.

    Attributes:
        whole: all utterances, by the corpus's own labels.
        wanted: those whose labels are asked for, by these.
        label_map: from the one to the other; None: they are the same.
        remarks: of the labels, for a person.
        agreement: Krippendorff's alpha of the raters, by the corpus's own labels; None: votes are not counted.
    """

    whole: list[Utterance]
    wanted: list[Utterance]
    label_map: LabelMap | None
    remarks: list[str]
    agreement: float | None = None


def read_clips(corpus: Corpus, labels: "Labels") -> Clips:
    """All clips of a corpus and those that are asked for; where it has `dimensions`, those with a number for each.

    Raises:
        CorpusError: see `Corpus.utterances`, a path cannot be written in a list, or the votes of all clips are tied.
        ConfigError: see `map_labels`.
    """
    read, remarks = one_spelling(corpus.utterances(), dimensions=corpus.dimensions)
    for utterance in read:
        check_unicode(utterance.path)
    if corpus.dimensions:
        whole, lacking = numbered(read, corpus.dimensions)
        return Clips(whole, whole, None, [*lacking, *remarks], None)
    whole = [utterance for utterance in judged(read, labels) if utterance.emotion]
    if not whole:
        raise CorpusError(f"corpus: the votes of all {len(read)} clips are tied; a column emotion would decide")
    if n_tied := len(read) - len(whole):
        remarks.append(
            f"{n_tied} of {len(read)} clips are left out, for their votes are tied; a column emotion would decide"
        )
    wanted, label_map = map_labels(whole, labels)
    remarks += [*unmatched(whole, labels), *uneven(wanted), *uncounted(wanted)]
    return Clips(whole, wanted, label_map, remarks, agreement(read))
