"""The networks: an exact likelihood, no look ahead, and one mind in numpy and in torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from jamd.errors import BundleError
from jamd.models import bundle, features
from jamd.models.features import NOWHERE, Cue, Ear, Place
from jamd.models.key import InKey, moved, shift_to_c
from jamd.models.likelihood import Talk, nats
from jamd.models.mind import Mind
from jamd.models.networks.head import Head, Words
from jamd.models.networks.seq2seq import Seq2Seq
from jamd.models.networks.seq2seq import Settings as Seq2SeqSettings
from jamd.models.networks.seq2seq_numpy import NumpySeq2Seq
from jamd.models.networks.torch_stepping import TorchMind
from jamd.models.networks.wavenet import Settings as WaveNetSettings
from jamd.models.networks.wavenet import WaveNet
from jamd.models.networks.wavenet_numpy import NumpyWaveNet
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs, choose, draw_bin, leaning, odds, spell, top
from jamd.models.tokens import END, KEYS, TOKENS, key_of, offset_bin, offset_of, velocity_bin, velocity_of
from jamd.music.note import (
    REST,
    Frame,
    Note,
    Onset,
    frames_of,
)
from jamd.training.batches.batches import OWN, PLAYER, Conversation, batch_of
from jamd.training.fitting import fit

SETTINGS = {
    "seq2seq": Seq2SeqSettings(
        hidden=24, encoder_layers=2, head_hidden=16, attention_steps=8, attention_heads=2
    ),
    "wavenet": WaveNetSettings(channels=12, skip=20, layers=3, head_hidden=16),
}
BUILD: dict[str, Callable[[], nn.Module]] = {
    "seq2seq": lambda: Seq2Seq(SETTINGS["seq2seq"]),  # type: ignore[arg-type]
    "wavenet": lambda: WaveNet(SETTINGS["wavenet"]),  # type: ignore[arg-type]
}
CPU = torch.device("cpu")


@pytest.fixture(params=["seq2seq", "wavenet"])
def arch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def net(arch: str) -> nn.Module:
    torch.manual_seed(3)
    net = BUILD[arch]().eval()
    for parameter in net.parameters():  # away from the small start, so that a slip shows
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def weights_of(net: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def in_numpy(net: nn.Module) -> Mind:
    if isinstance(net, Seq2Seq):
        return NumpySeq2Seq(weights_of(net), **SETTINGS["seq2seq"].as_dict())
    return NumpyWaveNet(weights_of(net), **SETTINGS["wavenet"].as_dict())


def in_torch(net: nn.Module) -> Mind:
    arch = "seq2seq" if isinstance(net, Seq2Seq) else "wavenet"
    return TorchMind(arch, weights_of(net), SETTINGS[arch].as_dict(), "cpu")


def song(seed: int, steps: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    notes = [
        Note(
            int(rng.integers(40, 80)), int(rng.integers(1, 128)), start, start + float(rng.uniform(0.1, 1.5))
        )
        for start in rng.uniform(0, steps / 4 - 1, steps)
    ]
    frames = frames_of(notes)[:steps]
    return frames + [REST] * (steps - len(frames))


def conversation(player: list[Frame], own: list[Frame], turns: list[tuple[int, int]]) -> Conversation:
    assert (PLAYER, OWN) == (0, 1)
    both = [features.rolls_of(frames) for frames in (player, own)]
    rolls = features.Rolls(
        *(np.stack([getattr(r, name) for r in both]) for name in ("attacks", "holds", "offsets"))
    )
    steps = np.arange(len(player))
    return Conversation(rolls, steps % 16, np.full(len(steps), 16), turns)


def talk(player: list[Frame], own: list[Frame], turns: list[tuple[int, int]]) -> Talk:
    left = conversation(player, own, turns).left_steps()
    cues = [Cue(Place(step % 16, 16), False, int(left[step])) for step in range(len(player))]
    return Talk(player, own, cues, turns)


def test_numpy_torch_and_the_training_loss_give_one_likelihood(net: nn.Module) -> None:
    player, own = song(1, 12) + [REST] * 12 + song(4, 8), [REST] * 12 + song(2, 12) + [REST] * 8
    turns = [(12, 24)]
    batch = batch_of([conversation(player, own, turns)])
    with torch.no_grad():
        learned = [part.item() for part in fit.nats(net, batch, CPU)]
    for mind in (in_numpy(net), in_torch(net)):
        found = nats(mind, talk(player, own, turns))
        assert [found.keys, found.velocity, found.offset] == pytest.approx(learned, rel=1e-4)
        assert (found.steps, found.attacks) == (12, sum(len(frame.onsets) for frame in own))


def test_numpy_and_torch_agree_on_every_score_of_every_course(net: nn.Module) -> None:
    scores = []
    for mind in (in_numpy(net), in_torch(net)):
        thought = mind.start()
        for step, frame in enumerate(song(5, 20)):
            thought.hear([frame], [REST], [Place(step % 12, 12)])
        thought.begin()
        courses = thought.fork([0, 0, 0])
        courses.hear([REST] * 3, song(9, 30)[10:13], [Place(8, 12)] * 3)
        word = courses.fork([2, 0]).spell(song(9, 30)[12:9:-2], [Cue(Place(9, 12), True, 7)] * 2)
        word.logits()
        word.add(np.array([67, KEYS + 40]), np.array([5, 0]), np.array([4, 0]))
        rows = [word.logits(), word.velocity_logits(np.array([30, 20])), word.offset_logits(np.array([7, 1]))]
        scores.append(np.concatenate([row[np.isfinite(row)] for row in rows]))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


def test_courses_are_heard_apart(net: nn.Module) -> None:
    """Two courses side by side score what each alone would, and the thought they came from is as it was."""
    mind = in_numpy(net)
    calls = [song(1, 12), song(2, 12)]
    alone = []
    for call in calls:
        thought = mind.start()
        for frame in call:
            thought.hear([frame], [REST], [NOWHERE])
        alone.append(thought.spell([REST], [Cue(NOWHERE)]).logits()[0])
    origin = mind.start()
    both = origin.fork([0, 0])
    for frames in zip(*calls, strict=True):
        both.hear(frames, [REST] * 2, [NOWHERE] * 2)
    np.testing.assert_allclose(both.spell([REST] * 2, [Cue(NOWHERE)] * 2).logits(), alone, atol=1e-4)
    untouched = mind.start().spell([REST], [Cue(NOWHERE)]).logits()
    np.testing.assert_array_equal(origin.spell([REST], [Cue(NOWHERE)]).logits(), untouched)


def test_a_later_frame_changes_nothing_before_it(net: nn.Module) -> None:
    player, own = song(1, 24), song(2, 24)
    changed_player, changed_own = player[:20] + song(7, 4), own[:20] + song(8, 4)
    assert (changed_player, changed_own) != (player, own)
    mind = in_numpy(net)
    per_frame = [
        [nats(mind, talk(parts[0][:end], parts[1][:end], [(8, end)])) for end in range(9, 21)]
        for parts in ((player, own), (changed_player, changed_own))
    ]
    assert per_frame[0] == per_frame[1]
    states: list[torch.Tensor] = []
    net.head.register_forward_pre_hook(lambda _, args: states.append(args[0]))  # type: ignore[operator, union-attr]
    with torch.no_grad():
        for parts in ((player, own), (changed_player, changed_own)):
            fit.nats(net, batch_of([conversation(*parts, [(8, 24)])]), CPU)
    torch.testing.assert_close(states[0][:13], states[1][:13])
    assert not torch.allclose(states[0][14:], states[1][14:])


def test_the_chances_of_all_chords_sum_to_one() -> None:
    """Every set of attacks and holds of four keys, of which two may be held: an exact likelihood."""
    keys, holdable = (30, 31, 40, 55), {31, 55}
    torch.manual_seed(3)
    head = Head(24, 16)
    with torch.no_grad():
        head.token.bias[:] = -60.0  # leave only the four keys, their holds, and END
        for key in keys:
            head.token.bias[key] = head.token.bias[KEYS + key] = 0.0
        head.token.bias[END] = 0.0
    words: list[list[int]] = [[]]
    for key in sorted(keys, reverse=True):
        choices = [[], [key]] + ([[KEYS + key]] if key in holdable else [])
        words = [word + choice for word in words for choice in choices]
    z = torch.randn(1, 24)
    copied = torch.randn(1, 2 * KEYS)
    sounding = torch.zeros(1, KEYS, dtype=torch.bool)
    sounding[0, list(holdable)] = True
    total = 0.0
    for word in words:
        token = torch.tensor([*word, END])
        rows = Words(
            torch.zeros_like(token), token, torch.zeros_like(token), torch.zeros_like(token), sounding
        )
        with torch.no_grad():  # velocity and offset stay at one bin, so the keys alone must sum to 1
            total += float(torch.exp(-head(z, rows, copied)[0]))
    assert total == pytest.approx(1.0, abs=1e-4)


def test_training_inputs_are_the_live_inputs() -> None:
    player, own = song(3, 16), song(4, 16)
    player[4], own[9] = REST, REST  # the touch is kept through rests
    batch = batch_of([conversation(player, own, [(4, 16)])])
    ear = Ear()
    for step in range(1, 16):
        place = Place(step - 1, 16)
        heard, _ = ear.hear([player[step - 1]], [own[step - 1]], [place])
        cue = Cue(Place(step, 16), False, 16 - step if step >= 4 else 0)
        asked, _ = ear.ask([own[step - 1]], [cue])
        np.testing.assert_allclose(batch.heard[0, step], heard[0], atol=1e-6)
        np.testing.assert_allclose(batch.asked[0, step], asked[0], atol=1e-6)
    assert batch.heard.shape == (1, 16, features.ENCODER_INPUT)


def test_velocities_and_offsets_come_back_within_their_bin() -> None:
    for velocity in range(1, 128):
        assert abs(velocity_of(velocity_bin(velocity)) - velocity) <= 4
    for offset in np.linspace(-0.5, 0.5, 41):
        assert abs(offset_of(offset_bin(float(offset))) - offset) <= 1 / 16 + 1e-9
    assert [key_of(pitch) for pitch in (0, 20, 21, 108, 109, 127)] == [9, 5, 6, 93, 94, 88]


def test_no_temperature_starves_the_attacks() -> None:
    """Attacks share 60 % over 60 keys, END has 40 %: at any temperature 60 % of the choices are attacks."""
    logits = np.full(END + 1, -np.inf, np.float32)
    logits[10:70] = np.log(0.01)
    logits[END] = np.log(0.4)
    rng = np.random.default_rng(0)
    for temperature in (0.3, 0.9, 1.5):
        knobs = Knobs(temperature, top_p=0.5)
        attacks = (choose(np.tile(logits, (2000, 1)), knobs, rng)[0] < KEYS).sum()
        assert 0.55 < attacks / 2000 < 0.65


def test_top_p_keeps_the_likeliest() -> None:
    np.testing.assert_array_equal(top(np.array([0.1, 0.5, 0.25, 0.15]), 0.7) > 0, [False, True, True, False])
    np.testing.assert_array_equal(top(np.array([0.1, 0.9]), 0.0001) > 0, [False, True])


@pytest.mark.parametrize(
    "knobs",
    [
        Knobs(top_p=1.0),
        Knobs(top_p=0.9),
        Knobs(0.6, 0.8, 2.0),
        Knobs(1.4, centre=55.0, scale=frozenset({0, 2, 4, 7})),
    ],
)
def test_tokens_are_drawn_with_the_chances_that_the_knobs_want(knobs: Knobs) -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 2, TOKENS).astype(np.float32)
    chances = np.exp(logits) / np.exp(logits).sum()
    pitches = chances[:KEYS] ** (1 / knobs.temperature) * np.exp(leaning(knobs) / knobs.temperature)
    pitches = top(pitches, knobs.top_p)
    wanted = np.concatenate([pitches / pitches.sum() * chances[:KEYS].sum() * knobs.density, chances[KEYS:]])
    drawn, shares = choose(np.tile(logits, (40_000, 1)), knobs, rng)
    found = np.bincount(drawn, minlength=TOKENS) / len(drawn)
    assert np.abs(found - wanted / wanted.sum()).sum() < 0.06
    assert (found[wanted == 0] == 0).all()
    np.testing.assert_allclose(shares, chances[drawn], rtol=1e-4)


def test_bins_are_drawn_with_their_softmax() -> None:
    logits = np.array([0.0, 1.0, -1.0, 2.0], np.float32)
    drawn = draw_bin(np.tile(logits, (40_000, 1)), 0.5, np.random.default_rng(5))
    wanted = np.exp(2 * logits) / np.exp(2 * logits).sum()
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), wanted, atol=0.01)


def test_a_frame_is_spelt_downwards_and_holds_only_what_sounds(net: nn.Module) -> None:
    rng = np.random.default_rng(1)
    thought = in_numpy(net).start().fork([0, 0])
    thought.begin()
    befores = [REST, REST]
    for step in range(60):
        place = Place(step % 16, 16)
        spelling = thought.spell(befores, [Cue(place, False, 60 - step)] * 2)
        frames, _ = spell(spelling, 2, Knobs(temperature=2.0, top_p=1.0), rng, attack=step == 0)
        for before, frame in zip(befores, frames, strict=True):
            assert frame.held <= before.sounding
            assert frame.held.isdisjoint(onset.pitch for onset in frame.onsets)
            assert all(1 <= onset.velocity <= 127 for onset in frame.onsets)
            assert frame.onsets or step > 0
        assert frames[0] != frames[1] or not frames[0].onsets
        thought.hear([REST, REST], frames, [place, place])
        befores = frames


def test_everything_is_heard_in_c_and_answered_in_its_key(net: nn.Module) -> None:
    """The scores of a key after a song are those of the same step of the scale after the song in C."""
    scale = [0, 2, 4, 5, 7, 9, 11, 12]
    scores = []
    for tonic in (60, 63, 55):
        frames = [Frame((Onset(tonic + step, 80),)) for step in scale for _ in range(3)]
        thought = InKey(in_numpy(net)).start()
        for step, frame in enumerate(frames):
            thought.hear([frame], [REST], [Place(step % 16, 16)])
        thought.begin()
        logits = thought.spell([REST], [Cue(Place(8, 16), False, 16)]).logits()[0]
        scores.append(logits[key_of(tonic) - 20 : key_of(tonic) + 20])
        sounding = [key for key in range(KEYS) if np.isfinite(logits[key])]
        assert (sounding[0], sounding[-1]) == (key_of(21), key_of(108))
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-4)
    np.testing.assert_allclose(scores[2], scores[0], atol=1e-4)


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_is_moved_to_c_by_the_shortest_way(tonic: int) -> None:
    counts = np.zeros(12)
    counts[(np.array([0, 2, 4, 5, 7, 9, 11]) + tonic) % 12] = 1
    assert (tonic + shift_to_c(counts)) % 12 == 0
    assert -5 <= shift_to_c(counts) <= 6
    frame = Frame((Onset(60 + tonic, 80, 0.1),), frozenset({70}))
    assert moved(moved(frame, 5), -5) == frame


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(FloatingPointError, match="not numbers"):
        odds(np.full((1, 4), np.nan, np.float32))
    with pytest.raises(FloatingPointError, match="not numbers"):
        draw_bin(np.array([[0, np.nan]], np.float32), 1.0, np.random.default_rng(0))


def header_of(arch: str) -> dict[str, object]:
    return {"arch": arch, "settings": SETTINGS[arch].as_dict(), "key": "C"}


def test_a_bundle_comes_back_as_it_was(net: nn.Module, arch: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    bundle.write(path, weights_of(net), {**header_of(arch), "seed": 3})
    read = bundle.read(path)
    assert (read.name, read.header["seed"], read.settings) == ("mine", 3, SETTINGS[arch].as_dict())
    for name, array in weights_of(net).items():
        np.testing.assert_allclose(read.weights[name], array, atol=2e-3)
        assert read.weights[name].dtype == np.float32
    assert bundle.read_header(path) == read.header
    open_mind(read, "cpu").start()


def damaged(whole: bytes, how: str) -> bytes:
    if how == "truncated":
        return whole[: len(whole) // 2]
    if how == "empty":
        return b""
    if how == "text":
        return b"this is no model at all"
    return whole.replace(b'\\"format\\": 2', b'\\"format\\": 9' if how == "newer" else b'\\"format\\": 1')


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("truncated", "not a whole model bundle"),
        ("empty", "not a whole model bundle"),
        ("text", "not a whole model bundle"),
        ("newer", "upgrade jamd"),
        ("older", "train it again"),
    ],
)
def test_a_damaged_bundle_is_named_in_one_line(
    net: nn.Module, arch: str, tmp_path: Path, how: str, said: str
) -> None:
    path = tmp_path / "mine.safetensors"
    bundle.write(path, weights_of(net), header_of(arch))
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(BundleError, match=said) as error:
        bundle.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_no_sum_can_be_made_of_are_refused(
    net: nn.Module, arch: str, tmp_path: Path, number: float
) -> None:
    path = tmp_path / "mine.safetensors"
    weights = {name: np.full_like(array, number) for name, array in weights_of(net).items()}
    bundle.write(path, weights, header_of(arch))
    with pytest.raises(BundleError, match=r"mine\.safetensors (is not a whole|does not hold)"):
        open_mind(bundle.read(path), "cpu")


def test_weights_of_another_shape_are_refused_before_anything_is_played(
    net: nn.Module, arch: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    for name, array in weights_of(net).items():
        if array.ndim == 2:
            bundle.write(path, {**weights_of(net), name: array[:, :-1]}, header_of(arch))
            with pytest.raises(BundleError, match="does not hold the weights its header promises"):
                open_mind(bundle.read(path), "cpu")


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"hidden": 0}},
        {"settings": {"hidden": "many"}},
        {"scores": {"nats_per_step": "few"}},
        {"scores": []},
        {"data": {"learned_from": 3}},
    ],
    ids=str,
)
def test_a_card_that_cannot_be_shown_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    path = tmp_path / "mine.safetensors"
    bundle.write(path, {}, {**header_of("seq2seq"), **wrong})
    with pytest.raises(BundleError, match="has a damaged header"):
        bundle.read_header(path)


@pytest.mark.parametrize("settings", [{"encoder_layers": 10**9}, {"attention_heads": 10**9}, {"layers": 3}])
def test_settings_that_are_not_those_of_the_weights_are_refused_at_once(
    tmp_path: Path, settings: dict[str, int]
) -> None:
    net = BUILD["seq2seq"]()
    path = tmp_path / "mine.safetensors"
    header = {**header_of("seq2seq"), "settings": {**SETTINGS["seq2seq"].as_dict(), **settings}}
    bundle.write(path, weights_of(net), header)
    with pytest.raises(BundleError, match="does not hold the weights"):
        open_mind(bundle.read(path), "cpu")


@pytest.mark.parametrize(
    "memory",
    [{"table": ["x"] * 70, "powers": [0] * 6}, {"table": [1e300] * 70, "powers": [0] * 6}, {"\x1b[2J\n": 1}],
    ids=["words", "too large", "unknown"],
)
def test_a_memory_that_cannot_be_summed_is_refused_in_one_line(
    net: nn.Module, arch: str, tmp_path: Path, memory: dict[str, object]
) -> None:
    path = tmp_path / "mine.safetensors"
    bundle.write(path, weights_of(net), {**header_of(arch), "memory": memory})
    with pytest.raises(BundleError, match="does not hold the weights") as error:
        open_mind(bundle.read(path), "cpu")
    assert str(error.value).isprintable()


def test_bundles_that_are_not_jamds_are_refused(net: nn.Module, arch: str, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    foreign, missing, wrong = (tmp_path / f"{name}.safetensors" for name in ("foreign", "missing", "wrong"))
    save_file({"x": np.zeros(3, np.float32)}, foreign)
    with pytest.raises(BundleError, match="not one made by"):
        bundle.read(foreign)
    with pytest.raises(BundleError, match="there is no model"):
        bundle.read(missing)
    weights = weights_of(net)
    del weights["head.state.weight"]
    bundle.write(wrong, weights, header_of(arch))
    with pytest.raises(BundleError, match="does not hold the weights"):
        open_mind(bundle.read(wrong), "cpu")
    bundle.write(wrong, weights_of(net), {"arch": "tarot", "settings": {}})
    with pytest.raises(BundleError, match="tarot"):
        open_mind(bundle.read(wrong), "cpu")
    assert bundle.find(str(wrong), tmp_path) == wrong
    with pytest.raises(BundleError, match="there is no model 'nobody'"):
        bundle.find("nobody", tmp_path)
