"""A corpus as a run asks for it: emotions in one spelling, labels mapped, and what to say of both."""

from typing import TYPE_CHECKING, NamedTuple

from ser.corpora.base import Corpus, Utterance
from ser.corpora.files import check_unicode
from ser.corpora.keys import one_spelling
from ser.corpora.mapping import LabelMap, map_labels, unmatched
from ser.corpora.several import uneven
from ser.corpora.votes import agreement, uncounted

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
    """All clips of a corpus and those that are asked for.

    Raises:
        CorpusError: see `Corpus.utterances`, or a path cannot be written in a list.
        ConfigError: see `map_labels`.
    """
    read, remarks = one_spelling(corpus.utterances())
    for utterance in read:
        check_unicode(utterance.path)
    whole = [utterance for utterance in read if utterance.emotion]
    if n_tied := len(read) - len(whole):
        remarks.append(
            f"{n_tied} of {len(read)} clips are left out, for their votes are tied; a column emotion would decide"
        )
    wanted, label_map = map_labels(whole, labels)
    remarks += [*unmatched(whole, labels), *uneven(wanted), *uncounted(wanted)]
    return Clips(whole, wanted, label_map, remarks, agreement(read))
