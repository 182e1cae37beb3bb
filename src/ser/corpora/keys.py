"""When two values of a key column (speaker, emotion, part of the split) are the same, and when there is none."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from ser.corpora.base import Utterance
from ser.corpora.labels import known_emotion
from ser.corpora.votes import renamed
from ser.errors import CorpusError

NOT_GIVEN = {
    *("", "nan", "none", "null", "nil", "na", "n/a", "n.a.", "#n/a", "<na>", "unknown", "unk", "<unk>", "missing"),
    *("undefined", "不明", "unbekannt"),
}
_ONLY_SIGNS = re.compile(r"[-–—?.]+")
PART_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{0,15})?(e[+-]?\d{1,2})?")
_SHOWN = 5  # examples in a remark


def nfc(text: str) -> str:
    """Text with every letter in one piece (NFC); macOS may write が as か and a voicing mark (NFD)."""
    return unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """A name as it is compared: NFC, without blanks around it, and one blank for several (the ideographic one too).

    >>> clean("　山田  太郎 ")
    '山田 太郎'
    """
    return " ".join(nfc(text).split())


def folded(text: str) -> str:
    """The name of a column as it is compared: clean, and in lower case."""
    return clean(text).casefold()


def emotion_name(text: str) -> str:
    """An emotion as `ser.corpora.labels` spells it: clean, in lower case, and in letters of usual width.

    >>> emotion_name(" Happy "), emotion_name("喜び")
    ('happy', '喜び')
    """
    return clean(unicodedata.normalize("NFKC", folded(text)))


def key(value: str) -> str | None:
    """What two spellings of one value share; None: the value is not given.

    Case, blanks, invisible signs and the width of letters do not count, and equal numbers are equal.

    >>> key("Anna ") == key("ａｎｎａ"), key("01") == key("1.0"), key("S1") == key("S10"), key("NaN")
    (True, True, False, None)
    """
    text = unicodedata.normalize("NFKC", value)
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    text = unicodedata.normalize("NFKC", " ".join(text.split()).casefold())
    if text in NOT_GIVEN or _ONLY_SIGNS.fullmatch(text):
        return None
    return str(Decimal(text).normalize() + 0) if _NUMBER.fullmatch(text) else text


def given(value: str) -> str:
    """A value as it is; "" where it is not given.

    >>> given("Anna"), given("unknown")
    ('Anna', '')
    """
    return "" if key(value) is None else value


def part(value: str) -> str | None:
    """The part of a split that a word names, or one word of several: train, val or test; None: none, or more than one.

    >>> part("Dev"), part("train_set"), part("train or test"), part("fold 1")
    ('val', 'train', None, None)
    """
    found = {PART_WORDS[word] for word in re.split(r"[\W_]+", key(value) or "") if word in PART_WORDS}
    return found.pop() if len(found) == 1 else None


def one_spelling(
    utterances: Sequence[Utterance], *, dimensions: Sequence[str] = ()
) -> tuple[list[Utterance], list[str]]:
    """The utterances, each emotion and speaker in one spelling, the most frequent; and what was taken as one.

    Args:
        dimensions: of the corpus; where there are some, no clip needs an emotion.

    Raises:
        CorpusError: the emotion of an utterance is not given.
    """
    nameless = [utterance for utterance in utterances if key(utterance.emotion) is None and not utterance.votes]
    if nameless and not dimensions:
        raise CorpusError(
            f"corpus: the emotion of {len(nameless)} clips is not given: that of {nameless[0].id} is"
            f" {nameless[0].emotion!r}; name it, or take the clips out"
        )
    emotions = _spellings(word for utterance in utterances for word in (utterance.emotion, *(utterance.votes or ())))
    speakers = _spellings(utterance.speaker for utterance in utterances if utterance.speaker is not None)

    def spelled(word: str) -> str:
        return emotion_name(emotions.get(key(word), [""])[0])

    same = [
        replace(
            utterance,
            emotion=spelled(utterance.emotion),
            votes=renamed(utterance.votes, spelled),
            speaker=None if utterance.speaker is None else speakers.get(key(utterance.speaker), [None])[0],
        )
        for utterance in utterances
    ]
    remarks = [
        *_taken_as_one("emotion", emotions.values()),
        *_taken_as_one("speaker", speakers.values()),
        *_without_speaker(utterances),
        *_in_other_words({word for one in same for word in (one.emotion, *(one.votes or ()))}),
    ]
    return same, remarks


def _spellings(values: Iterable[str]) -> dict[str | None, list[str]]:
    """Every way in which a value is written, by its key, the most frequent first; not those that are not given."""
    found: dict[str | None, Counter[str]] = {}
    for value in values:
        if (one := key(value)) is not None:
            found.setdefault(one, Counter())[clean(value)] += 1
    return {one: sorted(counts, key=lambda text: (-counts[text], text)) for one, counts in found.items()}


def _taken_as_one(what: str, spellings: Iterable[Sequence[str]]) -> list[str]:
    several = [" = ".join(ways) for ways in spellings if len(ways) > 1]
    return [f"{what}: the same in several spellings, taken as one: {_listed(several)}"] if several else []


def _without_speaker(utterances: Sequence[Utterance]) -> list[str]:
    words = Counter(u.speaker for u in utterances if u.speaker is not None and key(u.speaker) is None)
    told = [f"{word!r} ({count} clips)" for word, count in sorted(words.items())]
    return [f"speaker: taken as not known: {_listed(told)}"] if told else []


def _in_other_words(emotions: Iterable[str]) -> list[str]:
    """Emotions that mean one, and the mapping that would make them one."""
    groups: dict[str, list[str]] = {}
    for emotion in sorted(emotions):
        if (meant := known_emotion(emotion)) is not None:
            groups.setdefault(meant, []).append(emotion)
    told = [
        f"{word} -> {meant}" for meant, words in groups.items() if len(words) > 1 for word in words if word != meant
    ]
    if not told:
        return []
    return [f"emotions that seem to be one in other words are told apart; to make them one, write {_listed(told, 20)}"]


def _listed(items: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
