from ser import colors
from ser.corpora.labels import EMOTIONS


def test_every_emotion_has_its_color() -> None:
    assert colors.colors_of(["sad"])["sad"] == colors.colors_of([*EMOTIONS])["sad"]
    assert list(colors.colors_of(["平静", "喜び", "怒り", "悲しみ"]).values()) == [
        colors.EMOTIONS[one] for one in ("neutral", "happy", "angry", "sad")
    ]
    labels = [*colors.EMOTIONS, "anger", "怒り", "puzzled", "amused", "proud"]
    assert len(set(colors.colors_of(labels).values())) == len(labels)
    assert len(colors.colors_of([f"emotion {number}" for number in range(20)])) == 20
