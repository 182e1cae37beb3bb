"""What several raters said of a clip: how often each emotion was named, or how likely it is."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ser.corpora.base import Utterance
from ser.corpora.labels import label_order

Votes = Mapping[str, float]


def majority(votes: Votes) -> str:
    """The emotion with the most votes; "" where several have as many.

    >>> majority({"sad": 2, "calm": 1}), majority({"sad": 1, "calm": 1})
    ('sad', '')
    """
    most = [emotion for emotion, n in votes.items() if n == max(votes.values())]
    return most[0] if len(most) == 1 else ""


def renamed(votes: Votes | None, name: Callable[[str], str | None]) -> Votes | None:
    """Votes by other names, which add up where several become one; those without a name are left out.

    >>> renamed({"excited": 1, "happy": 1, "calm": 1}, {"excited": "happy", "happy": "happy"}.get)
    {'happy': 2}
    """
    made: dict[str, float] = {}
    for emotion, n in (votes or {}).items():
        if meant := name(emotion):
            made[meant] = made.get(meant, 0) + n
    return made or None


def distribution(votes: Votes | None, labels: Sequence[str], emotion: str) -> list[float]:
    """What part of the votes each class has; where none is for any of them, all is that of one emotion.

    >>> distribution({"sad": 3, "calm": 1}, ["calm", "happy", "sad"], "sad"), distribution(None, ["calm", "sad"], "sad")
    ([0.25, 0.0, 0.75], [0.0, 1.0])
    """
    counts = [(votes or {}).get(label, 0.0) for label in labels]
    if not any(counts):
        counts = [float(label == emotion) for label in labels]
    return [n / sum(counts) for n in counts]


def agreement(utterances: Iterable[Utterance]) -> float | None:
    """Krippendorff's alpha of the raters, see `krippendorff_alpha`.

    None too where votes are no counts: they have fractions, or are per cent (100 of each clip, or nearly so: rounded).
    """
    from ser.raters import krippendorff_alpha  # with NumPy, which those who read results do without

    votes = [utterance.votes for utterance in utterances if utterance.votes]
    words = label_order(word for one in votes for word in one)
    counts = [[one.get(word, 0) for word in words] for one in votes]
    if any(n % 1 for own in counts for n in own) or all(abs(sum(own) - 100) <= 2 for own in counts):
        return None
    return krippendorff_alpha(counts)


def uncounted(utterances: Sequence[Utterance]) -> list[str]:
    """Of votes for what is no class, since no clip is labelled so, a remark."""
    classes = {utterance.emotion for utterance in utterances}
    lost: Counter[str] = Counter()
    for utterance in utterances:
        lost.update(word for word in utterance.votes or () if word not in classes)
    told = [f"{word} (of {n} clips)" for word, n in sorted(lost.items())]
    return [f"votes for what no clip is labelled, which do not count: {', '.join(told)}"] if told else []
