"""Clients that send nonsense: the kernel refuses, logs, and goes on."""

import hashlib
import hmac
import json
import os
import random
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from support import collect, execute, memory_of, reply_to

DELIMITER = b"<IDS|MSG>"


class HostileTest(unittest.TestCase):
    """One kernel for all, started by hand, so that its log can be read."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.path, cls.info = write_connection_file(
            os.path.join(cls.folder, "connection.json"), key=uuid.uuid4().hex.encode()
        )
        cls.log_path = os.path.join(cls.folder, "log")
        cls.kernel = subprocess.Popen(
            [os.environ["PERILUNE"], "--kernel", cls.path], stderr=open(cls.log_path, "wb"), start_new_session=True
        )
        cls.key = cls.info["key"] if isinstance(cls.info["key"], bytes) else cls.info["key"].encode()
        cls.client = cls.new_client()
        cls.context = zmq.Context()

    @classmethod
    def tearDownClass(cls):
        cls.client.stop_channels()
        cls.kernel.kill()
        cls.kernel.wait()
        cls.context.destroy(linger=0)

    @classmethod
    def new_client(cls):
        client = BlockingKernelClient(connection_file=cls.path)
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=20)
        return client

    def socket(self, kind=zmq.DEALER, port="shell"):
        socket = self.context.socket(kind)
        socket.linger = 1000
        socket.connect(f"tcp://127.0.0.1:{self.info[port + '_port']}")
        self.addCleanup(socket.close)
        return socket

    def frames(self, kind="kernel_info_request", content=None, key=None, header=None):
        header = header or {
            "msg_id": uuid.uuid4().hex, "session": "s", "username": "u", "date": "2026-01-01T00:00:00Z",
            "msg_type": kind, "version": "5.4",
        }
        parts = [json.dumps(p).encode() for p in (header, {}, {}, content or {})]
        return [DELIMITER, self.sign(parts, key), *parts]

    def sign(self, parts, key=None):
        mac = hmac.new(key or self.key, digestmod=hashlib.sha256)
        for part in parts:
            mac.update(part)
        return mac.hexdigest().encode()

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def refused(self, frames, words, port="shell"):
        """Sends the frames; no reply comes, the log says why, and the kernel answers the next request."""
        time.sleep(0.02)
        before = len(self.log())
        socket = self.socket(port=port)
        socket.send_multipart(frames)
        until = time.monotonic() + 20
        while words not in self.log()[before:] and time.monotonic() < until:
            time.sleep(0.02)
        self.assertIn(words, self.log()[before:])
        self.assertEqual(socket.poll(50), 0, "a reply came")
        self.goes_on()

    def goes_on(self):
        self.assertIsNone(self.kernel.poll())
        self.assertEqual(execute(self.client, "20 + 22").result(), "42")

    def test_unsigned_and_wrongly_signed(self):
        frames = self.frames()
        self.refused([frames[0], b"", *frames[2:]], "not signed")
        self.refused([frames[0], b"0" * 64, *frames[2:]], "signature is wrong")
        self.refused([frames[0], frames[1][:-1], *frames[2:]], "signature is wrong")
        self.refused([frames[0], frames[1] + b"0", *frames[2:]], "signature is wrong")
        self.refused(self.frames(key=b"another key"), "signature is wrong")
        changed = self.frames("execute_request", {"code": "changed = 1"})
        changed[5] = b'{"code": "changed = 2"}'
        self.refused(changed, "signature is wrong")
        self.assertEqual(execute(self.client, "changed").result(), "nil")
        self.refused(self.frames("shutdown_request", key=b"x"), "signature is wrong", port="control")
        self.refused(self.frames("input_reply", {"value": "x"}, key=b"x"), "signature is wrong", port="stdin")

    def test_replays(self):
        frames = self.frames("execute_request", {"code": "replayed = (replayed or 0) + 1"})
        socket = self.socket()
        socket.send_multipart(frames)
        self.assertTrue(socket.poll(10000))
        self.refused(frames, "a replay")
        self.refused(frames, "a replay", port="control")
        self.assertEqual(execute(self.client, "replayed").result(), "1")

    def test_malformed(self):
        good = self.frames()

        def signed(*parts):
            return [DELIMITER, self.sign(parts), *parts]

        for frames, words in (
            ([b""], "no delimiter"),
            ([b"a", b"b"], "no delimiter"),
            ([DELIMITER], "0 frames after the delimiter"),
            (good[:5], "4 frames after the delimiter"),
            (signed(b"{", b"{}", b"{}", b"{}"), "header"),
            (signed(b"[]", b"{}", b"{}", b"{}"), "header is no JSON object"),
            (signed(good[2], b"null", b"{}", b"{}"), "parent_header is no JSON object"),
            (signed(good[2], b"{}", b"{}", b"\xff"), "content"),
            (signed(good[2], b"{}", b"{}", b"[" * 100000), "content"),
            (signed(b'{"msg_id": "x"}', b"{}", b"{}", b"{}"), "msg_type"),
            (signed(b'{"msg_id": 5, "msg_type": "kernel_info_request"}', b"{}", b"{}", b"{}"), "msg_id"),
            ([b"x"] * 2000, "2001 frames"),
        ):
            with self.subTest(words=words):
                self.refused(frames, words)
        self.refused([b""], "no delimiter", port="control")
        self.refused([b""], "no delimiter", port="stdin")

    def test_oversized(self):
        parts = self.frames("execute_request")[2:5] + [b'{"code": "' + b"x" * (100 << 20) + b'"}']
        self.refused([DELIMITER, self.sign(parts), *parts], "bytes, at most")
        self.refused([b"x" * (40 << 20), b"y" * (40 << 20)], "bytes, at most")

    def test_nonsense_on_iopub_and_heartbeat(self):
        subscriber = self.socket(zmq.SUB, "iopub")
        subscriber.subscribe(b"\xff\x00topic")
        other = self.socket(zmq.XSUB, "iopub")
        other.send(b"\x05nonsense")
        other.send_multipart([b"a", b"b"])
        dealer = self.socket(zmq.DEALER, "hb")
        dealer.send_multipart([b"no", b"envelope"])
        beat = self.socket(zmq.REQ, "hb")
        beat.send(b"ping")
        self.assertTrue(beat.poll(5000))
        self.assertEqual(beat.recv(), b"ping")
        self.goes_on()

    def test_bytes_that_are_no_zeromq(self):
        import socket

        for port in ("shell", "control", "stdin", "iopub", "hb"):
            for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(1000), b"\xff" + b"\0" * 8 + b"\x7f", b""):
                raw = socket.create_connection(("127.0.0.1", self.info[port + "_port"]))
                raw.sendall(data)
                raw.close()
        self.goes_on()

    def test_random_frames(self):
        seed = int(os.environ.get("SEED", "1"))
        source = random.Random(seed)
        sockets = [self.socket(port=port) for port in ("shell", "control", "stdin")]
        for _ in range(2000):
            frames = self.frames(
                source.choice(["execute_request", "history_request", "comm_open", "input_reply", "inspect_request"]),
                source.choice([{}, {"code": None}, {"code": "x", "cursor_pos": -5}, {"code": "é", "cursor_pos": 1 << 62},
                               {"n": -1, "hist_access_type": "tail"}, {"comm_id": {}}, {"code": "1", "silent": "yes"},
                               {"code": "1", "user_expressions": [1]}, {"user_expressions": {"a": 5}, "code": "1"}]),
            )
            for _ in range(source.randint(0, 3)):
                change = source.randint(0, 4)
                i = source.randrange(len(frames))
                if change == 0:
                    frames.insert(i, source.randbytes(source.randint(0, 100)))
                elif change == 1 and len(frames) > 1:
                    del frames[i]
                elif change == 2:
                    frames[i] = frames[i][: source.randint(0, len(frames[i]))]
                elif change == 3:
                    frames[i] = bytes(b ^ (source.random() < 0.05) for b in frames[i])
                else:
                    source.shuffle(frames)
            source.choice(sockets).send_multipart(frames)
        try:
            self.goes_on()
        except AssertionError:
            print(f"repeat with SEED={seed} Tests/jupyter/run hostile")
            raise
        time.sleep(1.1)  # the log leaves out equal lines of a second, and other tests read it

    def test_a_client_that_is_killed_in_the_middle(self):
        script = (
            "import sys, time\nfrom jupyter_client.blocking.client import BlockingKernelClient\n"
            "c = BlockingKernelClient(connection_file=sys.argv[1]); c.load_connection_file(); c.start_channels()\n"
            "c.wait_for_ready(timeout=20)\n"
            "c.execute(sys.argv[2]); print('sent', flush=True); time.sleep(60)\n"
        )
        codes = (
            "local t = os.clock() while os.clock() - t < 2 do print(('x'):rep(1000)) end",
            "for i = 1, 1000 do display(('y'):rep(10000)) end",
        )
        for code in codes:
            self.client.stop_channels()  # it would have to read what the other has asked for
            other = subprocess.Popen(["python", "-c", script, self.path, code], stdout=subprocess.PIPE, text=True)
            self.assertEqual(other.stdout.readline(), "sent\n")
            time.sleep(0.5)
            other.kill()
            other.wait()
            type(self).client = self.new_client()
            self.goes_on()

    def test_a_client_that_is_killed_while_it_is_asked(self):
        script = (
            "import sys, time\nfrom jupyter_client.blocking.client import BlockingKernelClient\n"
            "c = BlockingKernelClient(connection_file=sys.argv[1]); c.load_connection_file(); c.start_channels()\n"
            "c.wait_for_ready(timeout=20); c.execute('io.read()'); c.get_stdin_msg(timeout=20); print('asked', flush=True)\n"
            "time.sleep(60)\n"
        )
        other = subprocess.Popen(["python", "-c", script, self.path], stdout=subprocess.PIPE, text=True)
        self.assertEqual(other.stdout.readline(), "asked\n")
        other.kill()
        other.wait()
        self.kernel.send_signal(signal.SIGINT)
        self.goes_on()

    def test_a_client_that_stops_reading(self):
        script = (
            "import sys, os, signal\nfrom jupyter_client.blocking.client import BlockingKernelClient\n"
            "c = BlockingKernelClient(connection_file=sys.argv[1]); c.load_connection_file(); c.start_channels()\n"
            "c.wait_for_ready(timeout=20); print('ready', flush=True); os.kill(os.getpid(), signal.SIGSTOP)\n"
        )
        # A first client is waited for until the system ends its connection. The second loses messages before that, and
        # its connection ends while the cell still runs.
        count = 20000
        for _ in range(2):
            other = subprocess.Popen(["python", "-c", script, self.path], stdout=subprocess.PIPE, text=True)
            self.assertEqual(other.stdout.readline(), "ready\n")
            time.sleep(0.3)
            msg_id = self.client.execute(f"for i = 1, {count} do display(('z'):rep(10000)) end print 'done'")
            outputs = collect(self.client, msg_id, timeout=60)
            self.assertEqual(sum(m["msg_type"] == "display_data" for m in outputs), count, "the reader has all")
            self.assertEqual(reply_to(self.client, msg_id)["content"]["status"], "ok")
            other.kill()
            other.wait()
            self.assertLess(memory_of(self.kernel.pid), 1500)
            self.goes_on()

    def test_two_clients_at_once(self):
        others = [self.new_client() for _ in range(2)]
        ids = [(c, c.execute(f"both = (both or 0) + 1 return {i}")) for i, c in enumerate(others * 50)]
        for client, msg_id in ids:
            self.assertEqual(reply_to(client, msg_id)["content"]["status"], "ok")
        self.assertEqual(execute(others[0], "both").result(), "100")
        for client in others:
            client.stop_channels()
        self.goes_on()

