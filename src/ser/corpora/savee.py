"""SAVEE, Surrey Audio-Visual Expressed Emotion: acted British English by four men.

Haq S, Jackson PJB (2010). Multimodal Emotion Recognition. In Wang W (ed), Machine Audition, IGI Global: 398-423.
Naming: speaker/emotion and number, DC/sa03; copies in one folder are called DC_sa03.
"""

from ser.corpora.base import About
from ser.corpora.by_name import ByName, Clip

EMOTIONS = {
    **{"a": "angry", "d": "disgust", "f": "fearful", "h": "happy"},
    **{"n": "neutral", "sa": "sad", "su": "surprised"},
}


class Savee(ByName):
    """The clips in AudioData."""

    name = "savee"
    layout = "folder with DC, JE, JK and KL"
    about = About(
        title="SAVEE",
        languages=("English",),
        clips={**dict.fromkeys(EMOTIONS.values(), 60), "neutral": 120},
        speakers=4,
        license="other",
        conditions="for research, after registration",
        page="http://kahlan.eps.surrey.ac.uk/savee/",
        citation=(
            "Haq S, Jackson PJB (2010). Multimodal Emotion Recognition. In Wang W (ed), Machine Audition: Principles,"
            " Algorithms and Systems. IGI Global: 398-423."
        ),
    )
    pattern = r"(DC|JE|JK|KL)[/_](a|d|f|h|n|sa|su)(\d\d)"

    def clip(self, *found: str) -> Clip:
        speaker, emotion, number = found
        return Clip(EMOTIONS[emotion], speaker, {"gender": "male", "number": number})
