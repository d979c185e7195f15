# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for systemctl(1) where no systemd runs: starts and stops what the image's unit files say.

Takes ``ExecStart``, ``User``, ``SupplementaryGroups``, ``AmbientCapabilities`` and ``LoadCredential`` of the
unit, and the system calls that are answered with 0 in place of being done; knows start, stop, restart and
show; no unit ever failed.
A timer is running when it was started, and starts nothing. Python imports from the checkout.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
UNITS = CHECKOUT / "rootfs/usr/lib/systemd/system"
STATE = Path(os.environ["SYSTEMCTL_STATE"])


def text_of(unit: str) -> str:
    """Return what the unit says, and what is said of this instance alone."""
    stem, _, instance = unit.removesuffix(".service").partition("@")
    own = sorted((UNITS / f"{unit}.d").glob("*.conf"))
    files = [UNITS / (f"{stem}@.service" if instance else unit), *own]
    return "\n".join(file.read_text() for file in files)


def setting(text: str, name: str) -> str:
    found = [line.split("=", 1)[1] for line in text.splitlines() if line.startswith(f"{name}=")]
    if not found:
        sys.exit(f"a unit without {name}= is not run here")
    return found[-1]


def credentials(unit: str, text: str) -> Path:
    """Copy what the unit is handed to where its user alone reads it; return that folder."""
    folder = STATE / f"{unit}.credentials"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    given = [line.split("=", 1)[1] for line in text.splitlines() if line.startswith("LoadCredential=")]
    for name, _, source in (one.partition(":") for one in given):
        shutil.copyfile(source, folder / name)
        (folder / name).chmod(0o400)
        shutil.chown(folder / name, setting(text, "User"))
    return folder


def command(unit: str) -> list[str]:
    instance, text = unit.removesuffix(".service").partition("@")[2], text_of(unit)
    known = pwd.getpwnam(setting(text, "User"))
    user, group = str(known.pw_uid), str(known.pw_gid)
    given = "".join(
        f",+{word.removeprefix('CAP_').lower()}" for word in setting(text, "AmbientCapabilities").split()
    )
    groups = [line.split("=", 1)[1] for line in text.splitlines() if line.startswith("SupplementaryGroups=")]
    joined = ["--groups", groups[0]] if groups else ["--clear-groups"]
    argv = ["setpriv", "--reuid", user, "--regid", group, *joined, "--no-new-privs"]
    argv += [f"--inh-caps=-all{given}", f"--ambient-caps=-all{given}", f"--bounding-set=-all{given}"]
    started = setting(text, "ExecStart").replace("/usr/bin/python3 -I", sys.executable)
    started = started.replace("%t", "/run").replace("%d", str(credentials(unit, text)))
    if "SystemCallFilter=~capset:0 " in text:
        argv += [sys.executable, str(Path(__file__).with_name("answered.py"))]
    return argv + [word.replace("%I", instance).replace("%i", instance) for word in started.split()]


def running(unit: str) -> int | None:
    path = STATE / f"{unit}.pid"
    if not path.exists():
        return None
    pid = int(path.read_text())
    stat = Path(f"/proc/{pid}/stat")
    return pid if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z" else None


def is_running(unit: str) -> bool:
    return (STATE / unit).exists() if unit.endswith(".timer") else running(unit) is not None


def stop(unit: str) -> None:
    (STATE / unit).unlink(missing_ok=True)
    pid = running(unit)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        while running(unit) is not None:
            time.sleep(0.02)
    (STATE / f"{unit}.pid").unlink(missing_ok=True)


def start(unit: str) -> None:
    if unit.endswith(".timer"):
        (STATE / unit).touch()
        return
    if running(unit) is not None:
        return
    with (STATE / f"{unit}.log").open("a") as log:
        process = subprocess.Popen(
            command(unit), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )  # fmt: skip
    (STATE / f"{unit}.pid").write_text(str(process.pid))


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if words == ["list-units"]:
        return  # nothing has failed
    verb, unit = words
    with (STATE / "calls").open("a") as calls:
        calls.write(f"{verb} {unit}\n")
    if verb in ("stop", "restart"):
        stop(unit)
    if verb in ("start", "restart"):
        start(unit)
    if verb == "show":
        active = "active" if is_running(unit) else "inactive"
        print(f"ActiveState={active}\nSubState=running\nResult=success")


main()
