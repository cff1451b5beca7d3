"""Programs that time the same batches, one after the other. Each answers a line `FIRST END` with the
seconds that these batches took, and the sum of their outputs."""

import json
import statistics
import subprocess
import sys
import tempfile
import time


class Contest:
    """`commands` by name; each is given the batches' file as its argument before the last."""

    def __init__(self, commands, batches, environments={}):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump(batches, self.file)
        self.file.flush()
        self.children = {name: self.start(name, command, environments.get(name)) for name, command in commands.items()}

    def start(self, name, command, environment):
        command = [word or self.file.name for word in command]
        child = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while (line := child.stdout.readline()) and line.strip() != "ready":
            pass
        if not line:
            sys.exit(f"{name} did not start: {' '.join(command)}")
        return child

    def ask(self, name, first, end):
        child = self.children[name]
        child.stdin.write(f"{first} {end}\n")
        child.stdin.flush()
        return tuple(map(float, child.stdout.readline().split()))

    def rounds(self, count, first, end, repeat=1):
        """Seconds by name, the median of `count` rounds in which all take their turn."""
        times = {name: [] for name in self.children}
        for name in self.children:
            self.ask(name, first, end)
        for _ in range(count):
            for name in self.children:
                # Threads of the one before spin for a while.
                time.sleep(0.1)
                # Many short calls in a turn, so that one of them is not all that a cold cache makes of it.
                times[name].append(statistics.median(self.ask(name, first, end)[0] for _ in range(repeat)))
        return {name: statistics.median(values) for name, values in times.items()}

    def end(self):
        for child in self.children.values():
            child.stdin.close()
            child.wait()
