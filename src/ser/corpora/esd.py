"""ESD, the Emotional Speech Dataset: acted English and Chinese, 350 sentences in each of five emotions.

Zhou K, Sisman B, Liu R, Li H (2022). Emotional voice conversion: Theory, databases and ESD. Speech Communication 137:
1-18, doi 10.1016/j.specom.2021.11.006.
Naming: speaker_number; the number tells the emotion, the sentence, and by it the part, in folders or without.
"""

from ser.corpora.base import About
from ser.corpora.by_name import ByName, Clip

EMOTIONS = ("neutral", "angry", "happy", "sad", "surprised")
SENTENCES = 350
VAL, TEST = 20, 50  # where the sentences of evaluation and of test end
FEMALE = (1, 2, 3, 7, 9, 15, 16, 17, 18, 19)


class Esd(ByName):
    """The clips of all 20 speakers; `split=given` keeps sentences apart, not speakers."""

    name = "esd"
    layout = "folder with 0001 ... 0020"
    about = About(
        title="ESD",
        languages=("English", "Chinese"),
        clips=dict.fromkeys(EMOTIONS, 20 * SENTENCES),
        speakers=20,
        license="other",
        conditions="for research, by a form to sign",
        page="https://github.com/HLTSingapore/Emotional-Speech-Data",
        citation=(
            "Zhou K, Sisman B, Liu R, Li H (2022). Emotional voice conversion: Theory, databases and ESD. Speech"
            " Communication 137: 1-18. https://doi.org/10.1016/j.specom.2021.11.006"
        ),
    )
    pattern = r"(00(?:0[1-9]|1\d|20))_(00[01]\d{3})"

    def clip(self, *found: str) -> Clip | str:
        speaker, number = found[0], int(found[1]) - 1
        if not 0 <= number < len(EMOTIONS) * SENTENCES:
            return "clips whose numbers are not 1 to 1750"
        sentence = number % SENTENCES
        attributes = {
            "gender": "female" if int(speaker) in FEMALE else "male",
            "language": "Chinese" if int(speaker) <= 10 else "English",
            "statement": f"{sentence + 1:03d}",
            "split": "val" if sentence < VAL else "test" if sentence < TEST else "train",
        }
        return Clip(EMOTIONS[number // SENTENCES], speaker, attributes)
