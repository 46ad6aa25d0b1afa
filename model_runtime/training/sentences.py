"""What is added to weights of all-MiniLM so that phrases of one emotion lie near each other: low-rank changes (LoRA: Hu et al. 2022).

Only the upper layers change; what the lower ones say of each phrase is computed once.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from model_runtime.emotion.reader import CLASSES
from model_runtime.emotion.words import SentenceEncoder, cut, plain

FIRST = 3  # of the six layers: the first that changes
RANK = 16
SCALE = 2.0  # of a change
SURE = 8.0  # what a vector of length 1 is multiplied by before the linear head
ONE, STEP = 0.9, 0.2  # how alike the shares of two phrases of one emotion are, and from which difference one is the stronger
BATCH, ROUNDS = 128, 8  # phrases of a step; steps whose phrases are drawn, and sorted by length, together


class Changed(nn.Module):
    """A linear layer with a change beside it, which is nothing at first."""

    def __init__(self, linear, rank=RANK):
        super().__init__()
        self.linear, self.dropout = linear.requires_grad_(False), nn.Dropout(0.1)
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + SCALE * (self.dropout(x) @ self.down.T @ self.up.T)


class Sentences:
    """n texts behind the layers that stay, and the layers that change."""

    def __init__(self, texts):
        encoder = SentenceEncoder()
        self.model = encoder.model.requires_grad_(False).eval()
        texts = [cut(plain(text))[0] for text in texts]
        self.low = [None] * len(texts)  # of each text: float16 [its tokens, 384]
        for rows in in_order([len(text) for text in texts], 256):
            tokens = encoder.tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=512, return_tensors="pt")
            with torch.inference_mode():
                hidden = self._layers(slice(0, FIRST), self.model.embeddings(tokens["input_ids"]), tokens["attention_mask"])
            for i, x, n in zip(rows, hidden, tokens["attention_mask"].sum(1).tolist()):
                self.low[i] = x[:n].half().clone()
        self.changed = {}
        for at, layer in enumerate(self.model.encoder.layer[FIRST:], FIRST):
            for name, part in list(layer.named_modules()):
                if isinstance(part, nn.Linear):
                    parent, _, own = name.rpartition(".")
                    change = Changed(part)
                    setattr(layer.get_submodule(parent), own, change)
                    self.changed[f"encoder.layer.{at}.{name}.weight"] = change

    def _layers(self, which, hidden, mask):
        mask = torch.where(mask.bool(), 0.0, -1e9)[:, None, None]
        with torch.autocast("cpu", torch.bfloat16):  # many times as fast where a processor can; an error far below the noise of learning
            for layer in self.model.encoder.layer[which]:
                found = layer(hidden, mask)
                hidden = found[0] if isinstance(found, tuple) else found
        return hidden.float()

    def __call__(self, rows):
        """indices of texts -> [n, 384], as SentenceEncoder gives them."""
        hidden = nn.utils.rnn.pad_sequence([self.low[i].float() for i in rows], batch_first=True)
        mask = nn.utils.rnn.pad_sequence([torch.ones(len(self.low[i])) for i in rows], batch_first=True)
        hidden = self._layers(slice(FIRST, None), hidden, mask)
        return F.normalize((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)

    @torch.inference_mode()
    def all(self):
        """[n, 384] of all texts."""
        self.model.eval()
        out = torch.empty(len(self.low), 384)
        for rows in in_order([len(x) for x in self.low], 256):
            out[rows] = self(rows)
        return out

    def changes(self):
        """{name of a weight: (down, up)}, float16, as SentenceEncoder takes them."""
        return {name: (change.down.detach().half(), (SCALE * change.up.detach()).half()) for name, change in self.changed.items()}

    def forget(self):
        """Begin anew, without a change."""
        for change in self.changed.values():
            change.__init__(change.linear)

    def learn(self, rows, targets, chance, steps, seed):
        """rows: indices of texts; targets: (shares [n, 9], strength, control) of all texts; chance: of each row, how often it is drawn."""
        torch.manual_seed(seed)
        self.forget()
        order = np.random.default_rng(seed)
        head = nn.Sequential(nn.Dropout(0.3), nn.Linear(384, CLASSES + 2))
        weights = [weight for change in self.changed.values() for weight in (change.down, change.up)]
        optimizer = torch.optim.AdamW([{"params": weights}, {"params": head.parameters(), "lr": 3e-3}], 1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [1e-3, 3e-3], total_steps=steps, pct_start=0.1)
        self.model.encoder.layer[FIRST:].train()
        done = 0
        while done < steps:
            drawn = [rows[i] for i in torch.multinomial(chance, BATCH * ROUNDS, replacement=True).tolist()]
            drawn.sort(key=lambda i: len(self.low[i]))
            for k in order.permutation(ROUNDS)[: steps - done]:
                batch = drawn[k * BATCH : (k + 1) * BATCH]
                loss = misread(head(SURE * self(batch)), *(target[batch] for target in targets))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                schedule.step()
                done += 1


def in_order(lengths, size):
    """Indices in batches of like lengths."""
    order = np.argsort(lengths, kind="stable").tolist()
    return [order[k : k + size] for k in range(0, len(order), size)]


def misread(out, shares, strength, control, amounts=1.0):
    """How wrong out [n, 11] is: shares [n, 9], strength (NaN where nobody said) and control [n]. amounts: what these two count for.

    Of two phrases of one emotion the stronger must be read as such: a pair's loss is that of RankNet (Burges et al. 2005)."""
    loss = -(shares * out[:, :CLASSES].log_softmax(-1)).sum(-1).mean()
    known = (~strength.isnan()).float()
    amount = F.binary_cross_entropy_with_logits(out[:, CLASSES], strength.nan_to_num(), reduction="none")
    rare = 1 + 9 * (control != 0.5).float()  # few phrases are held back or let go
    held = F.binary_cross_entropy_with_logits(out[:, CLASSES + 1], control, reduction="none")
    apart = (shares @ shares.T > ONE) & (strength[:, None] - strength >= STEP)  # False where nobody said
    order = (F.softplus(out[:, CLASSES] - out[:, CLASSES, None]) * apart).sum() / apart.sum().clamp(min=1)
    return loss + order + amounts * ((amount * known).sum() / known.sum() + 0.5 * (held * rare).mean())
