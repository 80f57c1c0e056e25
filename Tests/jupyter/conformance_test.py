"""PyPI's jupyter_kernel_test with every field filled in."""

import jupyter_kernel_test


class KernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "perilune"
    language_name = "lua"
    file_extension = ".lua"
    code_hello_world = "print 'hello, world'"
    code_stderr = "io.stderr:write 'test stderr\\n'"
    completion_samples = [
        {"text": "string.rep", "matches": ["rep"]},
        {"text": "coroutine.wr", "matches": ["wrap"]},
        {"text": "x = math.ma", "matches": ["max", "maxinteger"]},
        {"text": "local function f() retu", "matches": ["return"]},
        {"text": "align.tra", "matches": ["train"]},
        {"text": "nothing_begins_so", "matches": []},
    ]
    complete_code_samples = ["x = 1", "return 1", "for i = 1, 2 do print(i) end", "'a'", "?print", "", "-- remark"]
    incomplete_code_samples = ["for i = 1, 2 do", "f(1,", "x = [[", "function f()", "if x then y()", "x ="]
    invalid_code_samples = ["end", "x = = 1", "local 3", "f(]"]
    code_page_something = "?print"
    code_generate_error = "error 'failed'"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "6 * 8", "result": "48"},
        {"code": "6 * 9", "result": "54"},
        {"code": "6*7", "result": "42"},
        {"code": "'six'", "result": "six"},
        {"code": "local a = 2\na + 1", "result": "3"},
        {"code": "{1, b = 2}", "result": "{1, b = 2}"},
        {"code": "tensor {1, 2}", "mime": "text/plain"},
    ]
    code_display_data = [
        {"code": "display(display.html '<b>bold</b>')", "mime": "text/html"},
        {"code": "display(display.svg '<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "mime": "image/svg+xml"},
        {
            "code": "display(display.png '\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR\\0\\0\\0\\1\\0\\0\\0\\1')",
            "mime": "image/png",
        },
        {"code": "display(display.markdown '# title')", "mime": "text/markdown"},
        {"code": "display 'text'", "mime": "text/plain"},
        {"code": "display(plot.line { y = {1, 2, 3} })", "mime": "image/svg+xml"},
    ]
    code_history_pattern = "'si?'"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "align.train"
    code_clear_output = "display.clear()"


class IopubWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "perilune"
    support_iopub_welcome = True


# The classes of the package itself are not tests of this file.
del jupyter_kernel_test
