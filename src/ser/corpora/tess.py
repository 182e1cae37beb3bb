"""TESS, the Toronto Emotional Speech Set: acted English by an older and a younger woman, "Say the word ...".

Pichora-Fuller MK, Dupuis K (2020). Borealis, doi 10.5683/SP2/E8H2MF.
Naming: speaker_word_emotion; OAF is the older actress, YAF the younger, ps is pleasant surprise.
"""

from ser.corpora.base import About
from ser.corpora.by_name import ByName, Clip

_EMOTIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")


class Tess(ByName):
    """The clips of both actresses; with two speakers, a score says little of others."""

    name = "tess"
    layout = "folder with OAF_angry ... YAF_sad"
    about = About(
        title="TESS",
        languages=("English",),
        clips=dict.fromkeys(_EMOTIONS, 400),
        speakers=2,
        license="cc-by-nc-nd-4.0",
        conditions="CC BY-NC-ND 4.0, not for commercial use; https://creativecommons.org/licenses/by-nc-nd/4.0/",
        page="https://doi.org/10.5683/SP2/E8H2MF",
        citation=(
            "Pichora-Fuller MK, Dupuis K (2020). Toronto emotional speech set (TESS). Borealis."
            " https://doi.org/10.5683/SP2/E8H2MF"
        ),
    )
    pattern = r"(OAF?|YAF)_(\w+)_(angry|disgust|fear|happy|neutral|ps|sad)"  # one file is called OA_bite_neutral

    def clip(self, *found: str) -> Clip:
        actress, word, emotion = found
        age = "younger" if actress == "YAF" else "older"
        return Clip(emotion, "YAF" if actress == "YAF" else "OAF", {"gender": "female", "age": age, "statement": word})
