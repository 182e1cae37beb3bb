"""Emotion names, their order, and the words that mean the same."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# The order of classes everywhere: in tables, in predictions.csv, in confusion matrices.
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

# Of an emotion: other forms, the codes of known corpora, and the words of languages whose corpora are in use.
_WORDS = {
    "neutral": "neutrality normal neu ntr 中立 平静 平常 普通 ニュートラル",
    "calm": "calmness cal 落ち着き 穏やか ruhig",
    "happy": "happiness hap joy joyful joyous 喜び 喜 嬉しい うれしい 幸せ freude fröhlich glücklich",
    "sad": "sadness sorrow 悲しみ 悲しい 悲 trauer traurig traurigkeit",
    "angry": "anger ang rage 怒り 怒 ärger wut wütend",
    "fearful": "fear fea afraid scared 恐れ 恐怖 恐 怖い angst ängstlich",
    "disgust": "disgusted dis 嫌悪 嫌 ekel",
    "surprised": "surprise suprise sur ps 驚き 驚 überraschung überrascht",
    "bored": "boredom bor 退屈 langeweile",
    "excited": "excitement exc 興奮",
    "frustrated": "frustration fru",
    "contempt": "contemptuous 軽蔑",
}
_MEANT = {word: emotion for emotion, words in _WORDS.items() for word in (emotion, *words.split())}


def known_emotion(word: str) -> str | None:
    """The emotion that a word is known to mean, in English; None: the word is not known.

    >>> known_emotion("Anger"), known_emotion("喜び"), known_emotion("Actor_01")
    ('angry', 'happy', None)
    """
    return _MEANT.get(re.sub(r"^\W+|\W+$", "", unicodedata.normalize("NFKC", word).casefold()))


def label_order(emotions: Iterable[str]) -> list[str]:
    """Distinct emotions in class order: the known ones in the order of `EMOTIONS`, then others alphabetically.

    >>> label_order(["sad", "bored", "neutral", "sad"])
    ['neutral', 'sad', 'bored']
    """
    present = set(emotions)
    return [name for name in EMOTIONS if name in present] + sorted(present.difference(EMOTIONS))


def translated(words: Iterable[str]) -> dict[str, str]:
    """The project's name for each of a corpus's words; words that are not known, or mean the same, stay as they are.

    >>> translated(["Anger", "poker"]), translated(["joy", "happy"])
    ({'Anger': 'angry', 'poker': 'poker'}, {'joy': 'joy', 'happy': 'happy'})
    """
    meant = {word: known_emotion(word) for word in dict.fromkeys(words)}
    counts = Counter(meant.values())
    return {word: emotion if emotion and counts[emotion] == 1 else word for word, emotion in meant.items()}
