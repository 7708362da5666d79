"""Many to one: is a sentence of a film review for or against the film? Strings in, a class out.

`SequenceVectorizer` splits sentences into words and numbers them; the network reads them in both directions. Counted
words with logistic regression run beside it on the same split. Run ``python examples/sentiment_of_sentences.py``; it
writes ``sentiment.png``, the confusion matrix.
"""

import argparse
from typing import Any

import matplotlib as mpl
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from skrnn import RNNClassifier
from skrnn.datasets import load_sentence_polarity
from skrnn.text import SequenceVectorizer


def load_split(seed: int = 1) -> list[Any]:
    """Sentences to train on and, a tenth, to test on; then the labels of both."""
    sentences, y = load_sentence_polarity(return_X_y=True)
    return train_test_split(sentences, y, test_size=0.1, random_state=seed, stratify=y)


def make_model() -> Pipeline:
    """Sentences to numbered words, and a network that reads them in both directions.

    Words of one letter and punctuation count too; words that occur once are read as unknown. Six epochs, since the
    network soon knows its sentences by heart.
    """
    return make_pipeline(
        SequenceVectorizer(token_pattern=r"\S+", min_df=2),
        RNNClassifier(
            embedding_dim=64, bidirectional=True, dropout=0.6, learning_rate=2e-3, max_iter=6, random_state=1
        ),
    )


def main() -> None:
    """Train on nine tenths, compare on the rest, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="sentiment.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    train, test, y_train, y_test = load_split()
    model = make_model().fit(train, y_train)
    baseline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(train, y_train)
    score, other = model.score(test, y_test), baseline.score(test, y_test)
    print(f"accuracy on {len(test)} sentences: network {score:.3f}, counted words + logistic regression {other:.3f}")
    for sentence in ("a film without any wit .", "nobody will regret these two hours ."):
        print(f"{model.predict_proba([sentence])[0, 1]:.2f} in favour: {sentence}")
    if score < 0.74:
        raise SystemExit("the network has not learnt to tell praise from blame")

    display = ConfusionMatrixDisplay.from_estimator(
        model, test, y_test, display_labels=["against", "for"], normalize="true", cmap="Blues", colorbar=False
    )
    display.ax_.set_title(f"Sentences of film reviews: accuracy {score:.3f} (counted words {other:.3f})")
    display.figure_.savefig(arguments.output, dpi=130)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
