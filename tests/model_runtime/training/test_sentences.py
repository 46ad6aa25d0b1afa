"""What is learned beside MiniLM is what the encoder gives that takes the changes."""

import numpy as np
import torch

from model_runtime.emotion.reader import take_changes, write_changes
from model_runtime.emotion.words import SentenceEncoder, plain
from model_runtime.training.sentences import Sentences
from model_runtime.training.words import read, targets

TEXTS = 96


def test_the_encoder_takes_what_was_learned():
    phrases = [p for p in read()[::60] if p.shares.max() == 1][:TEXTS]
    texts, near = [plain(p.text) for p in phrases], 0.01  # learning computes with eight bits
    sentences = Sentences(texts)
    before = SentenceEncoder()(texts)
    assert (sentences.all() - before).abs().max() < near and not any(up.any() for _, up in sentences.changes().values())
    kinds = np.array([p.shares.argmax() for p in phrases])
    together = lambda x: float((x @ x.T)[kinds[:, None] == kinds].mean() - (x @ x.T)[kinds[:, None] != kinds].mean())
    sentences.learn(list(range(len(texts))), targets(phrases), torch.ones(len(texts)).double(), 40, seed=0)
    tensors = write_changes(sentences.changes())
    changed = SentenceEncoder(changes=take_changes(tensors))(texts)
    assert not tensors  # all were taken
    assert (sentences.all() - changed).abs().max() < near
    assert together(changed) > together(before) + 0.05
