"""JTES, Japanese Twitter-based Emotional Speech: acted Japanese, 50 sentences in each of four emotions.

Takeishi E, Nose T, Chiba Y, Ito A (2016). Construction and analysis of phonetically and prosodically balanced emotional
speech database. O-COCOSDA: 16-21, doi 10.1109/ICSDA.2016.7918977.
Naming: speaker_emotion_number.
"""

from ser.corpora.base import About
from ser.corpora.by_name import GENDERS, ByName, Clip


class Jtes(ByName):
    """The clips of 50 women and 50 men."""

    name = "jtes"
    layout = "folder with f01 ... m50"
    about = About(
        title="JTES",
        languages=("Japanese",),
        clips=dict.fromkeys(("neutral", "happy", "sad", "angry"), 100 * 50),
        speakers=100,
        license="other",
        conditions="for research, on request to Tohoku University",
        page="https://doi.org/10.1109/ICSDA.2016.7918977",
        citation=(
            "Takeishi E, Nose T, Chiba Y, Ito A (2016). Construction and analysis of phonetically and prosodically"
            " balanced emotional speech database. O-COCOSDA: 16-21. https://doi.org/10.1109/ICSDA.2016.7918977"
        ),
    )
    notice = f"{about.title} has other sentences for each emotion: a model may know them by their words."
    pattern = r"([fm](?:0[1-9]|[1-4]\d|50))_(ang|joy|neu|sad)_(\d\d)"

    def clip(self, *found: str) -> Clip:
        speaker, emotion, number = found
        return Clip(emotion, speaker, {"gender": GENDERS[speaker[0]], "statement": number})
