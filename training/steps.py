"""What the two image trainings share: the steps of an epoch, their rate, and the averages that follow the weights."""

import time

import numpy as np
import torch


class Steps:
    """A run of steps. Who inherits it has: a (batch, epochs, ema), rng, photos, steps_an_epoch, step, optimiser whose groups
    name their `top` rate, networks as pairs (average, trained), and losses(which), the loss of these photos.
    """

    warm_up = 60  # steps

    def factor(self):
        """What the rates are multiplied with: a linear warm-up, then half a cosine down to a fiftieth."""
        total = self.a.epochs * self.steps_an_epoch
        if self.step < self.warm_up:
            return (self.step + 1) / self.warm_up
        return 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * (self.step - self.warm_up) / (total - self.warm_up)))

    def epoch(self):
        """Every photo once; the mean loss, and seconds."""
        for _, trained in self.networks:
            trained.train()
        order, total, start = self.rng.permutation(self.photos), 0.0, time.time()
        for s in range(self.steps_an_epoch):
            for group in self.optimiser.param_groups:
                group["lr"] = group["top"] * self.factor()
            loss = self.losses(order[s * self.a.batch:(s + 1) * self.a.batch])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for _, trained in self.networks for p in trained.parameters()], 1.0)
            self.optimiser.step()
            self.step += 1
            self.follow()
            total += loss.item()
        return total / self.steps_an_epoch, time.time() - start

    @torch.no_grad()
    def follow(self):
        """Moves the averages towards the weights, faster at first."""
        keep = min(self.a.ema, (1 + self.step) / (10 + self.step))
        for average, trained in self.networks:
            for e, p in zip(average.parameters(), trained.parameters()):
                e.lerp_(p, 1 - keep)
