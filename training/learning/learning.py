"""A training from its music to its bundle: made ready, gone on with, written down."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jamd.counted import counted
from jamd.errors import JamdError, UsageError
from jamd.models import bundle
from jamd.models.bundle import Bundle, Weights
from jamd.models.opening import open_mind
from jamd.rendering import render
from jamd.smf import midifile
from jamd.system.fallback import write_again
from jamd.training.fitting import checkpoint, fit, networks
from jamd.training.fitting.diary import RunDiary
from jamd.training.fitting.showing import Track, untracked
from jamd.training.learning.music import Music
from jamd.training.runs import processes, runs
from jamd.training.runs.run_lock import locked
from jamd.training.runs.runs import Run
from jamd.training.runs.signals import Standing
from jamd.view.plot import draw

Say = Callable[[str], None]
NETWORK_FIELDS = ("arch", "settings", "key", "recipe", "data")
"""Of the card: what must be the same for going on with a run."""


class _Silent:
    """The diary of the processes that only compute."""

    def report(self, now: fit.Progress) -> None: ...

    def keep(self, weights: fit.Weights, scores: fit.Scores, updates: int) -> None: ...

    def epoch(self, number: int, state: fit.State) -> None: ...

    def end(self, state: fit.State) -> None: ...


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
    standing: Standing = field(default_factory=Standing)

    def run(
        self,
        resume: Path | str | None,
        show: Callable[[fit.Progress], None],
        say: Say,
        then: Callable[[Run], None] = lambda run: None,
    ) -> Run:
        """Train, from the beginning or from where a run was left, do `then` what is to be done with the
        weights, and return the run as it ended: finished, stopped when it was asked to, or failed because the
        loss was no number. Who is asked to end and has no model for it, or is asked again, leaves by
        KeyboardInterrupt, and the run goes on from there. Raises JamdError."""
        if 1 < processes.size() > self.recipe.batch // 2:  # the first batches are of half the size
            raise UsageError(f"{processes.size()} processes need --batch {2 * processes.size()} at least")
        torch.manual_seed(self.recipe.seed)
        state = fit.begin(self._network(self.recipe.dropout), self.recipe)
        about = self._about()
        if resume is not None:
            run = runs.find(str(resume), self.parent)
        else:
            run = runs.create(self.parent, self.name, about) if processes.rank() == 0 else Run(Path(), about)
        if processes.rank() != 0:
            if resume is not None:
                self._restore(run, state)
            self._fit(state, _Silent())
            return run
        self.standing.run = run
        with locked(run.folder):
            seconds = 0.0
            if resume is not None:
                self._restore(runs.read(run.folder), state)
                run, seconds = runs.resumed(run, state.updates)
            say(f"run {run.folder}")
            how = self._learned(run, state, seconds, show)
            if how["state"] == runs.STOPPED:
                done = counted(state.updates, "update")
                say(f"stopped after {done}; `--resume {run.name}` goes on from there")
            return self._made(run, how, then)

    def _learned(
        self, run: Run, state: fit.State, seconds: float, show: Callable[[fit.Progress], None]
    ) -> dict[str, str]:
        """How the training went, with its weights in the run's folder."""
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
        except (JamdError, KeyboardInterrupt) as error:
            with suppress(JamdError):  # a disk that is full is full for this too
                diary.close()
            with suppress(JamdError):
                if isinstance(error, JamdError):
                    runs.ended(run, runs.FAILED, reason=str(error))
                else:
                    self._cut_off(run)
            if isinstance(error, JamdError) and (run.folder / runs.CHECKPOINT).exists():
                raise JamdError(f"{error}; `--resume {run.name}` goes on from its last checkpoint") from error
            raise
        diary.close()
        if not (run.folder / runs.MODEL).exists():
            if how["state"] == runs.STOPPED:
                self._cut_off(run)
                raise KeyboardInterrupt
            runs.ended(run, **how)
            raise JamdError(
                f"the training ended before any weights were scored ({how.get('reason', how['state'])})"
            )
        return how

    def _made(self, run: Run, how: Mapping[str, str], then: Callable[[Run], None]) -> Run:
        """The run with what became of its weights written down."""
        try:
            then(Run(run.folder, {**run.about, **how}))
        except KeyboardInterrupt:
            if self.standing.decided:
                runs.ended(run, how["state"], reason=f"interrupted while {self.standing.doing}")
            else:
                self._cut_off(run)
            raise
        except JamdError as error:
            if self.standing.decided:
                runs.ended(run, **how)
            else:
                with suppress(JamdError):
                    runs.ended(run, runs.UNJUDGED, reason=str(error))
                raise JamdError(f"{error}; `--resume {run.name}` goes on from there") from error
            raise
        with self.standing.asked.held():
            return runs.ended(run, **how)

    def _cut_off(self, run: Run) -> None:
        """Write down that the run was asked to end before all was done with its weights."""
        tuned = self.start is not None and (run.folder / runs.MODEL).exists()
        state = runs.UNJUDGED if tuned else runs.INTERRUPTED
        with self.standing.asked.held(forget=True):
            runs.ended(run, state, reason=f"interrupted while {self.standing.doing}")

    def _fit(self, state: fit.State, diary: fit.Diary) -> dict[str, str]:
        """Train to the end and say how it came."""
        music, asked = self.music, self.standing.asked
        try:
            with asked.patiently():
                over = fit.fit(
                    state,
                    music.source,
                    music.questions(),
                    music.epoch_sequences,
                    self.recipe,
                    self.device,
                    diary,
                    self._teacher(),
                    asked.stop,
                )
                diary.end(state)
        except KeyboardInterrupt:
            if asked.number is not None:  # for the second time: now, and not in order
                raise
            return {"state": runs.STOPPED}
        except FloatingPointError as error:
            return {"state": runs.FAILED, "reason": str(error)}
        return {"state": runs.FINISHED if over else runs.STOPPED}

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

    def _about(self) -> dict[str, Any]:
        """What run.json says of a training."""
        return {
            **self.card,
            "name": self.name,
            "device": str(self.device),
            "machine": f"{platform.machine()}, {counted(os.cpu_count() or 1, 'core')}",
            "torch": torch.__version__,
            "processes": processes.size(),
        }

    def _restore(self, run: Run, state: fit.State) -> None:
        """Put `state` where a run left it: at its last checkpoint, or at its beginning where it has none
        yet."""
        path = run.folder / runs.CHECKPOINT
        begun = checkpoint.about(path) if path.exists() else run.about
        before, now = ({name: card.get(name) for name in NETWORK_FIELDS} for card in (begun, self.card))
        now = json.loads(json.dumps(now))  # as the checkpoint has it
        if before != now:
            different = "; ".join(_differences(before, now))
            raise UsageError(
                f"run {run.name} was begun otherwise ({different}); resume with the same options"
            )
        if path.exists():
            checkpoint.read_into(path, state)

    def _sample(self, folder: Path, epoch: int) -> None:
        """Answers of the best weights so far to held-out calls."""
        from jamd.engine.voice import Voice
        from jamd.mind.improviser import Improviser
        from jamd.models.sampling import Knobs

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
            picture = path.with_suffix(".png")
            draw(picture, player, own, rendered.bars, rendered.turns, title, rendered.tempos)


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


def fit_memory(
    weights: Weights, header: Mapping[str, Any], music: Music, say: Say, track: Track = untracked
) -> dict[str, Any]:
    """The header with the weights of the session memory that suit this model, fitted on the held-out music,
    and what they are worth there."""
    from dataclasses import asdict

    from jamd.training.fitting.memory_weights import fit_memory as fit_weights
    from jamd.training.fitting.memory_weights import nats_per_step, questions_of

    plain = {name: value for name, value in header.items() if name not in ("memory", "key")}
    mind = open_mind(Bundle(Path("memory"), plain, weights), "cpu")
    say("fitting the session memory")
    asked = questions_of(mind, music.held_out, track=track)
    if not asked.chance.min() > 0:
        say("the session memory is left out: this model holds some of the held-out music to be impossible")
        return dict(header)
    fitted = fit_weights(asked, track=track)
    alone, together = nats_per_step(asked, None), nats_per_step(asked, fitted)
    say(f"held out: {alone:.4f} nats/step in keys, {together:.4f} with the memory")
    scores = {**header.get("scores", {}), "key_nats_per_step_with_memory": together}
    return {**header, "scores": scores, "memory": asdict(fitted)}


def count(
    music: Music, say: Say, track: Track = untracked
) -> tuple[Weights, dict[str, int], dict[str, float]]:
    """A Markov mind of the music: its tables, its settings, and its scores."""
    from jamd.models.markov import Markov
    from jamd.training.fitting import blending, counting
    from jamd.training.fitting.memory_weights import nats_per_step, questions_of

    say(f"counting {counted(music.epoch_sequences, 'sequence')}")
    tables = counting.count(music.learned())
    blend = blending.fit_blend(tables, music.held_out)
    weights: dict[str, Any] = {**tables, "blend": blend.astype(np.float32)}
    nats = nats_per_step(questions_of(Markov(**weights), music.held_out, track=track), None)
    return weights, {}, {"nats_per_step": nats}
