"""A kernel with a client for the tests: what a request gave, as lists of messages."""

import os
import queue
import time
import unittest

from jupyter_client.manager import KernelManager

TIMEOUT = 30


class Answer:
    """The reply to a request and its outputs."""

    def __init__(self, reply, outputs):
        self.reply, self.outputs = reply, outputs
        self.content = reply["content"]

    def of(self, kind):
        return [m["content"] for m in self.outputs if m["msg_type"] == kind]

    def stream(self, name="stdout"):
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)

    def result(self, mime="text/plain"):
        results = self.of("execute_result")
        return results[-1]["data"].get(mime) if results else None


class KernelCase(unittest.TestCase):
    """Tests that share a kernel; `fresh` gives one of their own."""

    @classmethod
    def setUpClass(cls):
        cls.manager, cls.client = start()

    @classmethod
    def tearDownClass(cls):
        stop(cls.manager, cls.client)

    def run_cell(self, code, **options):
        return execute(self.client, code, **options)

    def fresh(self, **options):
        manager, client = start(**options)
        self.addCleanup(stop, manager, client)
        return manager, client


def start(**options):
    manager = KernelManager(kernel_name="perilune")
    manager.start_kernel(**options)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=TIMEOUT)
    return manager, client


def stop(manager, client):
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def collect(client, msg_id, on_output=None, timeout=TIMEOUT):
    """The messages on iopub that a request has caused, up to idle."""
    outputs, until = [], time.monotonic() + timeout
    while True:
        message = client.get_iopub_msg(timeout=max(0.01, until - time.monotonic()))
        if message["parent_header"].get("msg_id") != msg_id:
            continue
        outputs.append(message)
        if on_output:
            on_output(message)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return outputs


def reply_to(client, msg_id, channel="shell", timeout=TIMEOUT):
    until = time.monotonic() + timeout
    while True:
        get = client.get_shell_msg if channel == "shell" else client.get_control_msg
        message = get(timeout=max(0.01, until - time.monotonic()))
        if message["parent_header"].get("msg_id") == msg_id:
            return message


def execute(client, code, on_output=None, timeout=TIMEOUT, **options):
    msg_id = client.execute(code, **options)
    outputs = collect(client, msg_id, on_output, timeout)
    return Answer(reply_to(client, msg_id, timeout=timeout), outputs)


def ask(client, kind, content, channel="shell", timeout=TIMEOUT):
    """Sends any request; the reply and what came on iopub."""
    message = client.session.msg(kind, content)
    (client.shell_channel if channel == "shell" else client.control_channel).send(message)
    msg_id = message["header"]["msg_id"]
    outputs = collect(client, msg_id, timeout=timeout)
    return Answer(reply_to(client, msg_id, channel, timeout), outputs)


def drain(client):
    while True:
        try:
            client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            return


def memory_of(pid):
    """Megabytes in memory."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
