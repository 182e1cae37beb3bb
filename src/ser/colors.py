"""Colours that the colour-blind tell apart, for all pictures and pages.

Categories have Okabe and Ito's (https://jfly.uni-koeln.de/color/), then Tol's "muted"
(https://sronpersonalpages.nl/~pault/). Amounts have one colour from light to dark (`Blues`, `viridis`).
"""

from collections.abc import Sequence

from ser.corpora.labels import known_emotion

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, YELLOW, GREY, INK = "#CC79A7", "#56B4E9", "#F0E442", "#999999", "#222222"
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK)  # those that a thin line on white can have

EMOTIONS = {
    "neutral": GREY,
    "calm": SKY,
    "happy": YELLOW,
    "sad": BLUE,
    "angry": VERMILION,
    "fearful": PURPLE,
    "disgust": GREEN,
    "surprised": ORANGE,
    "bored": "#444444",
    "excited": "#882255",
    "frustrated": "#332288",
    "contempt": "#117733",
}
_FURTHER = ("#DDCC77", "#44AA99", "#AA4499", "#661100", "#6699CC")  # of emotions that are not known here


def colors_of(labels: Sequence[str]) -> dict[str, str]:
    """The colour of each emotion: the same in every picture, whatever the language, and no two alike while they last.

    >>> colors_of(["sad", "怒り"])
    {'sad': '#0072B2', '怒り': '#D55E00'}
    """
    made: dict[str, str] = {}
    further = 0
    for label in labels:
        color = EMOTIONS.get(known_emotion(label) or "")
        if color is None or color in made.values():
            color, further = _FURTHER[further % len(_FURTHER)], further + 1
        made[label] = color
    return made
