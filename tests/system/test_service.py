"""jamd in the background: the files that describe it, what the system is asked, and how programs end."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.errors import JamdError, UsageError
from jamd.system.job import Job, Ran
from jamd.system.launchd import Launchd
from jamd.system.service import run_program, write
from jamd.system.systemd import Systemd
from tests.kit.processes import Process
from tests.kit.realparts import KEYS, SYNTH, Player

ODD = ("--in", 'Key "board" 100%', "--out", "${HOME} $$ \\ it's; ü", "--record", " ", ";")


@dataclass
class System:
    """A machine on which what is run is only noted down, and answered from a table."""

    platform: str = "linux"
    answers: dict[str, Ran | JamdError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def run(self, arguments: Sequence[str]) -> Ran:
        line = " ".join(arguments)
        self.asked.append(line)
        found = next((answer for start, answer in self.answers.items() if line.startswith(start)), Ran(0))
        if isinstance(found, JamdError):
            raise found
        return found

    def jamd(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["service", *arguments], obj=(self.platform, self.run))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for kind in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    for name in [name for name in os.environ if name.startswith("JAMD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def system() -> System:
    return System()


def unit(home: Path, name: str = "jamd") -> Path:
    return home / "config" / "systemd" / "user" / f"{name}.service"


def values(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def arguments(value: str) -> list[str]:
    """A command line taken apart as systemd does: in quotes, % doubled, and after a : no variables."""
    assert ":" in value[:2]
    return shlex.split(value.partition(":")[2].replace("%%", "%"))


# systemd


def test_what_is_installed_runs_listen_with_these_options_from_now_on(home: Path, system: System) -> None:
    done = system.jamd("install", "--", "--in", "Keys", "--out", "Synth", "--tempo", "96")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == f"wrote {unit(home)}"
    assert system.asked == [
        "systemctl --version",
        "systemctl --user daemon-reload",
        "systemctl --user enable jamd.service",
        "systemctl --user restart jamd.service",
    ]
    said = values(unit(home).read_text())
    log = home / "state" / "jamd" / "log" / "jamd.log"
    python = [sys.executable, "-P", "-m", "jamd"]
    options = ["--in", "Keys", "--out", "Synth", "--tempo", "96"]
    always = ["--quiet", "--wait", "--silence-first", "--log", str(log)]
    assert arguments(said["ExecStart"]) == [*python, "listen", *always, *options]
    assert arguments(said["ExecStopPost"]) == [*python, "service", "silence", "--", *options]
    assert said["WorkingDirectory"] == f"-{home}"
    assert (said["Restart"], said["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert stat.S_IMODE(unit(home).stat().st_mode) == 0o600


def test_odd_names_and_folders_come_through_whole(
    home: Path, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / 'a "gig" 50%'
    folder.mkdir()
    job = Job(
        "jamd",
        ODD,
        folder / "my log",
        folder=folder,
        python=str(folder / "python"),
        environment={"A": '1 "%"'},
    )
    text = Systemd(system.run).text(job)
    said = values(text)
    assert arguments(said["ExecStart"]) == job.listen
    assert arguments(said["ExecStopPost"]) == job.silence
    assert said["WorkingDirectory"].replace("%%", "%") == f"-{folder}"
    assert shlex.split(said["Environment"].replace("%%", "%")) == ['A=1 "%"']


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd itself is asked; it is not installed here"
)
@pytest.mark.parametrize("version", [252, 255])
def test_systemd_finds_nothing_wrong_with_it(home: Path, system: System, version: int) -> None:
    """An older systemd than the one that is written for would name what it does not know."""
    installed = Systemd(run_program)._version()
    if installed < version:
        pytest.skip(f"systemd {installed} does not know all of {version}")
    system.answers["systemctl --version"] = Ran(0, f"systemd {version} (x)\n")
    python = home / "a folder" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    path = write(Systemd(system.run), Job("jamd", ODD, home / "jamd.log", network=True, python=str(python)))
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", path],
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(runtime)},
    )
    assert [line for line in checked.stderr.splitlines() if "jamd" in line] == []
    assert checked.returncode == 0, checked.stderr


def test_a_network_is_there_for_link_alone(home: Path, system: System) -> None:
    pytest.importorskip("link")
    for options, families in (((), "AF_UNIX"), (("--sync", "link"), "AF_UNIX AF_INET AF_INET6 AF_NETLINK")):
        assert system.jamd("install", "--no-start", "--", *options).exit_code == 0
        assert values(unit(home).read_text())["RestrictAddressFamilies"] == families


def test_waits_grow_longer_where_systemd_can_do_that(system: System) -> None:
    job = Job("jamd", (), Path("jamd.log"))
    for said, steps in (("systemd 252 (252.39)", None), ("systemd 255 (255.4)", "5"), ("runit", None)):
        system.answers["systemctl --version"] = Ran(0, said)
        assert values(Systemd(system.run).text(job)).get("RestartSteps") == steps


def test_what_the_environment_says_of_listen_is_taken_along(
    home: Path, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAMD_LISTEN_TEMPO", "96")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "studio")
    monkeypatch.setenv("SECRET", "not this")
    assert system.jamd("install", "--no-start").exit_code == 0
    taken = shlex.split(values(unit(home).read_text())["Environment"])
    folders = [f"XDG_{kind}_HOME={home / kind.lower()}" for kind in ("CACHE", "CONFIG", "DATA", "STATE")]
    assert taken == ["JACK_DEFAULT_SERVER=studio", "JAMD_LISTEN_TEMPO=96", *folders]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["install", "--", "--tempo", "0"], "0.0 is not in the range"),
        (["install", "--", "--inn", "Keys"], "No such option"),
        (["install", "--", "--bars", "open"], "--bars open ends by nothing"),
        (["install", "--", "--in", "Keys\nExecStart=rm"], "cannot be told to a service"),
        (["install", "--name", "../x"], "'../x' is no name for a service"),
        (["install", "--in", "Keys"], "No such option"),
        (["status", "--name", "gig"], "there is no service 'gig'; `jamd service install` makes one"),
        (["uninstall"], "there is no service 'jamd'"),
        (["logs"], "there is no service 'jamd'"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    home: Path, system: System, asked: list[str], said: str
) -> None:
    done = system.jamd(*asked)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not unit(home).parent.exists()


def test_another_s_file_is_left_alone(home: Path, system: System) -> None:
    unit(home).parent.mkdir(parents=True)
    unit(home).write_text("[Service]\nExecStart=/usr/bin/jamd listen\n")
    for asked in ("install", "uninstall"):
        done = system.jamd(asked)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert "is not jamd's own" in done.stderr
    assert unit(home).read_text() == "[Service]\nExecStart=/usr/bin/jamd listen\n"


def test_without_a_systemd_the_file_is_written_and_the_rest_is_said(home: Path, system: System) -> None:
    system.answers["systemctl"] = JamdError("systemctl is not on this machine")
    done = system.jamd("install")
    assert done.exit_code == 1
    assert done.stderr == (
        f"jamd: {unit(home)} is written, but the service does not run: systemctl is not on this machine\n"
    )
    system.answers["systemctl"] = Ran(1, "", "Failed to connect to bus: No medium found\n\n")
    done = system.jamd("restart")
    assert done.exit_code == 1
    assert done.stderr == "jamd: systemctl --user restart: Failed to connect to bus: No medium found\n"


def test_a_service_is_made_anew_ordered_about_and_removed(home: Path, system: System) -> None:
    for tempo in ("96", "120"):
        assert system.jamd("install", "--name", "gig", "--no-start", "--", "--tempo", tempo).exit_code == 0
    assert '"--tempo" "120"' in unit(home, "jamd-gig").read_text()
    system.asked.clear()
    for order in ("start", "stop", "restart", "uninstall"):
        assert system.jamd(order, "--name", "gig").exit_code == 0
    asked = ("start", "stop", "restart", "disable --now")
    assert system.asked == [f"systemctl --user {order} jamd-gig.service" for order in asked]
    assert not unit(home, "jamd-gig").exists()


@pytest.mark.parametrize(
    ("shown", "status", "said"),
    [
        (
            "ActiveState=active\nSubState=running\nMainPID=42\nNRestarts=0",
            0,
            "jamd: running, process 42; log: ",
        ),
        ("ActiveState=active\nMainPID=42\nNRestarts=3", 0, "jamd: running, process 42, 3 restarts; log: "),
        ("ActiveState=inactive\nSubState=dead\nResult=success\nMainPID=0", 1, "jamd: inactive (dead); log: "),
        (
            "ActiveState=failed\nSubState=failed\nResult=exit-code\nMainPID=0\nExecMainStatus=2",
            1,
            "jamd: failed (failed), failed by exit-code, exit status 2; log: ",
        ),
    ],
)
def test_its_state_is_one_line_and_an_exit_status(
    home: Path, system: System, shown: str, status: int, said: str
) -> None:
    system.jamd("install", "--no-start")
    system.answers["systemctl --user show"] = Ran(0, shown)
    log = home / "state" / "jamd" / "log" / "jamd.log"
    done = system.jamd("status")
    assert (done.exit_code, done.stdout) == (status, f"{said}{log}\n")
    document = json.loads(system.jamd("status", "--json").stdout)
    assert (document["running"], document["log"]) == (status == 0, str(log))


def test_logs_are_the_journal_s_and_the_file_s_last_lines(home: Path, system: System) -> None:
    system.jamd("install", "--no-start")
    log = home / "state" / "jamd" / "log" / "jamd.log"
    assert system.jamd("logs").stdout == f"{log}: nothing yet\n"
    log.parent.mkdir(parents=True)
    log.with_name("jamd.log.1").write_text("one\ntwo\n")
    log.write_text("three\n")
    system.answers["journalctl"] = Ran(0, "from the journal\n")
    assert system.jamd("logs", "-n", "2").stdout == f"from the journal\n\n{log}:\ntwo\nthree\n"
    system.answers["journalctl"] = JamdError("journalctl is not on this machine")
    assert system.jamd("logs", "-n", "1").stdout == f"{log}:\nthree\n"


# macOS and Windows, by what they would be asked


def test_on_a_mac_an_agent_of_launchd_runs_it(home: Path) -> None:
    mac = System("darwin")
    done = mac.jamd("install", "--name", "gig", "--", "--in", 'Key "board" & <more>')
    assert done.exit_code == 0, done.output
    path = home / "Library" / "LaunchAgents" / "jamd-gig.plist"
    agent = plistlib.loads(path.read_bytes())
    assert agent["Label"] == "jamd-gig"
    assert agent["ProgramArguments"][:5] == [sys.executable, "-P", "-m", "jamd", "service"]
    assert agent["ProgramArguments"][5:7] == ["run", "--"]
    assert agent["ProgramArguments"][-2:] == ["--in", 'Key "board" & <more>']
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    domain = f"gui/{os.getuid()}"
    assert mac.asked == [f"launchctl bootout {domain}/jamd-gig", f"launchctl bootstrap {domain} {path}"]
    assert mac.jamd("install", "--name", "gig").exit_code == 0  # it knows its own file
    mac.asked.clear()
    mac.answers["launchctl print"] = Ran(0, "\tstate = running\n\tpid = 77\n")
    assert "running, process 77" in mac.jamd("status", "--name", "gig").stdout
    for order in ("start", "stop", "restart", "uninstall"):
        assert mac.jamd(order, "--name", "gig").exit_code == 0
    asked = ("print", "kickstart", "kill SIGTERM", "kickstart -k", "bootout")
    assert mac.asked == [f"launchctl {each} {domain}/jamd-gig" for each in asked]
    assert not path.exists()


@pytest.mark.parametrize(
    ("ran", "words"),
    [
        (Ran(113, "", "Could not find service"), "not loaded"),
        (Ran(0, "\tstate = waiting\n\tlast exit code = 1\n"), "waiting, exit status 1"),
    ],
)
def test_an_agent_that_does_not_run_is_said_to(ran: Ran, words: str) -> None:
    state = Launchd(System("darwin", {"launchctl print": ran}).run).state("jamd")
    assert (state.running, state.words) == (False, words)


def test_elsewhere_it_says_what_to_do_instead() -> None:
    windows = System("win32")
    done = windows.jamd("install")
    assert (done.exit_code, windows.asked) == (2, [])
    assert "schtasks /Create /TN jamd /SC ONLOGON" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(JamdError, match="no-such-program is not on this machine"):
        run_program(["no-such-program"])
    assert run_program([sys.executable, "-c", "print('one'); exit(3)"]) == Ran(3, "one\n")


def test_what_a_program_said_is_one_line() -> None:
    assert Ran(1, "out", "\n  no bus\nmore\n").said == "no bus"
    assert Ran(4).said == "it ended with status 4"


def test_a_text_with_more_in_it_than_plain_text_is_not_written(home: Path, system: System) -> None:
    job = Job("jamd", (), home / "jamd.log", environment={"JAMD_LISTEN_IN": "a\nExecStart=x"})
    with pytest.raises(UsageError, match="cannot be told to a service"):
        write(Systemd(system.run), job)


# How programs end, which is what decides whether they are started again


def ended(*asked: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "jamd", *asked],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )
    assert done.stderr.count("\n") <= 1
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (["--version"], 0),
        (["render", "no.mid", "-o", "x.mid"], 1),
        (["listen", "--trace", "nowhere/x", "--no-record", "--model", "markov"], 1),
        (["listen", "--tempo", "0"], 2),
        (["listen", "--config", "no.toml"], 2),
        (["listen", "--bars", "open"], 2),
        (["service", "run", "--", "--tempo", "0"], 0),  # or launchd would begin it again, for ever
        (["service", "run", "--", "--bars", "open"], 0),
        (["service", "run", "--", "--trace", "nowhere/x", "--no-record", "--model", "markov"], 1),
    ],
)
def test_exit_statuses_are_as_the_help_has_them(asked: list[str], status: int) -> None:
    found, said = ended(*asked)
    assert found == status, said
    assert (asked == ["--version"]) == (said == "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_what_is_cut_off_before_it_plays_says_by_what(home: Path, number: int, status: int) -> None:
    """It waits for its config to be written. Shells call the end by SIGTERM 143."""
    os.mkfifo(home / "gig.toml")
    listen = [sys.executable, "-m", "jamd", "listen", "--config", str(home / "gig.toml")]
    # To open a pipe for writing takes until the other side has opened it, too.
    with Process(listen) as waiting, (home / "gig.toml").open("w"):
        waiting.signal(number)
        assert waiting.wait().status == status


def test_the_help_tells_the_exit_statuses() -> None:
    told = " ".join(CliRunner().invoke(main, ["--help"]).stdout.split())
    assert re.search(r"Exit status: 0 when .*; 1 after .*; 2 when .*; 130 after Ctrl-C .*; 128 and", told)


# Silence first


def test_after_a_session_that_ended_in_order_there_is_nothing_to_silence() -> None:
    """There is no such output, nor a JACK server: it was not looked for."""
    silence = ("service", "silence", "--", "--backend", "jack", "--out", "harpsichord")
    nowhere = {"JACK_DEFAULT_SERVER": "jamd-test-none", "JACK_NO_START_SERVER": "1"}
    assert ended(*silence, SERVICE_RESULT="success", **nowhere) == (0, "")
    assert ended(*silence, SERVICE_RESULT="signal", **nowhere)[0] == 1
    assert ended(*silence[:-2], SERVICE_RESULT="signal", **nowhere) == (0, "")  # what was virtual has gone


@pytest.mark.jack
def test_after_a_session_that_was_killed_every_note_is_ended(jack: str, player: Player) -> None:
    silence = ("service", "silence", "--", "--backend", "jack", "--in", KEYS, "--out", SYNTH, "--tempo", "96")
    assert ended(*silence, SERVICE_RESULT="signal", JACK_DEFAULT_SERVER=jack) == (0, "")
    player.wait_for(lambda: any(m.bytes[:2] == (0x8F, 127) for m in player.heard), 10, "the last note-off")
    assert {m.bytes[1] for m in player.heard if m.bytes[0] == 0x80} == set(range(128))
