"""JVNV: acted Japanese with sighs, cries and laughter, four speakers.

Xin D, Jiang J, Takamichi S, Saito Y, Aizawa A, Saruwatari H (2024). IEEE Access 12: 19752-19764,
doi 10.1109/ACCESS.2024.3360885.
Naming: speaker_emotion_session_number; in the session free the speakers chose the cry themselves.
"""

from ser.corpora.base import About
from ser.corpora.by_name import GENDERS, ByName, Clip


class Jvnv(ByName):
    """The clips of F1, F2, M1 and M2."""

    name = "jvnv"
    layout = "folder with F1, F2, M1 and M2"
    about = About(
        title="JVNV",
        languages=("Japanese",),
        clips=1615,
        speakers=4,
        license="cc-by-sa-4.0",
        conditions="CC BY-SA 4.0; https://creativecommons.org/licenses/by-sa/4.0/",
        page="https://sites.google.com/site/shinnosuketakamichi/research-topics/jvnv_corpus",
        citation=(
            "Xin D, Jiang J, Takamichi S, Saito Y, Aizawa A, Saruwatari H (2024). JVNV: A Corpus of Japanese Emotional"
            " Speech With Verbal Content and Nonverbal Expressions. IEEE Access 12: 19752-19764."
            " https://doi.org/10.1109/ACCESS.2024.3360885"
        ),
    )
    notice = f"{about.title} has other sentences for each emotion: a model may know them by their words."
    pattern = r"([FM][12])_(anger|disgust|fear|happy|sad|surprise)_(regular|free)_(\d+)"

    def clip(self, *found: str) -> Clip:
        speaker, emotion, session, number = found
        attributes = {"gender": GENDERS[speaker[0].lower()], "session": session, "number": number}
        return Clip(emotion, speaker, attributes)
