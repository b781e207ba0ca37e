"""What listen, jam and render share: their options, and how an improviser is made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jamd.errors import UsageError
from jamd.options.group import Number, gathered

if TYPE_CHECKING:
    from jamd.engine.voice import Voice
    from jamd.mind.improviser import Improviser
    from jamd.mind.rack import StandIn
    from jamd.mind.settings import Settings
    from jamd.models.memory.evening import Evening

AUTO = "auto"
COUNTING = "markov"
"""The model without a network."""
SCALES = (
    "major",
    "minor",
    "harmonic-minor",
    "melodic-minor",
    "dorian",
    "phrygian",
    "lydian",
    "mixolydian",
    "locrian",
    "pentatonic",
    "minor-pentatonic",
    "blues",
    "whole-tone",
    "diminished",
)
"""The names in `jamd.music.scales`, which would load numpy; a test holds the two together."""


@dataclass(frozen=True, slots=True)
class Playing:
    """How jamd answers, whatever it plays on."""

    temperature: float
    top_p: float
    density: float
    register: float | None
    key: str | None
    scale: str | None
    echo: float
    candidates: int
    seed: int | None
    model: str
    device: str
    feel: float
    out_channel: int

    def settings(self) -> Settings:
        """What of this can be turned while playing. Raises UsageError."""
        from jamd.mind.settings import Settings, Wishes
        from jamd.models.sampling import Knobs
        from jamd.music.scales import scale_of

        if self.scale is not None and self.key in (None, AUTO):
            raise UsageError(f"--scale {self.scale} needs its tonic: say --key C, for one")
        fixed = None if self.key in (None, AUTO) else scale_of(self.key, self.scale or "major")
        wishes = Wishes(self.register, fixed, self.key == AUTO, self.candidates)
        return Settings(Knobs(self.temperature, self.top_p, self.density), wishes, self.echo)

    def improvisers(
        self, model: str | None = None, evenings: Sequence[Evening] = ()
    ) -> Callable[[], Improviser]:
        """Load the model, this one or another, once; each call gives an improviser that has heard nothing
        yet, but remembers earlier evenings."""
        from jamd.mind.improviser import Improviser
        from jamd.models import bundle
        from jamd.models.opening import open_mind, teach

        settings = self.settings()
        found = bundle.read(bundle.find(model or self.model, models_folder()))
        # with a memory even where there is no echo: it may be turned up
        mind = open_mind(found, self.device, self.echo or 1.0)
        teach(mind, evenings)

        def improviser() -> Improviser:
            made = Improviser(mind, settings.knobs, self.seed, settings.wishes, found.phrases)
            made.turn(settings)
            return made

        return improviser

    def stand_ins(self, evenings: Sequence[Evening] = ()) -> list[StandIn]:
        """What plays for a model that fails again and again: itself on the CPU if it was on a GPU, then one
        that only counts."""
        from jamd.mind.rack import StandIn
        from jamd.models.opening import gpu_at_hand

        on_cpu = replace(self, device="cpu")
        counting = StandIn(COUNTING, lambda: on_cpu.improvisers(COUNTING, evenings))
        if self.device == "cpu" or not gpu_at_hand():
            return [counting]
        return [StandIn(self.model, lambda: on_cpu.improvisers(None, evenings), " on the CPU"), counting]

    def model_names(self) -> list[str]:
        """The models to choose from, bundled and the user's own."""
        from jamd.models import bundle

        paths = [*bundle.bundled(), *bundle.installed(models_folder())]
        return list(dict.fromkeys(path.stem for path in paths))

    def voice(self, transpose: int = 0) -> Voice:
        from jamd.engine.voice import Voice

        return Voice(self.out_channel - 1, self.feel, transpose)


def models_folder() -> Path:
    """Where the user's own models are."""
    import platformdirs

    return platformdirs.user_data_path("jamd", appauthor=False) / "models"


ANSWERS = "The answers"
"""The title of these options in a command's help."""
OPTIONS = (
    click.option(
        "--temperature",
        default=1.0,
        show_default=True,
        type=Number(0.05, 3),
        metavar="NUMBER",
        help="How daring the notes are: less plays safe, more takes risks.",
    ),
    click.option(
        "--top-p",
        default=0.98,
        show_default=True,
        type=Number(0.01, 1),
        metavar="SHARE",
        help="Leave out the least likely notes: the likeliest with this share of all chances stay.",
    ),
    click.option(
        "--density",
        default=1.0,
        show_default=True,
        type=Number(0.1, 10),
        metavar="NUMBER",
        help="How busy: above 1 plays more notes, below 1 fewer.",
    ),
    click.option(
        "--register",
        type=Number(-60, 60),
        metavar="SEMITONES",
        help="Play so far above your call, or below it (-12); without this, wherever it likes.",
    ),
    click.option(
        "--key",
        metavar="KEY",
        help="Stay in this key: C, F#, Bb, Es, H (the English B), or auto for the one you play in; without"
        " this, in none.",
    ),
    click.option(
        "--scale",
        type=click.Choice(SCALES),
        metavar="SCALE",
        help=f"Scale on --key: {', '.join(SCALES)}; without this, major.",
    ),
    click.option(
        "--echo",
        default=1.0,
        show_default=True,
        type=Number(0, 2),
        metavar="NUMBER",
        help="How much of what was played this session comes back: 0 nothing, 2 a lot.",
    ),
    click.option(
        "--candidates",
        default=16,
        show_default=True,
        type=click.IntRange(1, 64),
        metavar="NUMBER",
        help="Answers written at once, of which the best is played; fewer take less CPU.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        metavar="NUMBER",
        help="Random seed: with the same, the same choices.",
    ),
    click.option(
        "--model",
        default="default",
        show_default=True,
        metavar="MODEL",
        help="Model that answers: its name (`jamd models`) or its file.",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Where the model runs; auto: on a GPU (CUDA) if there is one.",
    ),
    click.option(
        "--feel",
        default=1.0,
        show_default=True,
        type=Number(0, 1),
        metavar="SHARE",
        help="Timing: 0 is quantized to the grid, 1 is played as a hand would.",
    ),
    click.option(
        "--out-channel",
        default=1,
        show_default=True,
        type=click.IntRange(1, 16),
        metavar="CHANNEL",
        help="MIDI channel of the answers.",
    ),
)


playing_options = gathered("playing", Playing, ANSWERS, OPTIONS)
"""Give a command the options above; it receives them as one `playing`."""
