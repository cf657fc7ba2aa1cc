"""The last lines of Tools/test: how many tests passed and failed, and an exit status that agrees.

summary.py SWIFT_LOG SWIFT_STATUS PYTHON_LOG PYTHON_STATUS RECALL_LOG RECALL_STATUS
"""

import re
import sys


def swift_counts(log: str) -> tuple[int, int, int]:
    """Passed, failed and skipped (a parametrized test is one): each run ends with how many there were, each test that did not pass
    with a line of its own. Lines of many tests at once may come torn, so those of what passed are not counted."""
    ends = {"passed": 0, "failed": 0, "skipped": 0}
    for word in re.findall(r"^\S+ +Test (?!run with|case ).*? (passed|failed|skipped)(?: after|: |\.$)", log, re.M):
        ends[word] += 1
    total = sum(map(int, re.findall(r"Test run with (\d+) tests? ", log)))
    return max(0, total - ends["failed"] - ends["skipped"]), ends["failed"], ends["skipped"]


def python_counts(log: str) -> tuple[int, int, int]:
    """Passed, failed and skipped, from pytest's last line."""
    lines = [line for line in log.splitlines() if re.search(r"\bin [0-9.]+s\b", line)]
    found = dict((word, int(number)) for number, word in re.findall(r"(\d+) (\w+)", lines[-1])) if lines else {}
    return found.get("passed", 0), found.get("failed", 0) + found.get("errors", 0) + found.get("error", 0), found.get("skipped", 0)


def main() -> int:
    parts = (("Swift", swift_counts), ("Python", python_counts), ("Recall", python_counts))
    results, problems = [], []
    for (name, count), log, text in zip(parts, sys.argv[1::2], sys.argv[2::2], strict=True):
        with open(log, encoding="utf-8", errors="replace") as file:
            results.append((name, int(text), count(file.read())))
    for name, status, counts in results:
        if status != 0 and counts[1] == 0:
            problems.append(f"the {name} tests ended with status {status} without naming a failed test; see above")
        if status == 0 and counts[0] == 0:
            problems.append(f"no {name} test ran")
        if status == 0 and counts[1]:
            problems.append(f"the {name} tests name failures but ended with status 0; see above")
    print()
    for name, _, counts in results:
        print(f"{name + ':':<7} {counts[0]} passed, {counts[1]} failed" + (f", {counts[2]} skipped" if counts[2] else ""))
    for problem in problems:
        print(f"error: {problem}")
    failed = sum(counts[1] for _, _, counts in results) + len(problems)
    print(f"{sum(counts[0] for _, _, counts in results)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
