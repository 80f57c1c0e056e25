"""A thousand executes leave memory, descriptors and threads as they were."""

import os

from support import KernelCase, memory_of


class SoakTest(KernelCase):
    def test_a_thousand_executes(self):
        pid = self.manager.provisioner.pid
        cells = (
            "print(('x'):rep(1000)) io.stderr:write 'e\\n'",
            "local t = {} for i = 1, 1000 do t[i] = i end return #t",
            "tensor.randn(100, 100):sum()",
            "error 'failed'",
            "display(display.html '<b>x</b>', { id = 'soak' }) display.update('soak', 'y')",
            "os.execute 'true'",
            "plot.line { y = { 1, 2, 3 } }",
            "?print",
            "for i = 1, 10 do coroutine.wrap(function() end)() end",
            "x = = 1",
        )

        def run(count):
            for i in range(count):
                self.run_cell(cells[i % len(cells)])

        run(300)
        self.run_cell("collectgarbage() collectgarbage()")
        before = (memory_of(pid), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))
        run(1000)
        self.run_cell("collectgarbage() collectgarbage()")
        after = (memory_of(pid), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))
        print(f"memory {before[0]:.1f} MB, after 1000 executes {after[0]:.1f} MB", flush=True)
        self.assertLess(after[0] - before[0], 10)
        self.assertEqual(after[1:], before[1:])
