"""The network: an exact likelihood, no look ahead, and one mind in numpy and in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.errors import BundleError
from jamd.models import bundle, features
from jamd.models.features import Place
from jamd.models.head import Words
from jamd.models.mind import open_mind
from jamd.models.sampling import Knobs, choose, softmax, spell, top
from jamd.models.seq2seq import Seq2Seq, Settings
from jamd.models.stepping import NumpySeq2Seq
from jamd.models.tokens import END, KEYS, key_of, offset_bin, offset_of, velocity_bin, velocity_of
from jamd.models.torch_stepping import TorchSeq2Seq
from jamd.note import REST, Frame, Note, Onset, frames_of
from jamd.training.batches import OWN, PLAYER, Conversation, batch_of
from jamd.training.fit import nats, to_torch

SMALL = Settings(hidden=24, encoder_layers=2, head_hidden=16, attention_steps=8)


@pytest.fixture
def net() -> Seq2Seq:
    torch.manual_seed(3)
    net = Seq2Seq(SMALL).eval()
    for parameter in net.parameters():  # away from the small start, so that a slip shows
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def weights_of(net: Seq2Seq) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


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
    rolls = [[features.roll_of(frame) for frame in part] for part in (player, own)]
    assert (PLAYER, OWN) == (0, 1)
    attacks, holds, offsets = (np.stack([[r[i] for r in part] for part in rolls]) for i in range(3))
    steps = np.arange(len(player))
    return Conversation(attacks, holds, offsets, steps % 16, np.full(len(steps), 16), turns, False)


def step_nats(mind: NumpySeq2Seq | TorchSeq2Seq, player: list[Frame], own: list[Frame], start: int) -> float:
    """Nats of jamd's own frames from `start` on, stepped one by one as in a live answer."""
    memory = mind.start()
    for step in range(start):
        memory = mind.hear(memory, player[step], own[step], Place(step % 16, 16))
    turn, total = mind.begin(memory), 0.0
    for step in range(start, len(own)):
        turn, word = mind.word(memory, turn, own[step - 1], Place(step % 16, 16), False)
        attacks, holds, offsets = features.roll_of(own[step])
        for key in [*np.nonzero(attacks | holds)[0][::-1], None]:
            token = END if key is None else int(key) if attacks[key] else KEYS + int(key)
            total -= np.log(softmax(word.logits())[token])
            velocity = offset = 0
            if token < KEYS:
                velocity, offset = int(attacks[key]) - 1, int(offsets[key]) - 1
                total -= np.log(softmax(word.velocity_logits(token))[velocity])
                total -= np.log(softmax(word.offset_logits(velocity))[offset])
            word.add(token, velocity, offset)
        memory = mind.hear(memory, player[step], own[step], Place(step % 16, 16))
    return total


def test_numpy_torch_and_the_training_loss_give_one_likelihood(net: Seq2Seq) -> None:
    player, own = song(1, 12) + [REST] * 12, [REST] * 12 + song(2, 12)
    batch = batch_of([conversation(player, own, [(12, 24)])])
    with torch.no_grad():
        learned = sum(part.item() for part in nats(net, batch, torch.device("cpu")))
    in_numpy = step_nats(NumpySeq2Seq(weights_of(net), **SMALL.as_dict()), player, own, 12)
    in_torch = step_nats(TorchSeq2Seq(weights_of(net), SMALL.as_dict(), "cpu"), player, own, 12)
    assert in_numpy == pytest.approx(learned, rel=1e-4)
    assert in_torch == pytest.approx(learned, rel=1e-4)


def test_numpy_and_torch_agree_on_every_score(net: Seq2Seq) -> None:
    minds = [
        NumpySeq2Seq(weights_of(net), **SMALL.as_dict()),
        TorchSeq2Seq(weights_of(net), SMALL.as_dict(), "cpu"),
    ]
    scores = []
    for mind in minds:
        memory = mind.start()
        for step, frame in enumerate(song(5, 20)):
            memory = mind.hear(memory, frame, REST, Place(step % 12, 12))
        _, word = mind.word(memory, mind.begin(memory), Frame((Onset(60, 80),)), Place(8, 12), True)
        word.logits()
        word.add(67, 5, 4)
        rows = [word.logits(), word.velocity_logits(30), word.offset_logits(7)]
        scores.append(np.concatenate([row[np.isfinite(row)] for row in rows]))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


def test_a_later_frame_changes_nothing_before_it(net: Seq2Seq) -> None:
    player, own = song(1, 24), song(2, 24)
    changed_player, changed_own = player[:20] + song(7, 4), own[:20] + song(8, 4)
    per_frame = []
    for parts in ((player, own), (changed_player, changed_own)):
        mind = NumpySeq2Seq(weights_of(net), **SMALL.as_dict())
        per_frame.append([step_nats(mind, parts[0][:end], parts[1][:end], 8) for end in range(9, 21)])
    assert per_frame[0] == per_frame[1]
    full = [
        batch_of([conversation(*parts, [(8, 24)])])
        for parts in ((player, own), (changed_player, changed_own))
    ]
    states = []
    net.head.register_forward_pre_hook(lambda _, args: states.append(args[0]))
    with torch.no_grad():
        for batch in full:
            nats(net, batch, torch.device("cpu"))
    torch.testing.assert_close(states[0][:13], states[1][:13])
    assert not torch.allclose(states[0][14:], states[1][14:])


def test_the_chances_of_all_chords_sum_to_one(net: Seq2Seq) -> None:
    """Every set of attacks and holds of four keys, of which two may be held: an exact likelihood."""
    keys, holdable = (30, 31, 40, 55), {31, 55}
    with torch.no_grad():
        net.head.token.bias[:] = -60.0  # leave only the four keys, their holds, and END
        for key in keys:
            net.head.token.bias[key] = net.head.token.bias[KEYS + key] = 0.0
        net.head.token.bias[END] = 0.0
    words: list[list[int]] = [[]]
    for key in sorted(keys, reverse=True):
        choices = [[], [key]] + ([[KEYS + key]] if key in holdable else [])
        words = [word + choice for word in words for choice in choices]
    z = torch.randn(1, SMALL.hidden)
    sounding = torch.zeros(1, KEYS, dtype=torch.bool)
    sounding[0, list(holdable)] = True
    total = 0.0
    for word in words:
        token = torch.tensor([*word, END])
        rows = Words(
            torch.zeros_like(token), token, torch.zeros_like(token), torch.zeros_like(token), sounding
        )
        with torch.no_grad():  # velocity and offset stay at one bin, so the keys alone must sum to 1
            total += float(torch.exp(-net.head(z, rows)[0]))
    assert total == pytest.approx(1.0, abs=1e-4)


def test_training_inputs_are_the_live_inputs() -> None:
    player, own = song(3, 16), song(4, 16)
    batch = batch_of([conversation(player, own, [(4, 16)])])
    counts = np.zeros(features.HISTOGRAM, np.float32)
    for step in range(1, 16):
        heard, counts = features.heard(player[step - 1], own[step - 1], Place(step - 1, 16), counts)
        asked, _ = features.asked(own[step - 1], Place(step, 16), False)
        np.testing.assert_allclose(batch.heard[0, step], heard, atol=1e-6)
        np.testing.assert_allclose(batch.asked[0, step], asked, atol=1e-6)
    assert to_torch(batch, torch.device("cpu"))[0].shape == (1, 16, features.ENCODER_INPUT)


def test_velocities_and_offsets_come_back_within_their_bin() -> None:
    for velocity in range(1, 128):
        assert abs(velocity_of(velocity_bin(velocity)) - velocity) <= 4
    for offset in np.linspace(-0.5, 0.5, 41):
        assert abs(offset_of(offset_bin(float(offset))) - offset) <= 1 / 16 + 1e-9
    assert [key_of(pitch) for pitch in (0, 20, 21, 108, 109, 127)] == [3, 11, 0, 87, 76, 82]


def test_no_temperature_starves_the_attacks() -> None:
    """Attacks share 60 % over 60 keys, END has 40 %: at any temperature 60 % of the choices are attacks."""
    logits = np.full(END + 1, -np.inf, np.float32)
    logits[10:70] = np.log(0.01)
    logits[END] = np.log(0.4)
    rng = np.random.default_rng(0)
    for temperature in (0.3, 0.9, 1.5):
        knobs = Knobs(temperature, top_p=0.5)
        attacks = sum(choose(logits, knobs, rng) < KEYS for _ in range(2000))
        assert 0.55 < attacks / 2000 < 0.65


def test_top_p_keeps_the_likeliest() -> None:
    np.testing.assert_array_equal(top(np.array([0.1, 0.5, 0.25, 0.15]), 0.7) > 0, [False, True, True, False])
    np.testing.assert_array_equal(top(np.array([0.1, 0.9]), 0.0001) > 0, [False, True])


def test_a_frame_is_spelt_downwards_and_holds_only_what_sounds(net: Seq2Seq) -> None:
    mind = NumpySeq2Seq(weights_of(net), **SMALL.as_dict())
    rng = np.random.default_rng(1)
    memory = mind.start()
    before, turn = REST, mind.begin(memory)
    for step in range(60):
        turn, word = mind.word(memory, turn, before, Place(step % 16, 16), False)
        frame = spell(word, Knobs(temperature=2.0, top_p=1.0), rng, attack=step == 0)
        assert frame.held <= before.sounding
        assert frame.held.isdisjoint(onset.pitch for onset in frame.onsets)
        assert all(21 <= onset.pitch <= 108 and 1 <= onset.velocity <= 127 for onset in frame.onsets)
        assert frame.onsets or step > 0
        memory = mind.hear(memory, REST, frame, Place(step % 16, 16))
        before = frame


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(FloatingPointError, match="not numbers"):
        softmax(np.full(4, np.nan, np.float32))


def test_a_bundle_comes_back_as_it_was(net: Seq2Seq, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    bundle.write(path, weights_of(net), {"arch": "seq2seq", "settings": SMALL.as_dict(), "seed": 3})
    read = bundle.read(path)
    assert (read.name, read.header["seed"], read.settings) == ("mine", 3, SMALL.as_dict())
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
    return whole.replace(b'\\"format\\": 1', b'\\"format\\": 9')


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("truncated", "not a whole model bundle"),
        ("empty", "not a whole model bundle"),
        ("text", "not a whole model bundle"),
        ("newer", "upgrade jamd"),
    ],
)
def test_a_damaged_bundle_is_named_in_one_line(net: Seq2Seq, tmp_path: Path, how: str, said: str) -> None:
    path = tmp_path / "mine.safetensors"
    bundle.write(path, weights_of(net), {"arch": "seq2seq", "settings": SMALL.as_dict()})
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(BundleError, match=said) as error:
        bundle.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_bundles_that_are_not_jamds_are_refused(net: Seq2Seq, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    foreign, missing, wrong = (tmp_path / f"{name}.safetensors" for name in ("foreign", "missing", "wrong"))
    save_file({"x": np.zeros(3, np.float32)}, foreign)
    with pytest.raises(BundleError, match="not one made by"):
        bundle.read(foreign)
    with pytest.raises(BundleError, match="there is no model"):
        bundle.read(missing)
    weights = weights_of(net)
    del weights["query.weight"]
    bundle.write(wrong, weights, {"arch": "seq2seq", "settings": SMALL.as_dict()})
    with pytest.raises(BundleError, match="does not hold the weights"):
        open_mind(bundle.read(wrong), "cpu")
    bundle.write(wrong, weights_of(net), {"arch": "tarot", "settings": {}})
    with pytest.raises(BundleError, match="tarot"):
        open_mind(bundle.read(wrong), "cpu")
    assert bundle.find(str(wrong), tmp_path) == wrong
    with pytest.raises(BundleError, match="there is no model 'nobody'"):
        bundle.find("nobody", tmp_path)
