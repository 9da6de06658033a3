"""What `pipeline measure --json` has measured, held against what a cold start may cost. Called by .ci/judge-package."""

import json
import statistics
import sys
from pathlib import Path

CPU_LIMIT_MS = 3.5
MEMORY_LIMIT = 8 * 1024 * 1024

functions = json.loads(Path(sys.argv[1]).read_text())["functions"]
failed = [f"{each['function']}: {each['errorType']}" for each in functions if each.get("errorType")]
cpu = {each["function"]: each["cpuMilliseconds"] for each in functions}
memory = {each["function"]: each["memoryBytes"] for each in functions}
slowest, largest = max(cpu, key=cpu.get), max(memory, key=memory.get)
print(
    f"cold start: CPU {statistics.median(cpu.values()):.1f} ms in the middle, {cpu[slowest]:.1f} ms at most ({slowest}); "
    f"memory {memory[largest] / 1048576:.1f} MiB at most ({largest})"
)
if failed:
    sys.exit(f"cold start: {', '.join(failed)}")
# The middle: on a machine that does something else besides, single figures are those of the neighbours.
if statistics.median(cpu.values()) > CPU_LIMIT_MS:
    sys.exit(f"cold start: more than {CPU_LIMIT_MS} ms of CPU")
if memory[largest] > MEMORY_LIMIT:
    sys.exit("cold start: more than 8 MiB")
