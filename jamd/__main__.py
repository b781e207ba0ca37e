"""`python -m jamd` is `jamd`."""

import signal


def main() -> None:
    """The program. Ctrl-C while it is still being loaded ends it without a word: nothing is begun."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jamd.cli import main as jamd

    signal.signal(signal.SIGINT, before)
    jamd(prog_name="jamd")


if __name__ == "__main__":
    main()
