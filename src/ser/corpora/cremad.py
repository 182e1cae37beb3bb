"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset: acted English, 12 sentences.

Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R (2014). IEEE Transactions on Affective Computing 5(4):
377-390, doi 10.1109/TAFFC.2014.2336244.
Naming: actor_sentence_emotion_intensity. The genders stand in its table VideoDemographics.csv.
"""

from collections.abc import Mapping

from ser.corpora.base import About, Listeners
from ser.corpora.by_name import ByName, Clip

# One file, 1040_ITH_SAD_X, lacks a letter.
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
_FEMALE = """
1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047 1049 1052
1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091
"""
FEMALE = frozenset(_FEMALE.split())


class CremaD(ByName):
    """The clips in AudioWAV; their labels are the emotions that were acted."""

    name = "cremad"
    layout = "folder with AudioWAV"
    about = About(
        title="CREMA-D",
        languages=("English",),
        clips={**dict.fromkeys(("happy", "sad", "angry", "fearful", "disgust"), 1271), "neutral": 1087},
        speakers=91,
        license="odbl",
        conditions="Open Database License 1.0; https://opendatacommons.org/licenses/odbl/1-0/",
        page="https://github.com/CheyneyComputerScience/CREMA-D",
        citation=(
            "Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R (2014). CREMA-D: Crowd-sourced Emotional"
            " Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4): 377-390."
            " https://doi.org/10.1109/TAFFC.2014.2336244"
        ),
    )
    listeners = Listeners(
        accuracy=0.409,
        what="judgements of the voice alone that name the intended emotion",
        source="Cao et al. 2014, IEEE Transactions on Affective Computing 5(4): 377-390",
    )
    pattern = r"(1\d{3})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)"
    defects: Mapping[str, str] = {"1076_MTI_SAD_XX": "holds no sound"}

    def clip(self, *found: str) -> Clip:
        actor, sentence, emotion, intensity = found
        gender = "female" if actor in FEMALE else "male"
        return Clip(
            emotion, actor, {"gender": gender, "statement": sentence.lower(), "intensity": INTENSITIES[intensity]}
        )
