"""A training from its music to its bundle: made ready, gone on with, written down."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jamd import midifile
from jamd.errors import JamdError, UsageError
from jamd.models import bundle
from jamd.models.bundle import Bundle, Weights
from jamd.models.mind import open_mind
from jamd.plot import draw
from jamd.refuge import write_again
from jamd.rendering import render
from jamd.training import checkpoint, fit, group, networks, runs
from jamd.training.diary import RunDiary
from jamd.training.lock import locked
from jamd.training.music import Music
from jamd.training.runs import Run

Say = Callable[[str], None]
NETWORK_FIELDS = ("arch", "settings", "key", "recipe", "data")
"""Of the card: what must be the same for going on with a run."""


class _Silent:
    """The diary of the processes that only compute."""

    def report(self, now: fit.Progress) -> None: ...

    def keep(self, weights: fit.Weights, scores: fit.Scores, updates: int) -> None: ...

    def epoch(self, number: int, state: fit.State) -> None: ...


@dataclass(frozen=True, slots=True)
class Learning:
    """All that decides a training and where it is written."""

    music: Music
    recipe: fit.Recipe
    card: Mapping[str, Any]
    device: torch.device
    parent: Path
    name: str
    checkpoint_epochs: int
    sample_epochs: int
    start: Weights | None = None
    """The weights to begin with; None for chance."""

    def run(self, resume: str | None, show: Callable[[fit.Progress], None], say: Say) -> Run:
        """Train, from the beginning or from a run's last checkpoint, and return the run as it ended:
        finished, stopped by KeyboardInterrupt, or failed because the loss was no number. Raises JamdError."""
        if 1 < group.size() > self.recipe.batch // 2:  # the first batches are of half the size
            raise UsageError(f"{group.size()} processes need --batch {2 * group.size()} at least")
        torch.manual_seed(self.recipe.seed)
        state = fit.begin(self._network(self.recipe.dropout), self.recipe)
        run = self._begin(resume, state)
        if group.rank() != 0:
            self._fit(state, _Silent())
            return run
        with locked(run.folder):
            run, seconds = runs.resumed(run, state.updates) if resume is not None else (run, 0.0)
            say(f"run {run.folder}")
            sample = self._sample if self.sample_epochs and self.music.cases else None
            diary = RunDiary(
                run,
                self.card,
                self.music.epoch_sequences,
                self.checkpoint_epochs,
                sample,
                show,
                state.sequences // self.music.epoch_sequences,
                seconds,
            )
            try:
                how = self._fit(state, diary)
            except JamdError as error:
                with suppress(JamdError):  # a disk that is full is full for this too
                    runs.ended(run, runs.FAILED, reason=str(error))
                with suppress(JamdError):
                    diary.close()
                raise
            diary.close()
            run = runs.ended(run, **how)
        if not (run.folder / runs.MODEL).exists():
            raise JamdError(
                f"the training ended before any weights were scored; `--resume {run.name}` goes on"
                if how["state"] == runs.STOPPED and (run.folder / runs.CHECKPOINT).exists()
                else f"the training ended before any weights were scored ({how.get('reason', 'stopped')})"
            )
        return run

    def _fit(self, state: fit.State, diary: fit.Diary) -> dict[str, str]:
        """Train to the end and say how it came."""
        music = self.music
        try:
            fit.fit(
                state,
                music.source,
                music.questions(),
                music.epoch_sequences,
                self.recipe,
                self.device,
                diary,
                self._teacher(),
            )
        except KeyboardInterrupt:
            return {"state": runs.STOPPED}
        except FloatingPointError as error:
            return {"state": runs.FAILED, "reason": str(error)}
        return {"state": runs.FINISHED}

    def _teacher(self) -> torch.nn.Module | None:
        """The model as it was before, if there was one."""
        if self.start is None:
            return None
        return self._network(0.0).eval().requires_grad_(False)

    def _network(self, dropout: float) -> torch.nn.Module:
        model = networks.build(self.card["arch"], self.card["settings"], dropout).to(self.device)
        if self.start is not None:
            model.load_state_dict({name: torch.tensor(array) for name, array in self.start.items()})
        return model

    def _begin(self, resume: str | None, state: fit.State) -> Run:
        """The run, new or old. `state` is put where it left off."""
        about = {
            **self.card,
            "name": self.name,
            "device": str(self.device),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "torch": torch.__version__,
            "processes": group.size(),
        }
        if resume is None:
            return runs.create(self.parent, self.name, about) if group.rank() == 0 else Run(Path(), about)
        run = runs.find(resume, self.parent)
        path = run.folder / runs.CHECKPOINT
        if not path.exists():
            raise JamdError(f"{run.folder} has no checkpoint to go on from; train from the beginning")
        before, now = (
            {name: card.get(name) for name in NETWORK_FIELDS} for card in (checkpoint.about(path), self.card)
        )
        now = json.loads(json.dumps(now))  # as the checkpoint has it
        if before != now:
            different = "; ".join(_differences(before, now))
            raise UsageError(
                f"run {run.name} was begun otherwise ({different}); resume with the same options"
            )
        checkpoint.read_into(path, state)
        return run

    def _sample(self, folder: Path, epoch: int) -> None:
        """Answers of the best weights so far to held-out calls."""
        from jamd.improviser import Improviser
        from jamd.models.sampling import Knobs
        from jamd.voice import Voice

        if epoch % self.sample_epochs and epoch != self.recipe.epochs:
            return
        mind = open_mind(bundle.read(folder / runs.MODEL), "cpu")
        for number, case in enumerate(self.music.cases, 1):
            piece = case.call_piece
            rendered = render(piece, None, lambda: Improviser(mind, Knobs(), 0), Voice(0, 1.0))
            path = folder / runs.SAMPLES / f"epoch-{epoch:03d}-{number}"
            write_again(path.with_suffix(".mid"), rendered.encode())
            player, own = (
                midifile.notes_of(events, events[-1][0]) if events else []
                for events in (rendered.player, rendered.own)
            )
            title = f"{case.name}, epoch {epoch}"
            draw(path.with_suffix(".png"), player, own, rendered.bars, rendered.turns, title=title)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What a run was begun with, of all that is not so now."""
    for name in NETWORK_FIELDS:
        was, is_now = before[name], now[name]
        if was == is_now:
            continue
        if name == "data":
            yield "other music"
        elif not isinstance(was, dict) or not isinstance(is_now, dict):
            yield f"{name} {was}, not {is_now}"
            return  # the settings of another architecture have other names
        else:
            for key in sorted(was.keys() | is_now.keys()):
                if was.get(key) != is_now.get(key):
                    yield f"{key} {was.get(key)}, not {is_now.get(key)}"


def fit_memory(weights: Weights, header: Mapping[str, Any], music: Music, say: Say) -> dict[str, Any]:
    """The header with the weights of the session memory that suit this model, fitted on the held-out music,
    and what they are worth there."""
    from dataclasses import asdict

    from jamd.training.memory import fit_memory as fit_weights
    from jamd.training.memory import nats_per_step, questions_of

    plain = {name: value for name, value in header.items() if name not in ("memory", "key")}
    mind = open_mind(Bundle(Path("memory"), plain, weights), "cpu")
    say("fitting the session memory")
    asked = questions_of(mind, music.held_out)
    if not asked.chance.min() > 0:
        say("the session memory is left out: this model holds some of the held-out music to be impossible")
        return dict(header)
    fitted = fit_weights(asked)
    alone, together = nats_per_step(asked, None), nats_per_step(asked, fitted)
    say(f"held out: {alone:.4f} nats/step in keys, {together:.4f} with the memory")
    scores = {**header.get("scores", {}), "key_nats_per_step_with_memory": together}
    return {**header, "scores": scores, "memory": asdict(fitted)}


def count(music: Music, say: Say) -> tuple[Weights, dict[str, int], dict[str, float]]:
    """A Markov mind of the music: its tables, its settings, and its scores."""
    from jamd.models.markov import Markov
    from jamd.training import markov
    from jamd.training.memory import nats_per_step, questions_of

    say(f"counting {music.epoch_sequences} sequences")
    tables = markov.count(music.learned())
    blend = markov.fit_blend(tables, music.held_out)
    weights: dict[str, Any] = {**tables, "blend": blend.astype(np.float32)}
    nats = nats_per_step(questions_of(Markov(**weights), music.held_out), None)
    return weights, {}, {"nats_per_step": nats}
