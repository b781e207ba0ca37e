"""`python -m jamd` is `jamd`."""

from jamd.cli import main

if __name__ == "__main__":
    main(prog_name="jamd")
