from ser.corpora.labels import EMOTIONS, RAVDESS_EMOTIONS, label_order


def test_codes_of_ravdess() -> None:
    assert RAVDESS_EMOTIONS == {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
    }


def test_order_does_not_depend_on_the_order_of_the_clips() -> None:
    names = ["zeal", "sad", "bored", "neutral", "surprised", "sad"]
    assert label_order(names) == label_order(reversed(names)) == ["neutral", "sad", "surprised", "bored", "zeal"]
    assert label_order(EMOTIONS[::-1]) == list(EMOTIONS)
    assert label_order([]) == []
