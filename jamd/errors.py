"""What can go wrong, said in one line and with an exit status."""

from jamd.printable import printable


class JamdError(Exception):
    """A fault: something the user must hear about in one line. Exit status 1."""

    exit_status = 1

    def __str__(self) -> str:
        """What a damaged file gave to it can neither break the line nor act on the terminal."""
        return printable(super().__str__())


class UsageError(JamdError):
    """What was asked for cannot be: a wrong name, a value out of range. Exit status 2."""

    exit_status = 2


class PortError(UsageError):
    """A port name that matches no port, or several."""


class PackageError(UsageError):
    """What was asked for needs a package that this install is without."""


class BackendError(JamdError):
    """No MIDI backend opens on this machine."""


class MidiFileError(JamdError):
    """A MIDI file that is empty, corrupt or without notes."""


class BundleError(JamdError):
    """A model bundle that is missing, truncated, foreign or of a newer format."""
