"""Many to many, another length: from the spelling of an English word to its sounds.

The encoder reads letters, the decoder writes phonemes and looks back at the letters (attention). Besides exact matches,
which `score` counts, three measures of the field: the part of the tokens that stand in their place, the phoneme error
rate, and BLEU by SacreBLEU if it is installed (``pip install sacrebleu``). Run ``python examples/sounds_of_words.py``;
it writes ``sounds.png``, an attention map.
"""

import argparse
import importlib.util

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from skrnn import RNNSeq2Seq
from skrnn.datasets import load_cmudict

SHOWN = ["through", "psychology", "networks"]
N_TRAIN, N_TEST = 6_000, 500


def edits(found: list[str], wanted: list[str]) -> int:
    """Insertions, deletions and substitutions between two sequences (Levenshtein, 1966)."""
    row = np.arange(len(wanted) + 1)
    for i, token in enumerate(found, start=1):
        above, row = row, np.empty_like(row)
        row[0] = i
        for j, other in enumerate(wanted, start=1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (token != other))
    return int(row[-1])


def make_model() -> RNNSeq2Seq:
    """Letters in, read in both directions; phonemes out, with attention to the letters."""
    return RNNSeq2Seq(
        embedding_dim=32,
        hidden_size=96,
        bidirectional=True,
        dropout=0.2,
        learning_rate=5e-3,
        learning_rate_schedule="one_cycle",
        batch_size=64,
        max_iter=12,
        beam_width=3,
        random_state=0,
    )


def main() -> None:
    """Train, measure on words that were not seen, draw where the decoder looks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="sounds.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    words, phonemes = load_cmudict(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(words))
    train = [i for i in order if words[i] not in SHOWN][:N_TRAIN]
    test = [i for i in order if i not in set(train)][:N_TEST]

    model = make_model().fit([list(words[i]) for i in train], [phonemes[i] for i in train])

    found, wanted = model.predict([list(words[i]) for i in test]), [phonemes[i] for i in test]
    errors = sum(map(edits, found, wanted)) / sum(map(len, wanted))
    exact = np.mean([a == b for a, b in zip(found, wanted, strict=True)])
    hits = sum(a == b for row, other in zip(found, wanted, strict=True) for a, b in zip(row, other, strict=False))
    tokens = hits / sum(max(len(row), len(other)) for row, other in zip(found, wanted, strict=True))
    print(f"{N_TEST} unseen words: exact {exact:.3f}, tokens in place {tokens:.3f}, phoneme error rate {errors:.3f}")
    if importlib.util.find_spec("sacrebleu"):
        import sacrebleu

        bleu = sacrebleu.corpus_bleu([" ".join(row) for row in found], [[" ".join(row) for row in wanted]])
        print(f"BLEU {bleu.score:.1f}")
    if errors > 0.25:
        raise SystemExit("the network has not learnt to read aloud")

    letters = [list(word) for word in SHOWN]
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(11, 4), layout="constrained")
    for ax, word, sounds, weights in zip(
        axes, SHOWN, model.predict(letters), model.attention_weights(letters), strict=True
    ):
        image = ax.imshow(weights, cmap="magma", vmin=0, vmax=1)
        ax.set_xticks(range(len(word)), list(word))
        ax.set_yticks(range(len(sounds)), sounds)
        ax.set_xlabel("letter read")
    axes[0].set_ylabel("phoneme written")
    figure.colorbar(image, label="attention")
    figure.suptitle(f"Which letter each phoneme looks at; phoneme error rate {errors:.1%}")
    figure.savefig(arguments.output, dpi=130)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
