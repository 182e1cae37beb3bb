from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ser.training.data import (
    TEST_BATCH_S,
    TRAINING_CLIP_S,
    Batch,
    ClipDataset,
    Item,
    LengthBatches,
    Part,
    SpeechData,
    balanced_chances,
    collate,
)


def waveforms(*lengths: int) -> list[npt.NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return [random.uniform(0.1, 1, length).astype(np.float32) for length in lengths]


def like_ravdess(n_clips: int = 1440) -> npt.NDArray[np.int64]:
    """Lengths in samples as of clips trimmed by 20 dB: mean and spread of their logarithm were measured."""
    seconds = np.random.default_rng(0).lognormal(np.log(1.7), 0.2, n_clips)
    return (16_000 * seconds.clip(0.5, 5)).astype(np.int64)


def epochs_of(batches: LengthBatches, n_epochs: int) -> list[list[list[int]]]:
    """The batches of the first epochs."""
    passes = []
    for epoch in range(n_epochs):
        batches.set_epoch(epoch)
        passes.append(list(batches))
    return passes


def test_collate_pads_with_zeros_and_returns_targets() -> None:
    clips = waveforms(5, 9, 1)
    dataset = ClipDataset(Part(clips, [2, 0, 1], [7, 9, 8]))
    batch = collate([dataset[2], dataset[0], dataset[1]])
    assert isinstance(batch, Batch)
    assert batch.inputs.shape == (3, 9)
    assert batch.inputs.dtype == torch.float32
    assert (batch.lengths.tolist(), batch.targets.tolist(), batch.places.tolist()) == ([1, 5, 9], [1, 2, 0], [2, 0, 1])
    assert batch.speakers is not None and batch.speakers.tolist() == [8, 7, 9]
    assert batch.targets.dtype == batch.lengths.dtype == batch.speakers.dtype == torch.int64
    for row, length, place in zip(batch.inputs, batch.lengths, batch.places, strict=True):
        np.testing.assert_array_equal(row[:length], clips[place])
        assert (row[length:] == 0).all()


def test_collate_one_clip() -> None:
    batch = collate([Item(torch.ones(4), 1, 7)])
    assert batch.inputs.tolist() == [[1, 1, 1, 1]]
    assert batch.speakers is not None and batch.speakers.tolist() == [0], "somebody unknown"


def test_where_nobody_says_who_speaks_all_are_unknown() -> None:
    dataset = ClipDataset(Part(waveforms(3, 2), [0, 1]))
    assert [dataset[place].speaker for place in range(2)] == [0, 0]


def test_clips_of_a_memory_map_are_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "clips.npy", np.arange(10, dtype=np.float32))
    mapped = np.load(tmp_path / "clips.npy", mmap_mode="r")
    dataset = ClipDataset(Part([mapped[:4], mapped[4:]], [0, 1]))
    assert dataset.lengths == [4, 6]
    item = dataset[1]
    item.input.zero_()  # may be written to
    assert dataset[1].input.tolist() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("n_clips", "batch_size"), [(1440, 32), (100, 7), (64, 8), (65, 8), (1, 1), (7, 1), (2, 32), (3, 2), (300, 300)]
)
def test_every_clip_once_an_epoch(n_clips: int, batch_size: int) -> None:
    batches = LengthBatches(like_ravdess(n_clips), batch_size, seed=0)
    single = n_clips % batch_size == 1 and batch_size > 1  # a last batch of one is left out
    for epoch in epochs_of(batches, 3):
        assert len(epoch) == len(batches)
        assert all(1 < len(batch) <= batch_size or batch_size == 1 for batch in epoch)
        places = [place for batch in epoch for place in batch]
        assert len(places) == len(set(places)) == n_clips - single
        assert set(places) <= set(range(n_clips))
        assert sum(len(batch) < batch_size for batch in epoch) <= 1


def test_a_clip_left_out_is_not_left_out_for_good() -> None:
    batches = LengthBatches(like_ravdess(33), 8, seed=0)
    left_out = {
        (set(range(33)) - {place for batch in epoch for place in batch}).pop() for epoch in epochs_of(batches, 12)
    }
    assert len(left_out) > 2


def test_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = like_ravdess(200)

    def epochs(seed: int) -> list[list[list[int]]]:
        batches = LengthBatches(lengths, 16, seed)
        np.random.seed(seed + 5)
        return epochs_of(batches, 3)

    first = epochs(0)
    assert first == epochs(0)
    assert first[0] != first[1] != first[2]
    assert first != epochs(1)
    companions = [{frozenset(batch) for batch in epoch} for epoch in first]
    assert len(companions[0] & companions[1]) < len(companions[0]) / 2  # not the same batches in another order


def test_little_is_padding() -> None:
    lengths = like_ravdess()
    for seed in range(3):
        padded = sum(lengths[batch].max() * len(batch) for batch in LengthBatches(lengths, 32, seed))
        assert padded / lengths.sum() - 1 < 0.1


def test_batches_do_not_come_in_order_of_length() -> None:
    lengths = like_ravdess()
    means = [lengths[batch].mean() for batch in LengthBatches(lengths, 32, 0)]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.5


def test_parts_are_served_whole() -> None:
    sizes = {"train": 21, "val": 10, "test": 9}
    parts = {name: Part(waveforms(*range(10 * size, 11 * size)), list(range(size))) for name, size in sizes.items()}
    data = SpeechData(parts, rate=16000, batch_size=4, seed=0, sampling="natural", fingerprint="")
    loaders = {
        "val": data.val_dataloader(),
        "test": data.predict_dataloader(),
        "train": data.statistics_dataloader("train"),
    }
    for name, loader in loaders.items():
        batches = list(loader)
        assert sorted(place for batch in batches for place in batch.places.tolist()) == list(range(sizes[name]))
        for batch in batches:
            assert batch.places.tolist() == batch.targets.tolist()
            assert batch.lengths.tolist() == [len(parts[name].inputs[place]) for place in batch.places]
    training = list(data.train_dataloader())
    assert sorted(place for batch in training for place in batch.places.tolist())[0] == 0
    assert sum(len(batch.places) for batch in training) == 20


def test_training_batches_differ_between_epochs_and_not_between_runs() -> None:
    part = Part(waveforms(*range(100, 140)), [0] * 40)

    def run() -> list[list[list[int]]]:
        loader = SpeechData(
            {"train": part}, rate=16000, batch_size=4, seed=3, sampling="natural", fingerprint=""
        ).train_dataloader()
        batches = []
        for epoch in range(2):
            loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
            batches.append([batch.places.tolist() for batch in loader])
        return batches

    one, other = run()
    assert one != other
    assert run() == [one, other]


class TestBalanced:
    """Sampling that lets every class come up equally often."""

    TARGETS: ClassVar = [0] * 900 + [1] * 90 + [2] * 10

    def batches(self, seed: int = 0) -> LengthBatches:
        return LengthBatches(like_ravdess(1000), 32, seed, chances=balanced_chances(self.TARGETS))

    def test_every_class_comes_up_equally_often(self) -> None:
        epochs = epochs_of(self.batches(), 12)
        counts = np.bincount([self.TARGETS[place] for epoch in epochs for batch in epoch for place in batch])
        n_drawn = counts.sum()
        assert n_drawn == 12 * 1000
        assert np.abs(counts - n_drawn / 3).max() < 5 * np.sqrt(n_drawn * 2 / 9)  # five standard deviations
        drawn = {place for epoch in epochs for batch in epoch for place in batch}
        assert len(drawn & set(range(900))) > 850, "the clips of a class take turns"

    def test_the_seed_decides_and_epochs_differ(self) -> None:
        first = epochs_of(self.batches(), 3)
        assert first == epochs_of(self.batches(), 3)
        assert first[0] != first[1] != first[2] and first != epochs_of(self.batches(seed=1), 3)
        assert all(len(epoch) == len(self.batches()) for epoch in first)

    def test_a_class_that_is_absent_takes_no_chance(self) -> None:
        assert balanced_chances([0, 3, 3]).tolist() == [1, 0.5, 0.5]

    def test_it_is_off_unless_asked_for(self) -> None:
        part = Part(waveforms(*[100] * 12), [0] * 11 + [1], corpora=[1] * 11 + [0])
        times = {}
        for sampling in ("natural", "balanced", "corpus"):
            data = SpeechData({"train": part}, rate=16000, batch_size=4, seed=0, sampling=sampling, fingerprint="")
            times[sampling] = [place for batch in data.train_dataloader() for place in batch.places.tolist()].count(11)
        assert times["natural"] == 1 and times["balanced"] > 2 and times["corpus"] > 2


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(
    ("n_clips", "batch_size", "n_processes"),
    [(100, 16, 2), (97, 16, 4), (65, 16, 4), (50, 8, 3), (21, 4, 4), (33, 8, 8)],
)
def test_processes_share_out_each_batch(n_clips: int, batch_size: int, n_processes: int, balanced: bool) -> None:
    chances = balanced_chances([place % 7 // 6 for place in range(n_clips)]) if balanced else None

    def batches(process: int, n: int) -> list[list[list[int]]]:
        return epochs_of(
            LengthBatches(like_ravdess(n_clips), batch_size, seed=3, chances=chances, process=process, n_processes=n),
            3,
        )

    parts = [batches(process, n_processes) for process in range(n_processes)]
    alone = batches(0, 1)
    for epoch in range(3):
        assert len({len(part[epoch]) for part in parts}) == 1, "all take the same number of steps"
        for step, shares in enumerate(zip(*(part[epoch] for part in parts), strict=True)):
            assert all(shares), "none goes without"
            together = sorted(place for share in shares for place in share)
            assert len(together) <= batch_size
            if (
                n_clips % batch_size >= max(2, n_processes) or n_clips % batch_size == 0
            ):  # else fewer sit out when alone
                assert together == sorted(alone[epoch][step])
            assert balanced or len(set(together)) == len(together)
        served = [place for part in parts for batch in part[epoch] for place in batch]
        rest = n_clips % batch_size
        assert len(served) == n_clips - (rest if rest < max(2, n_processes) else 0)
        assert balanced or len(set(served)) == len(served)


class TestLongClips:
    """Memory is bounded: training hears parts of long clips, and tests hear few of them at once."""

    RATE = 100  # Hz

    def data(self, *seconds: float, part: str = "train", batch_size: int = 8) -> SpeechData:
        clips = [np.arange(1, round(self.RATE * s) + 1, dtype=np.float32) for s in seconds]
        parts = {part: Part(clips, [0] * len(clips))}
        return SpeechData(parts, rate=self.RATE, batch_size=batch_size, seed=0, sampling="natural", fingerprint="")

    def test_training_hears_a_part_another_each_time(self) -> None:
        dataset = self.data(50, TRAINING_CLIP_S, 3).datasets["train"]
        longest = round(TRAINING_CLIP_S * self.RATE)
        assert dataset.lengths == [longest, longest, 300]
        torch.manual_seed(0)
        heard = [dataset[0].input for _ in range(40)]
        starts = {int(part[0]) for part in heard}
        for part in heard:
            assert len(part) == longest and (part.diff() == 1).all(), "a part without gaps"
        assert len(starts) > 20 and min(starts) < 1000 and max(starts) > 2000
        torch.manual_seed(0)
        assert {int(dataset[0].input[0]) for _ in range(40)} == starts

    def test_both_ends_of_a_clip_can_be_heard(self) -> None:
        dataset = ClipDataset(Part([np.arange(4, dtype=np.float32)], [0]), longest=3)
        assert {int(dataset[0].input[0]) for _ in range(60)} == {0, 1}

    def test_short_clips_are_whole_and_draw_nothing(self) -> None:
        dataset = self.data(TRAINING_CLIP_S, 3).datasets["train"]
        before = torch.get_rng_state()
        for place in (0, 1):
            np.testing.assert_array_equal(dataset[place].input, dataset.inputs[place])
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("part", ["val", "test"])
    def test_tests_hear_every_clip_once_whole_and_few_at_once(self, part: str) -> None:
        seconds = [TEST_BATCH_S / 3, 1, 2, TEST_BATCH_S / 3.1, 30, 5, 4, TEST_BATCH_S / 3, TEST_BATCH_S / 3]
        data = self.data(*seconds, part=part)
        batches = list(data.val_dataloader() if part == "val" else data.predict_dataloader())
        assert sorted(place for batch in batches for place in batch.places.tolist()) == list(range(len(seconds)))
        for batch in batches:
            assert batch.inputs.numel() <= TEST_BATCH_S * self.RATE
            assert batch.lengths.tolist() == [round(self.RATE * seconds[place]) for place in batch.places]
        assert max(len(batch.places) for batch in batches) == 3

    def test_a_clip_beyond_the_bound_stands_alone(self) -> None:
        batches = list(self.data(2 * TEST_BATCH_S, 1, part="test").predict_dataloader())
        assert [batch.places.tolist() for batch in batches] == [[1], [0]]

    def test_short_clips_fill_batches(self) -> None:
        batches = list(self.data(*[2] * 16, part="test").predict_dataloader())
        assert [len(batch.places) for batch in batches] == [8, 8]
