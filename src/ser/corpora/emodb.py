"""EMO-DB, the Berlin Database of Emotional Speech: acted German, ten sentences.

Burkhardt F, Paeschke A, Rolfes M, Sendlmeier WF, Weiss B (2005). A database of German emotional speech. Interspeech:
1517-1520, doi 10.21437/Interspeech.2005-446.
Naming: speaker, sentence, first letter of the German emotion, version, such as 03a01Wb: Wut.
"""

from ser.corpora.base import About
from ser.corpora.by_name import ByName, Clip

EMOTIONS = {
    **{"W": "angry", "L": "bored", "E": "disgust", "A": "fearful"},  # Wut, Langeweile, Ekel, Angst
    **{"F": "happy", "T": "sad", "N": "neutral"},  # Freude, Trauer
}
MALE = ("03", "10", "11", "12", "15")
_COUNTS = (127, 81, 46, 69, 71, 62, 79)


class EmoDb(ByName):
    """The 535 clips that 80 of 100 listeners recognised and 60 thought natural."""

    name = "emodb"
    layout = "folder with 03a01Fa.wav ..."
    about = About(
        title="EMO-DB",
        languages=("German",),
        clips=dict(zip(EMOTIONS.values(), _COUNTS, strict=True)),
        speakers=10,
        license="cc0-1.0",
        conditions="free; published by audEERING as CC0 1.0; https://creativecommons.org/publicdomain/zero/1.0/",
        page="http://emodb.bilderbar.info/",
        citation=(
            "Burkhardt F, Paeschke A, Rolfes M, Sendlmeier WF, Weiss B (2005). A database of German emotional speech."
            " Interspeech: 1517-1520. https://doi.org/10.21437/Interspeech.2005-446"
        ),
    )
    pattern = r"(03|08|09|1[0-6])([ab]\d\d)([WLEAFTN])([a-z]?)"

    def clip(self, *found: str) -> Clip:
        speaker, sentence, emotion, _ = found
        gender = "male" if speaker in MALE else "female"
        return Clip(EMOTIONS[emotion], speaker, {"gender": gender, "statement": sentence})
