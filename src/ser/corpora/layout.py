"""What the levels of a folder tree name: emotions, speakers, parts of a split."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from ser.corpora.keys import key, part
from ser.corpora.labels import known_emotion

EMOTION, SPEAKER, SPLIT, GENDER = "emotion", "speaker", "split", "gender"
_SPEAKER_WORDS = {
    *("actor", "speaker", "spk", "sp", "subject", "subj", "participant", "person", "話者"),
    *("s", "p", "f", "m"),
}
_SPLIT_WORDS = {"eval", "evaluation", "holdout"}
_GENDER_WORDS = {"male", "female", "man", "woman", "men", "women", "m", "f", "男性", "女性", "男", "女"}
_NUMBERED = re.compile(r"\W*([^\W\d_]{0,12})[\W_]*\d[\d\W_]*")  # 0001, 2024-05-01, Actor_01, spk 7, F03
_NUMBER = re.compile(r"\d+")
_RAVDESS = re.compile(r"\d\d(-\d\d){6}")
_SHOWN = 4

Parts = tuple[str, ...]  # the folders on the way to a clip


def objection(clips: Sequence[PurePath]) -> str | None:
    """Why the first folder on the way to each clip does not name its emotion, and what to set; None: it seems to.

    Args:
        clips: relative to the corpus.
    """
    folders = [clip.parent.parts for clip in clips]
    names = sorted({parts[0] for parts in folders})
    looks = _looks(names)
    said = _some(names)
    anyway = "if they are the emotions, set 'corpus.levels=[emotion]'"
    if looks == EMOTION:
        return None
    below = _below(folders)
    second = sorted(set().union(*below.values()))
    if len(names) == 1:
        if len(second) < 2:
            return None
        return f"all clips lie in one folder, {names[0]}; name that folder, or one below it, as corpus.root"
    if _are_compound(names):
        example = next(name for name in names if _emotion_within(name))
        return (
            f"the folders ({said}) hold more than an emotion in their names; list the clips in a table instead,"
            f" corpus=table with the columns path,emotion,speaker: {example}/...,{_emotion_within(example)},...;"
            f" {anyway}"
        )
    deeper = [_looks(_names(folders, depth)) for depth in range(1, max(map(len, folders)))]
    if looks is None and EMOTION not in deeper and not _are_alike(below):
        return None
    what = {SPLIT: "parts of a split", GENDER: "genders", SPEAKER: "speakers or numbers"}.get(
        str(looks), f"a {looks} each"
    )
    why = f"look like {what}, not like emotions"
    if looks is None:
        why = (
            "do not look like emotions, but folders below them do" if EMOTION in deeper else "have the same below each"
        )
    return f"the folders ({said}) {why}; {_offer(folders, clips)}; {anyway}"


def remarks(clips: Sequence[PurePath], levels: Sequence[str]) -> list[str]:
    """What in the folders does not fit to what they are taken for, one line each.

    Args:
        clips: relative to the corpus.
        levels: what the folders on the way to a clip are taken for.
    """
    folders = [clip.parent.parts for clip in clips]
    place = levels.index(EMOTION)
    emotions = _names(folders, place)
    told = []
    if not any(map(known_emotion, emotions)):
        told.append(
            f"no emotion known here is among the folders taken as emotions ({_some(emotions)}); if they name something"
            " else, set corpus.levels, or list the clips in a table: corpus=table"
        )
    others = [
        level for depth, level in enumerate(levels) if depth != place and _looks(_names(folders, depth)) == EMOTION
    ]
    if others and _looks(emotions) != EMOTION:
        told.append(
            f"the folders taken as {' and '.join(others)} look like emotions: is the order of corpus.levels right?"
        )
    below = _below(folders)
    if len(levels) == 1 and _are_alike(below):
        names = sorted(set().union(*below.values()))
        level = _looks(names) or SPEAKER
        level = SPEAKER if level == EMOTION else level
        told.append(
            f"below each emotion are the same folders ({_some(names)}), which are not used; if each is a {level}:"
            f" 'corpus.levels=[emotion,{level}]'"
        )
    return told


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _looks(names: Sequence[str]) -> str | None:
    """What the names of folders side by side look like: one of the words above, the word that they are numbered by
    (session), or date; None: anything.
    """
    keys = [key(name) or "" for name in names]
    if not names:
        return None
    if any(one in _SPLIT_WORDS or part(one) for one in keys):
        return SPLIT
    if all(one in _GENDER_WORDS for one in keys):
        return GENDER
    if 2 * sum(known_emotion(name) is not None for name in names) >= len(names):
        return EMOTION
    numbered = [match for name in names if (match := _NUMBERED.fullmatch(name))]
    if 2 * len(numbered) <= len(names):
        return None
    word = numbered[0][1].casefold()
    if word in _SPEAKER_WORDS or (not word and _NUMBER.fullmatch(names[0])):
        return SPEAKER
    return word or "date"


def _names(folders: Sequence[Parts], depth: int) -> list[str]:
    """Of all folders of a level."""
    return sorted({parts[depth] for parts in folders if len(parts) > depth})


def _below(folders: Sequence[Parts]) -> dict[str, set[str]]:
    """The folders below each of the first."""
    below: dict[str, set[str]] = {}
    for parts in folders:
        below.setdefault(parts[0], set()).update(parts[1:2])
    return below


def _are_alike(below: dict[str, set[str]]) -> bool:
    """Whether, of several folders, each has mostly the same ones below it, two at least."""
    common, all_of_them = set.intersection(*below.values()), set.union(*below.values())
    return len(below) > 1 and len(common) > 1 and 2 * len(common) >= len(all_of_them)


def _emotion_within(name: str) -> str | None:
    """The emotion in a name that says more, such as that of a speaker."""
    meant = [known_emotion(word) for word in _words(name)]
    return next(filter(None, meant), None) if len(meant) > 1 and None in meant else None


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name) if word]


def _are_compound(names: Sequence[str]) -> bool:
    """Whether most names tell an emotion beside something that comes again: OAF_angry and YAF_angry, or OAF_sad."""
    meant = {name: _emotion_within(name) for name in names}
    compound = [name for name in names if meant[name]]
    others = Counter(key(word) for name in compound for word in set(_words(name)) if not known_emotion(word))
    return 2 * len(compound) > len(names) and (
        len({meant[name] for name in compound}) < len(compound) or max(others.values()) > 1
    )


def _offer(folders: Sequence[Parts], clips: Sequence[PurePath]) -> str:
    """What to set instead."""
    looks = [_looks(_names(folders, depth)) for depth in range(min(map(len, folders)))]
    if EMOTION in looks:
        levels: list[str] = []
        for depth, look in enumerate(looks[: looks.index(EMOTION) + 1], start=1):
            level = look or (f"level{depth}" if SPEAKER in looks else SPEAKER)
            levels.append(level if level not in levels else f"level{depth}")
        given = " split=given" if SPLIT in levels else ""
        unclear = [name for name in _names(folders, looks.index(SPLIT)) if part(name) is None] if given else []
        given += f" (and call {', '.join(unclear)} train, val or test)" if unclear else ""
        return f"set 'corpus.levels=[{','.join(levels)}]'{given}, with other words if they name something else"
    if _RAVDESS.fullmatch(clips[0].stem):
        return "the clips are named as those of RAVDESS: corpus=ravdess"
    if len(looks) > 1 and looks[0] is None:
        return "set 'corpus.levels=[emotion,speaker]' or 'corpus.levels=[speaker,emotion]', whichever they name"
    return "list the clips in a table, with their emotions: corpus=table"
