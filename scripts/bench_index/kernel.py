"""Fixed work that tells whether the machine was quiet: products of one vector with random rows, as a walk of a graph makes."""

import time

import numpy as np

ROWS, DIM, PICKS, REPEATS = 65_536, 256, 4_096, 60


class Kernel:
    def __init__(self):
        rng = np.random.default_rng(1)
        self.rows = rng.standard_normal((ROWS, DIM)).astype(np.float32)
        self.query = rng.standard_normal(DIM).astype(np.float32)
        self.picks = [rng.integers(0, ROWS, PICKS) for _ in range(REPEATS)]

    def seconds(self):
        """The mean of some repetitions, in processor seconds as QPS are: what slows a walk by a busy neighbour slows it too."""
        self.rows[self.picks[0]] @ self.query
        begun = time.process_time()
        for picks in self.picks:
            self.rows[picks] @ self.query
        return (time.process_time() - begun) / REPEATS
