"""Runs the test files that are named, or all, and ends with "N passed, N failed"."""

import sys
import unittest

NAMES = ["conformance", "protocol", "hostile", "notebooks", "browser", "soak"]


class Result(unittest.TextTestResult):
    """Counts what passed: subtests are parts of their test."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    asked = sys.argv[1:] or NAMES
    unknown = [name for name in asked if name not in NAMES]
    if unknown:
        sys.exit(f"Tests/jupyter/run takes {' '.join(NAMES)}, not {' '.join(unknown)}")
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromName(f"{name}_test") for name in asked
    )
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result = runner.run(suite)
    for test, reason in result.skipped:
        print(f"skipped: {test.id()}: {reason}")
    bad = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {bad} failed")
    sys.exit(1 if bad else 0)


main()
