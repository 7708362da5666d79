"""Many to many, step by step: the part of speech of every word of a sentence.

A network reads each sentence in both directions and labels every word. Two categorical features per word, each with
embeddings of its own: the word, and its last three letters, which tell something about words that were never seen. The
most frequent tag of each word runs beside it. Run ``python examples/tags_of_words.py``; it writes ``tags.png``.
"""

import argparse
from collections import Counter, defaultdict

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from skrnn import RNNClassifier
from skrnn.datasets import load_ud_english

TEXT = "The old man the boat while the fruitless squirplings wobble , and nobody objects ."


def with_ending(sentence: list[str]) -> list[tuple[str, str]]:
    """Each word and its last three letters."""
    return [(word, word[-3:].lower()) for word in sentence]


def guesses_right(
    sentences: list[list[str]], tags: list[list[str]], unseen: list[list[str]], truth: list[list[str]]
) -> list[bool]:
    """Whether each unseen word has the tag that it most often has in the sentences (a new word: that of all words)."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence, row in zip(sentences, tags, strict=True):
        for word, tag in zip(sentence, row, strict=True):
            counts[word][tag] += 1
    other = sum(counts.values(), Counter()).most_common(1)[0][0]
    known = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    pairs = [pair for sentence, row in zip(unseen, truth, strict=True) for pair in zip(sentence, row, strict=True)]
    return [known.get(word, other) == tag for word, tag in pairs]


def make_model() -> RNNClassifier:
    """A network that reads each sentence in both directions."""
    return RNNClassifier(
        embedding_dim=64,
        hidden_size=64,
        bidirectional=True,
        return_sequences=True,
        dropout=0.3,
        learning_rate=3e-3,
        max_iter=3,
        random_state=0,
    )


def main() -> None:
    """Train, compare, draw the tags of a sentence with their probabilities."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="tags.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    sentences, tags = load_ud_english(subset="train", return_X_y=True)
    unseen, truth = load_ud_english(subset="dev", return_X_y=True)
    hits = guesses_right(sentences, tags, unseen, truth)
    baseline = float(np.mean(hits))

    model = make_model().fit([with_ending(sentence) for sentence in sentences], tags)
    score = model.score([with_ending(sentence) for sentence in unseen], truth)
    print(f"accuracy on {len(hits):,} words: network {score:.3f}, most frequent tag of the word {baseline:.3f}")
    if score < baseline + 0.05:
        raise SystemExit("the network does not see more than the single word")

    words = TEXT.split()
    probabilities = model.predict_proba([with_ending(words)])[0]  # (n_words, n_tags)
    shown = probabilities.max(axis=0) > 0.05
    figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
    image = ax.imshow(probabilities[:, shown].T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(words)), words, rotation=40, ha="right")
    ax.set_yticks(range(int(shown.sum())), model.classes_[shown])
    for step, tag in enumerate(model.predict([with_ending(words)])[0]):
        ink = "w" if probabilities[step].max() > 0.6 else "k"
        ax.text(step, list(model.classes_[shown]).index(tag), tag, ha="center", va="center", fontsize=7, color=ink)
    figure.colorbar(image, label="probability")
    ax.set_title(f"Parts of speech: {score:.1%} of unseen text right (most frequent tag {baseline:.1%})")
    figure.savefig(arguments.output, dpi=130)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
