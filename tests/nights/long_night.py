"""A whole night of playing, and what becomes of jamd over it.

    .venv/bin/python -m tests.nights.long_night virtual --hours 8    # on the virtual clock: minutes
    .venv/bin/python -m tests.nights.long_night real --minutes 30    # in real time, on JACK and FluidSynth

A player who never tires (see `night_player`) plays to the real engine with the real model. Each line is a
part of the night: how long it is, what was played, the resident memory, what a second of music cost. At
the end come the verdicts, and the exit status is 1 if one of them is bad.
"""

from __future__ import annotations

import argparse
import sys

from tests.nights.verdicts import Verdicts


def say(verdicts: Verdicts) -> int:
    """Print the verdicts; the exit status they make."""
    for asked, fine, figures in verdicts:
        print(f"{'yes' if fine else 'NO':>4}  {asked}: {figures}")
    return 0 if all(fine for _, fine, _ in verdicts) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    virtual = kinds.add_parser("virtual", help="on the virtual clock")
    virtual.add_argument("--hours", default=8.0, type=float)
    virtual.add_argument("--model", default="default")
    virtual.add_argument("--tempo", default=120.0, type=float)
    virtual.add_argument("--mode", default="answer", choices=["answer", "duet", "solo"])
    virtual.add_argument("--seed", default=1, type=int)
    virtual.add_argument("--candidates", default=4, type=int, help="answers to choose from; jamd's own is 16")
    virtual.add_argument("--learn", action="store_true", help="keep the evening in a profile, too")
    real = kinds.add_parser("real", help="in real time")
    real.add_argument("--minutes", default=30.0, type=float)
    real.add_argument("--tempo", default=120.0, type=float)
    real.add_argument("--seed", default=1, type=int)
    real.add_argument("--server", help="a JACK server that runs; else one of its own")
    chosen = vars(parser.parse_args())
    if chosen.pop("kind") == "virtual":
        from tests.nights.virtual import Night, in_a_home

        return say(in_a_home(Night(**chosen)))
    from tests.nights.real import play

    return say(play(**chosen))


if __name__ == "__main__":
    sys.exit(main())
