"""Recordings that hold the same: identical ones, and segments of one file that overlap."""

from collections.abc import Mapping, Sequence
from math import inf

from ser.corpora.base import Utterance


def shared_content(
    utterances: Sequence[Utterance], digests: Mapping[str, str], files: Mapping[str, str]
) -> dict[str, str]:
    """For each utterance id a word that is the same for all that hold the same, directly or through others.

    Args:
        utterances: the corpus.
        digests: of each utterance's samples, by id.
        files: of each utterance's file as it is, by id.
    """
    leader = {utterance.id: utterance.id for utterance in utterances}

    def lead(name: str) -> str:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    first: dict[str, str] = {}
    by_file: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        leader[lead(utterance.id)] = lead(first.setdefault(digests[utterance.id], utterance.id))
        by_file.setdefault(files[utterance.id], []).append(utterance)
    for segments in by_file.values():
        longest, end_s = segments[0], 0.0  # of those so far the one that ends last
        for utterance in sorted(segments, key=lambda one: one.segment.start_s):
            if utterance.segment.start_s < end_s:
                leader[lead(utterance.id)] = lead(longest.id)
            own_end_s = inf if utterance.segment.end_s is None else utterance.segment.end_s
            if own_end_s > end_s:
                longest, end_s = utterance, own_end_s
    return {utterance.id: digests[lead(utterance.id)] for utterance in utterances}
