from ser.corpora.labels import EMOTIONS, label_order


def test_order_does_not_depend_on_the_order_of_the_clips() -> None:
    names = ["zeal", "sad", "bored", "neutral", "surprised", "sad"]
    assert label_order(names) == label_order(reversed(names)) == ["neutral", "sad", "surprised", "bored", "zeal"]
    assert label_order(EMOTIONS[::-1]) == list(EMOTIONS)
    assert label_order([]) == []
