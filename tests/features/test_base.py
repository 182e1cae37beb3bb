import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

from ser.features.base import Heard, LayerChoice, Normalization


def random_batches(n_bands: int, seed: int = 0) -> list[Heard]:
    """Three batches of uneven size, with nonsense in the padding."""
    random = np.random.default_rng(seed)
    batches = []
    for size, n_frames in ((4, 30), (1, 7), (3, 50)):
        lengths = torch.tensor(random.integers(1, n_frames + 1, size))
        features = torch.tensor(random.normal(-40, 12, (size, n_bands, n_frames)), dtype=torch.float32)
        for row, length in zip(features, lengths, strict=True):
            row[:, length:] = 1e6
        batches.append(Heard(features, lengths))
    return batches


def test_takes_mean_and_deviation_of_the_real_frames() -> None:
    batches = random_batches(5)
    normalization = Normalization(5)
    normalization.fit(batches)
    real = np.concatenate(
        [row[:, :length].numpy() for batch in batches for row, length in zip(*batch[:2], strict=True)], axis=1
    ).astype(np.float64)
    np.testing.assert_allclose(normalization.mean[0, :, 0], real.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(normalization.deviation[0, :, 0], real.std(axis=1), rtol=1e-5)


def test_gives_mean_0_and_deviation_1_and_zero_in_the_padding() -> None:
    batches = random_batches(5)
    normalization = Normalization(5)
    normalization.fit(batches)
    real = []
    for features, lengths, _ in batches:
        normalized = normalization(features, lengths)
        for row, length in zip(normalized, lengths, strict=True):
            assert (row[:, length:] == 0).all()
            real.append(row[:, :length])
    together = torch.cat(real, dim=1)
    torch.testing.assert_close(together.mean(dim=1), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.std(dim=1, correction=0), torch.ones(5), atol=1e-4, rtol=0)


@pytest.mark.parametrize("constant", [0.0, -100.0, 1.0 / 3, 12345.678])
def test_a_constant_band_becomes_0(constant: float) -> None:
    batches = random_batches(3)
    for features, _, _ in batches:
        features[:, 1] = constant
    normalization = Normalization(3)
    normalization.fit(batches)
    normalized = normalization(*batches[0])
    assert normalized.isfinite().all()
    assert normalized[:, 1].abs().max() < 1e-2


def test_a_band_of_small_numbers_is_scaled_as_any_other() -> None:
    batches = random_batches(3)
    small = [Heard(features * torch.tensor([1.0, 1e-7, 1e7])[:, None], lengths) for features, lengths, _ in batches]
    plain, scaled = Normalization(3), Normalization(3)
    plain.fit(batches)
    scaled.fit(small)
    torch.testing.assert_close(scaled(*small[0]), plain(*batches[0]), atol=1e-4, rtol=1e-4)


def test_fitting_again_forgets() -> None:
    once, twice = Normalization(4), Normalization(4)
    twice.fit(random_batches(4, seed=1))
    for normalization in (once, twice):
        normalization.fit(random_batches(4))
    torch.testing.assert_close(once.state_dict(), twice.state_dict())


def test_is_kept_in_the_state() -> None:
    fitted, loaded = Normalization(4), Normalization(4)
    fitted.fit(random_batches(4))
    loaded.load_state_dict(fitted.state_dict())
    torch.testing.assert_close(loaded(*random_batches(4)[0]), fitted(*random_batches(4)[0]))
    assert list(fitted.parameters()) == []


SPEAKERS = [1, 1, 1, 2, 2, 0, 1, 2]  # of the clips of random_batches; 0: nobody knows


def by_speaker(n_bands: int = 4, seed: int = 0, speakers: list[int] = SPEAKERS) -> list[Heard]:
    """Each with a level and a spread of their own."""
    batches, rest = [], list(speakers)
    for features, lengths, _ in random_batches(n_bands, seed):
        own, rest = torch.tensor(rest[: len(lengths)]), rest[len(lengths) :]
        batches.append(Heard(features * (1 + own / 4)[:, None, None] + 30 * own[:, None, None], lengths, own))
    return batches


def frames_of(batches: list[Heard], speaker: int) -> npt.NDArray[np.float64]:
    """All real frames (n_bands, frames) of a speaker."""
    clips = [row for batch in batches for row in zip(*batch, strict=True) if row[2] == speaker]
    return np.concatenate([clip[:, :length].double().numpy() for clip, length, _ in clips], axis=1)


def of_row(normalization: Normalization, speaker: int) -> tuple[torch.Tensor, torch.Tensor]:
    return normalization.mean[speaker, :, 0].double(), normalization.deviation[speaker, :, 0].double()


def average_of(batches: list[Heard]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean over all frames, and the variance about each speaker's own mean."""
    each = [frames_of(batches, speaker) for speaker in sorted({*SPEAKERS})]
    within = np.concatenate([frames - frames.mean(axis=1, keepdims=True) for frames in each], axis=1)
    return np.concatenate(each, axis=1).mean(axis=1), within.var(axis=1)


class TestBySpeaker:
    """Each speaker's clips are normalised by what is known of that speaker."""

    def fitted(self, prior: float = 0.0, n_speakers: int = 3, **others: list[Heard]) -> Normalization:
        normalization = Normalization(4, n_speakers=n_speakers, prior=prior)
        normalization.fit(by_speaker(), **others)
        return normalization

    def test_each_has_the_mean_and_deviation_of_their_own_frames(self) -> None:
        normalization = self.fitted()
        for speaker in (1, 2):
            mean, deviation = of_row(normalization, speaker)
            np.testing.assert_allclose(mean, frames_of(by_speaker(), speaker).mean(axis=1), rtol=1e-6)
            np.testing.assert_allclose(deviation, frames_of(by_speaker(), speaker).std(axis=1), rtol=1e-5)

    def test_of_others_what_is_known_beside_the_training_part_counts_too(self) -> None:
        known = by_speaker(seed=1, speakers=[3, 3, 1, 3, 3, 3, 3, 3])
        normalization = self.fitted(known=known)
        mean, deviation = of_row(normalization, 3)
        np.testing.assert_allclose(mean, frames_of(known, 3).mean(axis=1), rtol=1e-6)
        np.testing.assert_allclose(deviation, frames_of(known, 3).std(axis=1), rtol=1e-5)
        both = np.concatenate([frames_of(by_speaker(), 1), frames_of(known, 1)], axis=1)
        np.testing.assert_allclose(of_row(normalization, 1)[0], both.mean(axis=1), rtol=1e-6)
        torch.testing.assert_close(of_row(normalization, 0), of_row(self.fitted(), 0), rtol=0, atol=0)

    @pytest.mark.parametrize("with_reference", [False, True])
    def test_who_is_met_later_is_known_as_if_met_before(self, with_reference: bool) -> None:
        known = by_speaker(seed=1, speakers=[3] * 8)
        others = {"reference": by_speaker(seed=2)} if with_reference else {}
        before = self.fitted(prior=2.0, known=known, **others)
        later = self.fitted(prior=2.0, n_speakers=2, **others)
        longest = max(heard.features.shape[-1] for heard in known)
        features = torch.cat([F.pad(one.features, (0, longest - one.features.shape[-1])) for one in known])
        assert later.know(Heard(features, torch.cat([one.lengths for one in known]))) == 3
        for number in range(4):
            torch.testing.assert_close(of_row(later, number), of_row(before, number), rtol=1e-5, atol=1e-5)

    def test_who_was_never_heard_is_like_the_average_training_speaker(self) -> None:
        """Whose deviation is that about one's own mean: speakers do not differ from themselves."""
        mean, variance = average_of(by_speaker())
        for prior in (0.0, 5.0):
            for nobody in (0, 3):
                found = of_row(self.fitted(prior), nobody)
                np.testing.assert_allclose(found[0], mean, rtol=1e-6)
                np.testing.assert_allclose(found[1], np.sqrt(variance), rtol=1e-5)

    @pytest.mark.parametrize("prior", [0.5, 5.0, 1e6])
    def test_the_prior_is_so_many_clips_of_the_average_speaker(self, prior: float) -> None:
        mean, variance = average_of(by_speaker())
        normalization = self.fitted(prior)
        for speaker in (1, 2):
            own, frames = SPEAKERS.count(speaker), frames_of(by_speaker(), speaker)
            expected = (own * frames.mean(axis=1) + prior * mean) / (own + prior)
            expected_variance = (own * frames.var(axis=1) + prior * variance) / (own + prior)
            found = of_row(normalization, speaker)
            np.testing.assert_allclose(found[0], expected, rtol=1e-6)
            np.testing.assert_allclose(found[1].square(), expected_variance, rtol=1e-5)

    def test_clips_of_a_kind_shift_by_that_kind_s_mean_and_scale_by_the_average_speaker(self) -> None:
        """As far as clips of it are known: who says nothing of it is shifted by its mean over all."""
        reference = by_speaker(seed=1, speakers=[1, 2, 2, 1, 1, 1, 2, 1])
        known = by_speaker(seed=2, speakers=[3] * 8)
        normalization = self.fitted(reference=reference, known=known, n_speakers=4)
        frames = {1: frames_of(reference, 1), 2: frames_of(reference, 2), 3: frames_of(known, 3)}
        frames[0] = frames[4] = np.concatenate([frames[1], frames[2]], axis=1)
        _, variance = average_of(by_speaker())
        for speaker, own in frames.items():
            mean, deviation = of_row(normalization, speaker)
            np.testing.assert_allclose(mean, own.mean(axis=1), rtol=1e-6)
            np.testing.assert_allclose(deviation, np.sqrt(variance), rtol=1e-5)

    def test_each_clip_is_normalised_by_the_row_of_who_speaks(self) -> None:
        normalization = self.fitted()
        features, lengths, speakers = by_speaker()[0]
        assert speakers is not None
        together = normalization(features, lengths, speakers)
        for row, clip, length, speaker in zip(together, features, lengths, speakers, strict=True):
            mean, deviation = normalization.mean[speaker], normalization.deviation[speaker]
            torch.testing.assert_close(row[:, :length], (clip[:, :length] - mean) / deviation)
            assert (row[:, length:] == 0).all()
        unknown = normalization(features, lengths, torch.zeros_like(lengths))
        assert not torch.allclose(together, unknown)
        torch.testing.assert_close(normalization(features, lengths), unknown, rtol=0, atol=0)

    def test_without_speakers_who_speaks_says_nothing(self) -> None:
        plain, told = Normalization(4), Normalization(4)
        plain.fit([Heard(*batch[:2]) for batch in by_speaker()])
        told.fit(by_speaker())
        torch.testing.assert_close(told.state_dict(), plain.state_dict(), rtol=0, atol=0)
        torch.testing.assert_close(told(*by_speaker()[0]), plain(*by_speaker()[0][:2]), rtol=0, atol=0)


def test_a_layer_is_chosen_of_those_that_a_frame_stacks() -> None:
    layers = torch.randn(2, 3, 5, 7)  # (batch, layers, size, frames)
    choice = LayerChoice(3)
    for number in range(3):
        choice.number.fill_(number)
        torch.testing.assert_close(choice(layers.flatten(1, 2)), layers[:, number], rtol=0, atol=0)
    loaded = LayerChoice(3)
    loaded.load_state_dict(choice.state_dict())
    assert int(loaded.number) == 2 and not list(loaded.parameters())
