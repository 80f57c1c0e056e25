"""The messages of protocol 5.4 one by one: what a client sees of each request."""

import json
import os
import signal
import subprocess
import tempfile
import time
import uuid

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from support import Answer, KernelCase, ask, collect, execute, reply_to

PNG = "\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR\\0\\0\\0\\1\\0\\0\\0\\1\\8\\6\\0\\0\\0"


class ExecuteTest(KernelCase):
    def test_streams_keep_their_order(self):
        answer = self.run_cell("print 'a' io.stderr:write 'b\\n' io.write 'c' print 'd'")
        self.assertEqual(
            [(c["name"], c["text"]) for c in answer.of("stream")],
            [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "cd\n")],
        )

    def test_a_display_stands_where_it_was_made(self):
        answer = self.run_cell("print 'before' display 'middle' print 'after'")
        kinds = [m["msg_type"] for m in answer.outputs]
        self.assertEqual(
            kinds, ["status", "execute_input", "stream", "display_data", "stream", "status"], answer.outputs
        )

    def test_a_stream_arrives_while_the_cell_runs(self):
        seen = []
        self.run_cell(
            "io.write 'first' local t = os.clock() while os.clock() - t < 1 do end print 'second'",
            on_output=lambda m: m["msg_type"] == "stream" and seen.append((m["content"]["text"], time.monotonic())),
        )
        self.assertEqual([text for text, _ in seen], ["first", "second\n"])
        self.assertGreater(seen[1][1] - seen[0][1], 0.5)

    def test_output_of_child_processes_is_the_cells(self):
        answer = self.run_cell("os.execute 'echo out; echo err >&2'")
        self.assertEqual(answer.stream(), "out\n")
        self.assertEqual(answer.stream("stderr"), "err\n")

    def test_text_that_is_no_utf8_and_long_text(self):
        self.assertEqual(self.run_cell("print '\\xff'").stream(), "\ufffd\n")
        self.assertEqual(self.run_cell("print(('ä'):rep(100000))").stream(), "ä" * 100000 + "\n")
        self.assertEqual(self.run_cell("print 'a\\0b'").stream(), "a\0b\n")

    def test_results(self):
        answer = self.run_cell("local x = 20\ny = 22\nx + y")
        self.assertEqual(answer.result(), "42")
        self.assertEqual(answer.of("execute_result")[0]["execution_count"], answer.content["execution_count"])
        self.assertEqual(self.run_cell("x").result(), "20", "a local lives on")
        self.assertEqual(self.run_cell("x, y").of("execute_result")[1]["data"]["text/plain"], "22")
        self.assertIsNone(self.run_cell("x + y;").result(), "a semicolon silences")
        self.assertIsNone(self.run_cell("x = 5").result())
        self.assertEqual(self.run_cell("_ == nil").result(), "false")
        self.assertEqual(self.run_cell("for i = 1, 2 do\n  print(i)\nend").stream(), "1\n2\n")

    def test_results_are_kept_by_number(self):
        answer = self.run_cell("'kept'")
        number = answer.content["execution_count"]
        self.assertEqual(self.run_cell(f"Out[{number}]").result(), "kept")

    def test_rich_values(self):
        figure = self.run_cell("plot.line { y = {1, 2, 4} }").of("execute_result")[0]["data"]
        self.assertIn("<svg", figure["image/svg+xml"])
        self.assertIn("text/plain", figure)
        png = self.run_cell(f"display.png '{PNG}'").of("execute_result")[0]["data"]["image/png"]
        self.assertTrue(png.startswith("iVBORw0KGgo"), png)
        html = self.run_cell("setmetatable({}, { __mime = function() return { ['text/html'] = '<i>h</i>' } end })")
        self.assertEqual(html.result("text/html"), "<i>h</i>")

    def test_update_in_place(self):
        answer = self.run_cell("display('one', { id = 'd1' }) display.update('d1', 'two')")
        self.assertEqual(answer.of("display_data")[0]["transient"], {"display_id": "d1"})
        self.assertEqual(answer.of("update_display_data")[0]["transient"], {"display_id": "d1"})
        self.assertEqual(answer.of("update_display_data")[0]["data"]["text/plain"], "two")
        later = self.run_cell("display.update('d1', 'three')")
        self.assertEqual(later.of("update_display_data")[0]["data"]["text/plain"], "three")

    def test_clear_output(self):
        self.assertEqual(self.run_cell("display.clear()").of("clear_output"), [{"wait": False}])
        self.assertEqual(self.run_cell("display.clear { wait = true }").of("clear_output"), [{"wait": True}])

    def test_errors(self):
        answer = self.run_cell("local function f()\n  error 'failed'\nend\nf()")
        number = answer.content["execution_count"]
        self.assertEqual(answer.content["status"], "error")
        self.assertIn(f"In[{number}]:2: failed", answer.content["evalue"])
        text = "\n".join(answer.content["traceback"])
        self.assertIn(f"In[{number}]:4", text)
        self.assertEqual(answer.of("error")[0]["traceback"], answer.content["traceback"])
        self.assertNotIn("perilune:", text)
        self.assertEqual(self.run_cell("x = = 1").content["ename"], "SyntaxError")
        self.assertEqual(self.run_cell("error { code = 1 }").content["status"], "error")
        self.assertEqual(self.run_cell("error()").content["status"], "error")
        self.assertEqual(self.run_cell("tensor {1, 2} + tensor {1, 2, 3}").content["ename"], "ShapeError")
        self.assertEqual(self.run_cell("1 + 1").result(), "2", "the session goes on")

    def test_silent(self):
        before = self.run_cell("1").content["execution_count"]
        answer = self.run_cell("quiet = 1 print 'x' display 'x' 5", silent=True)
        self.assertEqual([m["msg_type"] for m in answer.outputs], ["status", "status"])
        self.assertEqual(answer.content["status"], "error", "'display 'x' 5' is no Lua")
        answer = self.run_cell("quiet = 1 print 'x' display 'x'", silent=True, store_history=True)
        self.assertEqual([m["msg_type"] for m in answer.outputs], ["status", "status"])
        self.assertEqual(answer.content["status"], "ok")
        after = self.run_cell("quiet")
        self.assertEqual(after.result(), "1")
        self.assertEqual(after.content["execution_count"], before + 1)

    def test_store_history(self):
        before = self.run_cell("1").content["execution_count"]
        answer = self.run_cell("'not stored'", store_history=False)
        self.assertEqual(answer.result(), "not stored")
        self.assertEqual(self.run_cell("2").content["execution_count"], before + 1)
        history = ask(self.client, "history_request", {"hist_access_type": "tail", "n": 2, "output": False, "raw": True})
        self.assertEqual([h[2] for h in history.content["history"]], ["1", "2"])

    def test_blank_cells_count_nothing(self):
        before = self.run_cell("1").content["execution_count"]
        self.assertEqual(self.run_cell(" \n").content["status"], "ok")
        self.assertEqual(self.run_cell("1").content["execution_count"], before + 1)

    def test_user_expressions(self):
        answer = self.run_cell("u = 6", user_expressions={"good": "u * 7", "bad": "u.x.y", "worse": "u ="})
        found = answer.content["user_expressions"]
        self.assertEqual(found["good"]["status"], "ok")
        self.assertEqual(found["good"]["data"]["text/plain"], "42")
        self.assertEqual(found["bad"]["status"], "error")
        self.assertTrue(found["bad"]["evalue"] and found["bad"]["ename"])
        self.assertEqual(found["worse"]["status"], "error")

    def test_stop_on_error(self):
        slow = "local t = os.clock() while os.clock() - t < 0.5 do end "  # until the others have been sent
        ids = [self.client.execute(code) for code in (slow + "error 'stop'", "aborted = 1", "aborted = 2")]
        replies = [reply_to(self.client, i)["content"]["status"] for i in ids]
        self.assertEqual(replies, ["error", "aborted", "aborted"])
        self.assertEqual(self.run_cell("aborted").result(), "nil")
        ids = [self.client.execute(slow + code, stop_on_error=False) for code in ("error 'go on'", "went_on = 1")]
        self.assertEqual([reply_to(self.client, i)["content"]["status"] for i in ids], ["error", "ok"])

    def test_pager(self):
        for code in ("?align.train", "align.train?", "??align.train"):
            answer = self.run_cell(code)
            page = answer.content["payload"]
            self.assertEqual([p["source"] for p in page], ["page"], code)
            self.assertIn("train", page[0]["data"]["text/plain"])
            self.assertEqual(answer.stream(), "")

    def test_a_bad_request_is_answered(self):
        for kind in ("execute", "complete", "inspect", "is_complete"):
            answer = ask(self.client, f"{kind}_request", {"code": 5})
            self.assertEqual(answer.content["status"], "error")
            self.assertIn("code", answer.content["evalue"])
        answer = ask(self.client, "history_request", {"hist_access_type": "all"})
        self.assertEqual(answer.content["status"], "error")

    def test_outputs_of_forked_workers_arrive(self):
        answer = self.run_cell(
            "parallel.map({1, 2}, function(i) print('worker ' .. i) display(i) return i end, { jobs = 2 })[2]"
        )
        self.assertEqual(answer.content["status"], "ok", answer.content)
        self.assertEqual(answer.result(), "2")
        self.assertIn("worker 1\n", answer.stream())

    def test_lines_of_forked_workers_are_whole(self):
        code = "parallel.map({1, 2, 3, 4}, function(i) for k = 1, 500 do print('worker', i, k) end end, { jobs = 4 })"
        lines = self.run_cell(code).stream().splitlines()
        self.assertEqual(sorted(lines), sorted(f"worker\t{i}\t{k}" for i in range(1, 5) for k in range(1, 501)))


class QuestionTest(KernelCase):
    def test_completion_counts_characters(self):
        code = "x = 'äöü𝄞' .. string.re"
        content = ask(self.client, "complete_request", {"code": code, "cursor_pos": len(code)}).content
        self.assertEqual(content["matches"], ["rep", "reverse"])
        self.assertEqual(code[content["cursor_start"] : content["cursor_end"]], "re")
        content = ask(self.client, "complete_request", {"code": "string.re .. x", "cursor_pos": 9}).content
        self.assertEqual((content["cursor_start"], content["cursor_end"]), (7, 9))

    def test_completion_of_locals_and_options(self):
        self.run_cell("local completion_local = 1")
        self.assertEqual(
            ask(self.client, "complete_request", {"code": "completion_l", "cursor_pos": 12}).content["matches"],
            ["completion_local"],
        )
        code = "align.train { grad"
        matches = ask(self.client, "complete_request", {"code": code, "cursor_pos": len(code)}).content["matches"]
        self.assertIn("gradient_accumulation_steps", matches)

    def test_inspection(self):
        for code, cursor in (("align.train", 11), ("align.train", 3), ("align.train { steps = 1 }", 18), ("print(1)", 6)):
            content = ask(
                self.client, "inspect_request", {"code": code, "cursor_pos": cursor, "detail_level": 0}
            ).content
            self.assertTrue(content["found"], (code, cursor))
            self.assertIn(code[:5], content["data"]["text/plain"])
        source = ask(
            self.client, "inspect_request", {"code": "align.train", "cursor_pos": 11, "detail_level": 1}
        ).content
        self.assertIn("function", source["data"]["text/plain"])
        for code in ("no_such_name_at_all", "", "5"):
            content = ask(self.client, "inspect_request", {"code": code, "cursor_pos": 0}).content
            self.assertEqual((content["status"], content["found"], content["data"]), ("ok", False, {}), code)

    def test_is_complete(self):
        def answer(code):
            return ask(self.client, "is_complete_request", {"code": code}).content

        self.assertEqual(answer("for i = 1, 2 do"), {"status": "incomplete", "indent": "  "})
        self.assertEqual(answer("if x then\n  f("), {"status": "incomplete", "indent": "    "})
        self.assertEqual(answer("print(1)"), {"status": "complete"})
        self.assertEqual(answer("end"), {"status": "invalid"})

    def test_history(self):
        # A word of its own: the history of earlier sessions is searched too.
        word = "h" + uuid.uuid4().hex
        codes = [f"{word}1 = 1", f"{word}2 = 2", "'h3'", f"{word}1 = 1"]
        numbers = [self.run_cell(code).content["execution_count"] for code in codes]

        def history(**content):
            return ask(self.client, "history_request", {"output": False, "raw": True, **content}).content["history"]

        tail = history(hist_access_type="tail", n=4)
        self.assertEqual([h[2] for h in tail], codes)
        session = tail[0][0]
        self.assertEqual([h[1] for h in tail], numbers)
        part = history(hist_access_type="range", session=0, start=numbers[1], stop=numbers[3])
        self.assertEqual(part, [[session, numbers[1], codes[1]], [session, numbers[2], "'h3'"]])
        with_output = history(hist_access_type="range", session=session, start=numbers[2], stop=numbers[3], output=True)
        self.assertEqual(with_output, [[session, numbers[2], ["'h3'", "h3"]]])
        self.assertEqual(len(history(hist_access_type="search", pattern=word + "? = *")), 3)
        unique = history(hist_access_type="search", pattern=word + "1*", unique=True)
        self.assertEqual([h[2] for h in unique], [codes[0]])
        self.assertEqual(unique[0][1], numbers[3])

    def test_history_outlives_the_session(self):
        _, first = self.fresh()
        execute(first, "outlives = 'yes'")
        _, second = self.fresh()
        content = ask(
            second,
            "history_request",
            {"hist_access_type": "range", "session": -1, "start": 1, "stop": 9, "output": False, "raw": True},
        ).content
        self.assertEqual([h[2] for h in content["history"]], ["outlives = 'yes'"])

    def test_kernel_info(self):
        for channel in ("shell", "control"):
            content = ask(self.client, "kernel_info_request", {}, channel).content
            self.assertEqual(content["status"], "ok")
            self.assertEqual(content["protocol_version"], "5.4")
            self.assertEqual(content["language_info"]["name"], "lua")
            self.assertRegex(content["language_info"]["version"], r"^5\.4\.\d+$")
            self.assertFalse(content["debugger"])

    def test_debug_is_refused_politely(self):
        answer = ask(self.client, "debug_request", {"type": "request", "seq": 7, "command": "initialize"}, "control")
        self.assertEqual(answer.reply["msg_type"], "debug_reply")
        self.assertFalse(answer.content["success"])
        self.assertEqual(answer.content["request_seq"], 7)
        self.assertIn("no debugger", answer.content["message"])

    def test_comms_open_and_close(self):
        def send(kind, content):
            message = self.client.session.msg(kind, content)
            self.client.shell_channel.send(message)
            return collect(self.client, message["header"]["msg_id"])

        closed = send("comm_open", {"comm_id": "c1", "target_name": "nothing", "data": {}})
        self.assertEqual([m["content"]["comm_id"] for m in closed if m["msg_type"] == "comm_close"], ["c1"])
        for kind in ("comm_msg", "comm_close"):
            outputs = send(kind, {"comm_id": "c1", "data": {}})
            self.assertEqual([m["msg_type"] for m in outputs], ["status", "status"])
        self.assertEqual(ask(self.client, "comm_info_request", {}).content, {"status": "ok", "comms": {}})

    def test_an_unknown_request_leaves_the_kernel_idle(self):
        message = self.client.session.msg("unheard_of_request", {})
        self.client.shell_channel.send(message)
        self.assertEqual(len(collect(self.client, message["header"]["msg_id"])), 2)
        self.assertEqual(self.run_cell("1").result(), "1")


class InputTest(KernelCase):
    def ask_cell(self, code, *lines):
        msg_id = self.client.execute(code, allow_stdin=True)
        prompts = []
        for line in lines:
            request = self.client.get_stdin_msg(timeout=10)
            self.assertEqual(request["msg_type"], "input_request")
            prompts.append(request["content"]["prompt"])
            self.client.input(line)
        outputs = collect(self.client, msg_id)
        return prompts, Answer(reply_to(self.client, msg_id), outputs)

    def test_forms_of_reading(self):
        prompts, answer = self.ask_cell("io.write 'name? ' local n = io.read() print('hello ' .. n)", "Ada")
        self.assertEqual(prompts, ["name? "])
        self.assertEqual(answer.stream(), "hello Ada\n")
        self.assertEqual(self.ask_cell("io.read 'n'", "42")[1].result(), "42")
        self.assertEqual(self.ask_cell("io.stdin:read()", "ä")[1].result(), "ä")
        self.assertEqual(self.ask_cell("io.read 'L'", "")[1].result(), "\n")
        code = "local t = {} for line in io.lines() do t[#t + 1] = line end return table.concat(t, '+')"
        self.assertEqual(self.ask_cell(code, "a", "b", "\x04")[1].result(), "a+b")
        self.assertEqual(self.ask_cell("io.read 'a'", "a", "\x04")[1].result(), "a\n")
        self.assertEqual(self.ask_cell("io.read()", "again")[1].result(), "again")

    def test_an_interrupt_ends_a_question(self):
        msg_id = self.client.execute("io.read() x = 1")
        self.client.get_stdin_msg(timeout=10)
        self.manager.interrupt_kernel()
        self.assertEqual(reply_to(self.client, msg_id)["content"]["ename"], "KeyboardInterrupt")
        collect(self.client, msg_id)
        self.assertEqual(self.run_cell("1").result(), "1")

    def test_a_client_that_takes_no_questions(self):
        for code in ("io.read()", "io.stdin:read()", "for l in io.lines() do end", "io.stdin:lines()()"):
            answer = self.run_cell(code, allow_stdin=False)
            self.assertEqual(answer.content["status"], "error", code)
            self.assertIn("takes no questions", answer.content["evalue"])
        path = os.path.abspath(__file__)
        read = self.run_cell(f"io.lines('{path}')(), io.open('{path}'):read(3)", allow_stdin=False)
        self.assertEqual(read.of("execute_result")[1]["data"]["text/plain"], '"""')


class InterruptTest(KernelCase):
    def interrupt(self, code, way, after=0.7, within=2.0, client=None, manager=None):
        """Interrupts a cell; the seconds that the kernel took to answer, and the answer."""
        client, manager = client or self.client, manager or self.manager
        msg_id = client.execute(code)
        until = time.monotonic() + 60
        while time.monotonic() < until:  # the cell prints that it is about to begin
            message = client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "stream" and "begin" in message["content"]["text"]:
                break
        time.sleep(after)
        began = time.monotonic()
        if way == "signal":
            os.kill(manager.provisioner.pid, signal.SIGINT)
        else:
            request = client.session.msg("interrupt_request", {})
            client.control_channel.send(request)
            self.assertEqual(
                reply_to(client, request["header"]["msg_id"], "control")["content"], {"status": "ok"}
            )
        reply = reply_to(client, msg_id)["content"]
        took = time.monotonic() - began
        self.assertLess(took, within, code)
        return reply

    def each_way(self, code, check=None, **options):
        for way in ("signal", "message"):
            with self.subTest(way=way):
                reply = self.interrupt(code, way, **options)
                self.assertEqual((reply["status"], reply.get("ename")), ("error", "KeyboardInterrupt"), reply)
                if check:
                    check()
                self.assertEqual(self.run_cell("1 + 1").result(), "2")

    def test_lua(self):
        self.run_cell("kept = 7")
        self.each_way(
            "print 'begin' count = 0 while true do count = count + 1 end",
            lambda: self.assertEqual(self.run_cell("kept, count > 0").of("execute_result")[0]["data"]["text/plain"], "7"),
        )

    def test_lua_in_a_coroutine_and_behind_pcall(self):
        self.each_way("print 'begin' coroutine.wrap(function() while true do end end)()")
        msg_id = self.client.execute("print 'begin' while true do pcall(function() while true do end end) end")
        time.sleep(0.7)
        for _ in range(4):  # a third press must not end the kernel
            self.manager.interrupt_kernel()
            time.sleep(0.1)
        self.assertEqual(reply_to(self.client, msg_id)["content"]["ename"], "KeyboardInterrupt")
        self.assertEqual(self.run_cell("1 + 1").result(), "2")

    def test_output_without_end(self):
        self.each_way("print 'begin' while true do print 'again' end", within=8)

    def test_a_child_process(self):
        self.interrupt("print 'begin' for i = 1, 3 do os.execute 'sleep 30' end", "message", within=10)
        self.assertEqual(self.run_cell("1 + 1").result(), "2")

    def test_training_keeps_the_finished_steps(self):
        self.run_cell(
            "task = tasks.sentiment() sft = align.sft(task, { steps = 20, quiet = true })"
            " gold = align.judge.gold(task)"
            " draw = { task = task, judge = gold, prompts = task:prompts('train', 64) }",
            timeout=300,
        )
        code = (
            "print 'begin' run = align.train { policy = sft:clone(), reference = sft,"
            " source = align.sources.online(draw), loss = align.loss.ipo { beta = 0.1 }, steps = 100000 }"
        )
        for way in ("signal", "message"):
            with self.subTest(way=way):
                reply = self.interrupt(code, way, after=3, within=5)
                # The training ends as interrupted; the cell itself goes on.
                self.assertEqual(reply["status"], "ok", reply)
                self.assertEqual(self.run_cell("run.status").result(), "interrupted")
                steps = int(self.run_cell("run.step").result())
                self.assertGreater(steps, 0)
                # The row of a step that was cut between its update and its row is made by resume.
                self.assertIn(int(self.run_cell("#run.log").result()), (steps - 1, steps))
                more = self.run_cell(f"run:resume({steps + 2})", timeout=60)
                self.assertEqual(int(self.run_cell("run.step").result()), steps + 2, more.content)
                self.assertEqual(int(self.run_cell("#run.log").result()), steps + 2)

    def test_sampling(self):
        self.each_way(
            "local task = tasks.sentiment() local sft = align.sft(task, { steps = 20, quiet = true })"
            " local prompts = task:prompts('train', 512) print 'begin'"
            " while true do sft:sample(prompts, { max_new_tokens = 64 }) end",
            within=4,
        )

    def test_reading_a_long_list(self):
        """The reader of an option names the option in what it refuses; Ctrl-C is none of that."""
        self.each_way(
            "local model = models.transformer { vocab = 8, dim = 8, layers = 1, heads = 1, max_length = 8 }"
            " local stop = {} for i = 1, 2e6 do stop[i] = 1 end print 'begin'"
            " while true do model:sample({ { 1 } }, { stop = stop, max_new_tokens = 1 }) end",
        )

    def test_loading_a_file(self):
        path = os.path.join(os.environ["PERILUNE_TEST_OUT"], "large.json")
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.write("[" + ",".join('{"a":[1,2,3],"b":"text %d"}' % i for i in range(3_000_000)) + "]")
        self.each_way(f"print 'begin' x = formats.load_json '{path}'", after=0.3)

    def test_an_idle_kernel_ignores_it(self):
        self.manager.interrupt_kernel()
        os.kill(self.manager.provisioner.pid, signal.SIGINT)
        time.sleep(0.3)
        self.assertEqual(self.run_cell("1 + 1").result(), "2")


class LifeTest(KernelCase):
    def test_shutdown_on_both_channels(self):
        for channel in ("control", "shell"):
            with self.subTest(channel=channel):
                manager, client = self.fresh()
                message = client.session.msg("shutdown_request", {"restart": False})
                (client.control_channel if channel == "control" else client.shell_channel).send(message)
                reply = reply_to(client, message["header"]["msg_id"], channel)
                self.assertEqual(reply["content"], {"status": "ok", "restart": False})
                self.assertEqual(manager.provisioner.process.wait(timeout=5), 0)

    def test_shutdown_while_a_cell_runs(self):
        manager, client = self.fresh()
        client.execute("while true do pcall(function() while true do end end) end")
        time.sleep(0.5)
        began = time.monotonic()
        manager.shutdown_kernel()
        self.assertLess(time.monotonic() - began, 5)
        self.assertFalse(manager.is_alive())

    def test_restart(self):
        manager, client = self.fresh()
        execute(client, "before = 1")
        manager.restart_kernel()
        client.wait_for_ready(timeout=30)
        self.assertEqual(execute(client, "before").result(), "nil")
        self.assertEqual(execute(client, "1").content["execution_count"], 2)

    def test_heartbeat_while_a_cell_runs(self):
        manager, client = self.fresh()
        msg_id = client.execute("local t = os.clock() while os.clock() - t < 4 do end")
        for _ in range(6):
            time.sleep(0.5)
            self.assertTrue(client.hb_channel.is_beating())
        self.assertEqual(reply_to(client, msg_id)["content"]["status"], "ok")

    def test_exit_in_a_cell_sends_what_was_written(self):
        manager, client = self.fresh()
        client.execute("print 'last words' os.exit(3)")
        self.assertEqual(manager.provisioner.process.wait(timeout=10), 3)
        texts = []
        while "last words\n" not in texts:
            message = client.get_iopub_msg(timeout=5)
            texts.append(message["content"].get("text"))

    def test_a_kernel_ends_with_the_program_that_started_it(self):
        script = (
            "import time\nfrom jupyter_client.manager import KernelManager\n"
            "m = KernelManager(kernel_name='perilune'); m.start_kernel(); print(m.provisioner.pid, flush=True)\n"
            "time.sleep(60)\n"
        )
        parent = subprocess.Popen(["python", "-c", script], stdout=subprocess.PIPE, text=True)
        pid = int(parent.stdout.readline())
        time.sleep(1)
        parent.kill()
        parent.wait()
        until = time.monotonic() + 10
        while time.monotonic() < until and _lives(pid):
            time.sleep(0.1)
        self.assertFalse(_lives(pid))

    def test_a_kernel_whose_starter_has_ended_before_it_ends_too(self):
        """The starter is gone before the kernel can look: its number in the environment belongs to no process."""
        gone = subprocess.Popen(["true"])
        gone.wait()
        folder = tempfile.mkdtemp()
        path, _ = write_connection_file(os.path.join(folder, "kernel.json"))
        program, env = os.environ["PERILUNE"], {**os.environ, "JPY_PARENT_PID": str(gone.pid)}
        between = f"(sleep 1; exec '{program}' --kernel '{path}') </dev/null >/dev/null 2>&1 & echo $!"
        pid = int(subprocess.run(["sh", "-c", between], env=env, capture_output=True, text=True).stdout)
        until = time.monotonic() + 20
        while time.monotonic() < until and _lives(pid):
            time.sleep(0.1)
        self.assertFalse(_lives(pid))

    def test_two_clients(self):
        manager, first = self.fresh()
        second = BlockingKernelClient(connection_file=manager.connection_file)
        second.load_connection_file()
        second.start_channels()
        self.addCleanup(second.stop_channels)
        second.wait_for_ready(timeout=10)
        ids = [(client, client.execute(f"shared = (shared or 0) + 1 return {i}")) for i, client in
               enumerate([first, second] * 5)]
        for client, msg_id in ids:
            self.assertEqual(reply_to(client, msg_id)["content"]["status"], "ok")
        self.assertEqual(execute(second, "shared").result(), "10")

    def test_messages_over_ipc_and_encrypted(self):
        from jupyter_client.manager import KernelManager

        for options in ({"transport": "ipc"}, {"transport_encryption": "required"}):
            with self.subTest(**options):
                manager = KernelManager(kernel_name="perilune", **options)
                manager.start_kernel()
                client = manager.client()
                client.start_channels()
                try:
                    client.wait_for_ready(timeout=15)
                    self.assertEqual(execute(client, "6 * 7").result(), "42")
                finally:
                    client.stop_channels()
                    manager.shutdown_kernel(now=True)


class ProgramTest(KernelCase):
    def program(self, *arguments, **environment):
        return subprocess.run(
            [os.environ["PERILUNE"], *arguments],
            capture_output=True, text=True, timeout=20, env={**os.environ, **environment},
        )

    def file(self, **changes):
        content = {
            "transport": "tcp", "ip": "127.0.0.1", "key": "k", "signature_scheme": "hmac-sha256",
            "shell_port": 50001, "control_port": 50002, "stdin_port": 50003, "iopub_port": 50004, "hb_port": 50005,
        }
        content.update(changes)
        path = os.path.join(os.environ["HOME"], "connection.json")
        with open(path, "w") as file:
            json.dump({k: v for k, v in content.items() if v is not None}, file)
        return path

    def test_connection_files_that_are_refused(self):
        for changes, words in (
            ({"key": ""}, "messages must be signed"),
            ({"shell_port": 0}, "must be from 1 to 65535"),
            ({"hb_port": None}, "no 'hb_port'"),
            ({"transport": "udp"}, "transport"),
            ({"signature_scheme": "none"}, "signature_scheme"),
            ({"signature_scheme": "hmac-nothing"}, "no HMAC of the digest"),
            ({"ip": "203.0.113.1"}, "cannot listen at tcp://203.0.113.1:50001"),
            ({"control_port": 50001}, "same port"),
        ):
            with self.subTest(**{k: str(v) for k, v in changes.items()}):
                ended = self.program("--kernel", self.file(**changes))
                self.assertEqual(ended.returncode, 1)
                self.assertIn(words, ended.stderr)
        self.assertIn("cannot", self.program("--kernel", "/nowhere.json").stderr)

    def test_it_listens_where_the_file_says_and_nowhere_else(self):
        pid = self.manager.provisioner.pid
        inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        listening = set()
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{pid}/net/{table}") as lines:
                for line in list(lines)[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                        listening.add(fields[1])
        info = self.manager.get_connection_info()
        wanted = {f"0100007F:{info[n + '_port']:04X}" for n in ("shell", "control", "stdin", "iopub", "hb")}
        self.assertEqual(listening, wanted)

    def test_installation(self):
        folder = os.path.join(os.environ["HOME"], "prefix")
        self.assertEqual(self.program("--install-kernel", "--prefix", folder).returncode, 0)
        with open(folder + "/share/jupyter/kernels/perilune/kernel.json") as file:
            spec = json.load(file)
        self.assertTrue(os.access(spec["argv"][0], os.X_OK) and os.path.isabs(spec["argv"][0]))
        self.assertEqual(spec["argv"][1:], ["--kernel", "{connection_file}"])
        self.assertEqual((spec["language"], spec["display_name"]), ("lua", "Perilune (Lua 5.4)"))
        self.program("--install-kernel", "--user", JUPYTER_DATA_DIR=folder + "/data")
        self.assertTrue(os.path.exists(folder + "/data/kernels/perilune/kernel.json"))
        self.program("--install-kernel")
        self.assertTrue(os.path.exists(os.environ["HOME"] + "/.local/share/jupyter/kernels/perilune/kernel.json"))
        refused = self.program("--install-kernel", "--prefix", "/proc/nowhere")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("/proc/nowhere", refused.stderr)


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False



