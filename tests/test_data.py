from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ser.data import Batch, Item, LengthBatches, Part, SpeechData, WaveformDataset, collate


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
    dataset = WaveformDataset(clips, [2, 0, 1])
    batch = collate([dataset[2], dataset[0], dataset[1]])
    assert isinstance(batch, Batch)
    assert batch.waveforms.shape == (3, 9)
    assert batch.waveforms.dtype == torch.float32
    assert (batch.lengths.tolist(), batch.targets.tolist(), batch.places.tolist()) == ([1, 5, 9], [1, 2, 0], [2, 0, 1])
    assert batch.targets.dtype == batch.lengths.dtype == torch.int64
    for row, length, place in zip(batch.waveforms, batch.lengths, batch.places, strict=True):
        np.testing.assert_array_equal(row[:length], clips[place])
        assert (row[length:] == 0).all()


def test_collate_one_clip() -> None:
    batch = collate([Item(torch.ones(4), 1, 7)])
    assert batch.waveforms.tolist() == [[1, 1, 1, 1]]


def test_clips_of_a_memory_map_are_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "clips.npy", np.arange(10, dtype=np.float32))
    mapped = np.load(tmp_path / "clips.npy", mmap_mode="r")
    dataset = WaveformDataset([mapped[:4], mapped[4:]], [0, 1])
    assert dataset.lengths == [4, 6]
    item = dataset[1]
    item.waveform.zero_()  # may be written to
    assert dataset[1].waveform.tolist() == [4, 5, 6, 7, 8, 9]


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
        assert 1 - lengths.sum() / padded < 0.1


def test_batches_do_not_come_in_order_of_length() -> None:
    lengths = like_ravdess()
    means = [lengths[batch].mean() for batch in LengthBatches(lengths, 32, 0)]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.5


def test_parts_are_served_whole() -> None:
    sizes = {"train": 21, "val": 10, "test": 9}
    parts = {name: Part(waveforms(*range(10 * size, 11 * size)), list(range(size))) for name, size in sizes.items()}
    data = SpeechData(parts, sample_rate=16000, batch_size=4, seed=0)
    loaders = {"val": data.val_dataloader(), "test": data.predict_dataloader(), "train": data.statistics_dataloader()}
    for name, loader in loaders.items():
        batches = list(loader)
        assert sorted(place for batch in batches for place in batch.places.tolist()) == list(range(sizes[name]))
        for batch in batches:
            assert batch.places.tolist() == batch.targets.tolist()
            assert batch.lengths.tolist() == [len(parts[name].waveforms[place]) for place in batch.places]
    training = list(data.train_dataloader())
    assert sorted(place for batch in training for place in batch.places.tolist())[0] == 0
    assert sum(len(batch.places) for batch in training) == 20


def test_training_batches_differ_between_epochs_and_not_between_runs() -> None:
    part = Part(waveforms(*range(100, 140)), [0] * 40)

    def run() -> list[list[list[int]]]:
        loader = SpeechData({"train": part}, sample_rate=16000, batch_size=4, seed=3).train_dataloader()
        batches = []
        for epoch in range(2):
            loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
            batches.append([batch.places.tolist() for batch in loader])
        return batches

    one, other = run()
    assert one != other
    assert run() == [one, other]
