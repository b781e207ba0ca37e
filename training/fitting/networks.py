"""The networks by name, built to size."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from jamd.models.networks import seq2seq, wavenet

ARCHITECTURES = ("seq2seq", "wavenet")


def settings_of(arch: str, hidden: int | None, layers: int | None) -> dict[str, int]:
    """The settings of a network: `hidden` is the width of an LSTM layer or the channels of a convolution,
    None for the usual size."""
    if arch == "seq2seq":
        return seq2seq.Settings(**_given(hidden=hidden, encoder_layers=layers)).as_dict()
    return wavenet.Settings(
        **_given(channels=hidden, skip=None if hidden is None else 2 * hidden, layers=layers)
    ).as_dict()


def _given(**settings: int | None) -> dict[str, int]:
    return {name: value for name, value in settings.items() if value is not None}


def build(arch: str, settings: Mapping[str, int], dropout: float) -> nn.Module:
    """An untrained network."""
    if arch == "seq2seq":
        return seq2seq.Seq2Seq(seq2seq.Settings(**settings), dropout)
    return wavenet.WaveNet(wavenet.Settings(**settings), dropout)
