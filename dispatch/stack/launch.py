"""Starts one program so that it cannot outlive its owner: `python launch.py OWNER_PID ORPHAN_SIGNAL USER PROGRAM ARG…`.

Runs as a script with no imports of ours, in the child, before the program. On Linux the kernel is asked to send ORPHAN_SIGNAL
when the owner dies (even of kill -9) and the program then replaces this script. Elsewhere this script stays as the
program's parent and watches a pipe on standard input whose other end only the owner holds.
USER is "-" or the system user to become; it keeps the right to pass through root's private folders, so nothing on the
disk has to be opened up for it.
"""

import ctypes
import os
import pwd
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> int:
    """Become the program, or (not on Linux) run it and return its exit code."""
    owner_pid, orphan_signal, user, *command = arguments
    if user != "-":
        become(user)
    if sys.platform == "linux":
        die_with(int(owner_pid), int(orphan_signal))
        os.execvp(command[0], command)  # noqa: S606  # the point of this script; no shell wanted
    return watch(command, int(orphan_signal))


def die_with(owner_pid: int, orphan_signal: int) -> None:
    """Ask the kernel for `orphan_signal` when the owner dies; leave at once if it died before we asked."""
    _prctl(PR_SET_PDEATHSIG, orphan_signal)
    if os.getppid() != owner_pid:
        sys.exit(1)


def become(user: str) -> None:
    """Change from root to `user`, keeping CAP_DAC_OVERRIDE across the exec that follows (Linux)."""
    entry = pwd.getpwnam(user)
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; once for the low and once for the high 32 capabilities.
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _checked(ctypes.CDLL(None, use_errno=True).capset(header, sets), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def watch(command: list[str], orphan_signal: int) -> int:
    """Run `command`; when standard input closes (the owner is gone), send it `orphan_signal`; return its exit code."""
    # The owner signals the whole process group; the program answers, this script only waits for it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)  # noqa: S606  # the point of this script; no shell wanted
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        readable, _, _ = select.select([0], [], [], 0.2)
        if readable and not os.read(0, 1):
            os.kill(pid, orphan_signal)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)][:4]
    _checked(ctypes.CDLL(None, use_errno=True).prctl(option, *arguments), f"prctl {option}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
