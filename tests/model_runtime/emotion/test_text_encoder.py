"""Text encoders of transformers in a folder: tiny random ones in the real format learn to read prompts by the same command."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from contract import PerformRequest, UtterError
from model_runtime import cli
from model_runtime.emotion import load_feelings, text_encoder
from model_runtime.emotion.prompts import Prompts
from model_runtime.pipeline import Performer
from model_runtime.training import __main__ as train

SMALL = dict(vocab_size=600, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
WORDS = "happy sad angry afraid furious crying smiles tears she he is the a very not in with of and his her face voice"


def build(folder, kind):
    """Save a tiny random model and its tokenizer as their authors would; returns the folder."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    torch.manual_seed(1)
    clip = kind == "clip"
    names = ("<|startoftext|>", "<|endoftext|>") if clip else ("<s>", "</s>")
    words = Tokenizer(models.BPE(unk_token=names[1]))
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    # an end of text has the highest number: that is where CLIP looks
    special = [names[0], "<pad>", "<mask>"]
    words.train_from_iterator(
        [WORDS] * 9,
        trainers.BpeTrainer(
            vocab_size=500, special_tokens=special, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    words.add_special_tokens([names[1]])
    ids = [(name, words.token_to_id(name)) for name in names]
    words.post_processor = processors.TemplateProcessing(single=f"{names[0]} $A {names[1]}", special_tokens=ids)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=names[0], eos_token=names[1], pad_token="<pad>", unk_token=names[1], model_max_length=40
    )
    numbers = dict(bos_token_id=ids[0][1], eos_token_id=ids[1][1], pad_token_id=words.token_to_id("<pad>"))
    if clip:
        text = SMALL | numbers | dict(max_position_embeddings=40, projection_dim=24)
        vision = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4)
        model = transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24))
    else:
        model = transformers.RobertaForMaskedLM(transformers.RobertaConfig(**SMALL, **numbers, max_position_embeddings=44))
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["clip", "roberta"])
def taught(request, tmp_path_factory):
    """A folder whose text encoder has learned from some phrases."""
    folder = build(tmp_path_factory.mktemp(request.param), request.param)
    train.main(["words", "--text-encoder", str(folder), "--steps", "60", "--clips", "20", "--device", "cpu"])
    return folder


def test_it_reads_prompts_and_a_performance_asks_it(taught, short_voice, tmp_path, capsys):
    encoder = text_encoder.load_text_encoder(taught)
    size = 24 if encoder.clip else 32
    texts = ["happy", "she is very sad and crying", "furious"]
    given = encoder(texts)
    assert given.shape == (3, size) and torch.allclose(given.norm(dim=1), torch.ones(3), atol=1e-5)
    torch.testing.assert_close(encoder(texts[1:2]), given[1:2], atol=1e-4, rtol=0)  # whatever is asked beside it
    prompts = Prompts(own=encoder)
    found = prompts.read("she is very sad and crying")
    assert abs(found.shares.sum() - 1) < 1e-5 and 0 <= found.strength <= 1
    assert prompts.read("sad").shares.argmax() == load_feelings().read("sad").shares.argmax()  # names are names
    assert "Greek letters are not read;" in prompts.read("χαρούμενος άνθρωπος").sentence
    assert "divide it into passages" in prompts.read("crying with tears in her voice " * 8).sentence
    capsys.readouterr()
    assert cli.main(["feel", "she is very sad and crying", "--text-encoder", str(taught)]) == 0
    own = json.loads(capsys.readouterr().out)
    assert cli.main(["feel", "she is very sad and crying"]) == 0
    assert own["emotion"] != json.loads(capsys.readouterr().out)["emotion"]
    performer, text = Performer("cpu"), "she is very sad and crying"
    asked = PerformRequest(voice=str(short_voice), prompt=text, quality="draft", transcribe="off")
    by_own = performer.perform(replace(asked, text_encoder=str(taught)))
    shipped = performer.perform(asked)
    assert by_own.readings[text]["emotion"] == own["emotion"] != shipped.readings[text]["emotion"]
    assert not np.array_equal(by_own.values, shipped.values)


def test_what_it_says_of_all_texts_alike_is_taken_out(taught):
    encoder = text_encoder.load_text_encoder(taught)
    plain = torch.nn.functional.normalize(encoder.encode(WORDS.split()), dim=1)
    near = lambda x: float((x @ x.T)[~torch.eye(len(x), dtype=bool)].mean())
    assert near(encoder(WORDS.split())) < near(plain)


def other_type(folder):
    (folder / "config.json").write_text('{"model_type": "wav2vec2"}')


def other_weights(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({name: 1.5 * value for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda folder: (folder / "words.safetensors").unlink(), "has not learned to read feelings yet; run python build.py train words"),
        (other_weights, "learned with another text encoder"),
        (lambda folder: (folder / "words.safetensors").write_bytes(b"torn"), "is damaged; run python build.py train words"),
        (other_type, "of type wav2vec2, which cannot be a text encoder"),
        (lambda folder: (folder / "tokenizer.json").write_text("{ torn"), "no tokenizer.json that reads text"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
    ],
)
def test_what_cannot_read_is_refused_in_a_sentence(taught, spoil, sentence, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(taught, folder)
    spoil(folder)
    with pytest.raises(UtterError, match=sentence) as refused:
        text_encoder.load_text_encoder(folder)
    assert str(refused.value).count("\n") == 0
