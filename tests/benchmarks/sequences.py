"""What the networks achieve on sequence outputs, categories and text, beside simple peers; medians of three seeds.

``python tests/benchmarks/sequences.py [task ...]``; without a task, all of them, in about an hour on one core. The
models are those of ``examples``, some of them larger or trained for longer.
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skrnn import RNNClassifier, RNNSeq2Seq
from skrnn.datasets import load_cmudict, load_surnames, load_ud_english

sys.path.append(str(Path(__file__).parents[2] / "examples"))
import captions_of_digits
import sentiment_of_sentences
import sounds_of_words
import tags_of_words

SEEDS = (0, 1, 2)


def tags(seed):
    """Parts of speech of UD English EWT, trained on the training part, measured on the words of the dev part."""
    sentences, y = load_ud_english(subset="train", return_X_y=True)
    unseen, truth = load_ud_english(subset="dev", return_X_y=True)
    yield "most frequent tag of each word", np.mean(tags_of_words.guesses_right(sentences, y, unseen, truth))
    for name, read in (("words", list), ("words and their endings", tags_of_words.with_ending)):
        net = tags_of_words.make_model().set_params(max_iter=5, random_state=seed)
        net.fit([read(sentence) for sentence in sentences], y)
        yield f"bidirectional GRU, {name}", net.score([read(sentence) for sentence in unseen], truth)


def polarity(seed):
    """Sentences of film reviews, a tenth held out; accuracy."""
    train, test, y_train, y_test = sentiment_of_sentences.load_split(seed)
    counted = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(train, y_train)
    yield "TF-IDF + logistic regression", counted.score(test, y_test)
    pairs = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    counted = make_pipeline(pairs, LogisticRegression(C=10, max_iter=1000)).fit(train, y_train)
    yield "TF-IDF of words and pairs + logistic regression, C=10", counted.score(test, y_test)
    net = sentiment_of_sentences.make_model().set_params(rnnclassifier__random_state=seed).fit(train, y_train)
    yield "bidirectional GRU", net.score(test, y_test)
    net.set_params(rnnclassifier__n_networks=5).fit(train, y_train)
    yield "five bidirectional GRUs", net.score(test, y_test)
    both = net.predict_proba(test) + counted.predict_proba(test)
    yield "five GRUs and words and pairs, soft vote", accuracy_score(y_test, net.classes_[both.argmax(axis=1)])


def ngrams(strength):
    """Character n-grams, counted, and a logistic regression."""
    counted = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4))
    return make_pipeline(counted, LogisticRegression(C=strength, max_iter=1000))


def split_names(seed):
    """Names to train on and, a fifth, to test on; then the languages of both."""
    return train_test_split(*load_surnames(return_X_y=True), test_size=0.2, random_state=seed)


def both_accuracies(label, y_test, found):
    """Accuracy and balanced accuracy."""
    yield label, accuracy_score(y_test, found)
    yield f"{label}, balanced", balanced_accuracy_score(y_test, found)


SINGLE = RNNClassifier(
    pooling="last",
    early_stopping=False,
    embedding_dim=32,
    hidden_size=128,
    bidirectional=True,
    dropout=0.3,
    learning_rate=5e-3,
    learning_rate_schedule="one_cycle",
    batch_size=64,
    max_iter=20,
)


def spelled(names):
    """The characters of names, with their ends."""
    return [list(f"^{name}$") for name in names]


def surnames(seed):
    """Languages of distinct, unambiguous names, a fifth held out; accuracy and balanced accuracy."""
    train, test, y_train, y_test = split_names(seed)
    alone = clone(SINGLE).set_params(init=None)
    three = [(str(k), clone(alone).set_params(random_state=10 * seed + k)) for k in range(3)]
    nets = VotingClassifier(three, voting="soft").fit(spelled(train), y_train)
    yield from both_accuracies("three bidirectional GRUs, characters", y_test, nets.predict(spelled(test)))

    def with_neighbours(name):
        """Each character by itself, with the one, and with the two before it."""
        text = f"^^{name}$"
        return [(text[i], text[i - 1 : i + 1], text[i - 2 : i + 1]) for i in range(2, len(text))]

    net = clone(alone).set_params(dropout=0.5, learning_rate=3e-3, max_iter=12, random_state=seed)
    net.fit([with_neighbours(name) for name in train], y_train)
    found = net.predict([with_neighbours(name) for name in test])
    yield from both_accuracies("one bidirectional GRU, characters and those before them", y_test, found)


def started(seed):
    """The same names, read by networks that start from the n-grams, as their default is, beside these."""
    train, test, y_train, y_test = split_names(seed)
    for strength in (1, 10, 100):
        found = ngrams(strength).fit(train, y_train).predict(test)
        yield from both_accuracies(f"character n-grams + logistic regression, C={strength}", y_test, found)
    by_default = RNNClassifier(embedding_dim=16, random_state=seed)
    small = {"hidden_size": 64, "dropout": 0.5, "learning_rate": 3e-3, "max_iter": 10, "random_state": seed}
    for label, net in (
        ("nothing set but embedding_dim=16", by_default),
        ("one bidirectional GRU that starts from n-grams", clone(SINGLE).set_params(**small)),
    ):
        found = net.fit(spelled(train), y_train).predict(spelled(test))
        yield from both_accuracies(label, y_test, found)


def sounds(seed):
    """Spelling to sound on 2,000 words after training on 20,000 others; phoneme error rate."""
    for stress in (False, True):
        words, phonemes = load_cmudict(stress=stress, return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(words))
        train, test = order[:20_000], order[20_000:22_000]
        larger = {"hidden_size": 128, "learning_rate": 3e-3, "max_iter": 20}
        net = sounds_of_words.make_model().set_params(**larger, beam_width=1, random_state=seed)
        net.fit([list(words[i]) for i in train], [phonemes[i] for i in train])
        total = sum(len(phonemes[i]) for i in test)
        for width in (1, 5):
            found = net.set_params(beam_width=width).predict([list(words[i]) for i in test])
            wrong = sum(sounds_of_words.edits(row, phonemes[i]) for row, i in zip(found, test, strict=True))
            yield f"{'with' if stress else 'without'} stress, beam {width}", wrong / total


def digits(seed):
    """Images of digits, a quarter held out: share of names written exactly, and of frames labelled correctly."""
    train, test, y_train, y_test = captions_of_digits.load_split(seed)
    names, viewer = captions_of_digits.NAMES, captions_of_digits.make_viewer()
    writer = captions_of_digits.make_writer().set_params(random_state=seed)
    writer.fit(train, [names[digit] for digit in y_train])
    yield "names, letter by letter", writer.score(test, [names[digit] for digit in y_test])
    viewer.set_params(bidirectional=True, random_state=seed)
    viewer.fit(train, np.repeat(y_train[:, None], 8, axis=1))
    yield "labels of eight frames", viewer.score(test, np.repeat(y_test[:, None], 8, axis=1))


def copies(seed):
    """Random digits copied in their order or backwards: exact matches on 500 fresh sequences of one length."""
    rng = np.random.default_rng(seed)
    for task, length in (("copy", 10), ("copy", 20), ("reverse", 10), ("reverse", 20)):
        X = rng.integers(0, 10, (5_500, length)).tolist()
        y = [row[::-1] if task == "reverse" else row for row in X]
        for attention in (None, "luong"):
            net = RNNSeq2Seq(
                embedding_dim=16,
                target_embedding_dim=16,
                hidden_size=64,
                bidirectional=True,
                attention=attention,
                learning_rate=5e-3,
                learning_rate_schedule="one_cycle",
                max_iter=30,
                n_iter_no_change=30,
                random_state=seed,
            ).fit(X[:5_000], y[:5_000])
            label = "without attention" if attention is None else "with attention"
            yield f"{task}, length {length}, {label}", net.score(X[5_000:], y[5_000:])


TASKS = {task.__name__: task for task in (tags, polarity, surnames, started, sounds, digits, copies)}


def main():
    """Run the tasks, print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", choices=[[], *TASKS], default=[])
    for name in parser.parse_args().tasks or TASKS:
        print(f"\n{name}: {TASKS[name].__doc__}", flush=True)
        found, begin = defaultdict(list), time.perf_counter()
        for seed in SEEDS:
            for label, value in TASKS[name](seed):
                found[label].append(float(value))
        for label, values in found.items():
            print(f"  {median(values):.4f}  {label:68} ({', '.join(f'{value:.4f}' for value in values)})")
        print(f"  {(time.perf_counter() - begin) / len(SEEDS):.0f} s for a seed", flush=True)


if __name__ == "__main__":
    main()
