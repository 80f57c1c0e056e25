"""A program on a pseudo-terminal that answers as a terminal of some kind does."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

KITTY = b"\x1b_Gi=31;OK\x1b\\"
DEVICE = {"kitty": b"\x1b[?62;c", "sixel": b"\x1b[?62;4;22c", "iterm": b"\x1b[?62;c", "plain": b"\x1b[?62;22c"}


class Fake:
    """kind: "kitty", "sixel", "iterm", "plain" or "silent", which answers nothing by itself."""

    def __init__(self, command, kind="plain", columns=80, rows=24, cell=(10, 20), env=None, keys_first=b""):
        self.kind, self.out, self.unread, self.asked = kind, b"", b"", 0
        self.keys_first = keys_first
        pid, self.fd = pty.fork()
        if pid == 0:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # under nohup SIGHUP is ignored
            for name in ("COLUMNS", "LINES", "NO_COLOR", "PERILUNE_GRAPHICS", "TMUX", "TERM_PROGRAM"):
                os.environ.pop(name, None)
            os.environ.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"})
            os.environ.update(env or {})
            os.execvp(command[0], command)
        self.pid = pid
        self.resize(columns, rows, cell)

    def resize(self, columns, rows, cell=(10, 20)):
        size = struct.pack("HHHH", rows, columns, columns * cell[0], rows * cell[1])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)

    def answer(self):
        if self.kind == "silent":
            return
        found = KITTY if self.kind == "kitty" else b""
        if self.kind == "iterm":
            found += b"\x1b[ITERM2 3.5.0n\x1bP>|iTerm2 3.5.0\x1b\\"
        self.type(found + DEVICE[self.kind])

    def type(self, keys):
        os.write(self.fd, keys)

    def wait(self, text, seconds=20):
        """Reads up to `text`, answering questions; returns what came since the last wait."""
        end = time.monotonic() + seconds
        while text not in self.unread and time.monotonic() < end and self.read(0.05):
            pass
        if text not in self.unread:
            raise AssertionError(f"waited for {text!r}, saw {self.unread[-600:]!r}")
        cut = self.unread.index(text) + len(text)
        seen, self.unread = self.unread[:cut], self.unread[cut:]
        return seen

    def pause(self, seconds):
        """Goes on reading for a time, as a terminal does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.read(0.05):
            pass

    def read(self, seconds):
        """Takes what comes within a time; False at the end of the program."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.out += data
        self.unread += data
        while self.out.count(b"\x1b[c") > self.asked:
            self.asked += 1
            self.type(self.keys_first)
            self.keys_first = b""
            self.answer()
        return bool(data)

    def is_canonical(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ICANON)

    def end(self, seconds=60):
        """The exit status, or minus the signal."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if not self.read(0.05):
                time.sleep(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.canonical_after = self.is_canonical()
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        raise AssertionError("the program did not end")


def plain(data):
    """The text of output without escape sequences."""
    text = re.sub(rb"\x1b[_P].*?\x1b\\", b"", data, flags=re.S)
    text = re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[78]", b"", text)
    return text.replace(b"\r", b"")
