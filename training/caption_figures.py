"""BLEU-4 and CIDEr-D of captions, as pycocoevalcap counts them; words are lower case, without punctuation.

BLEU: arXiv (Papineni et al. 2002), corpus level, closest reference length. CIDEr-D: arXiv:1411.5726, section 3 and
appendix: n-grams to 4, clipped, sigma 6, document frequencies over the references at hand, scale 0 to 10.
"""

import math
import re
from collections import Counter

N, SIGMA = 4, 6.0


def words(caption):
    """Lower-case words and numbers of a caption; punctuation falls."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", caption.lower())


def grams(tokens):
    """Counts of all n-grams to N."""
    return Counter(tuple(tokens[i:i + n]) for n in range(1, N + 1) for i in range(len(tokens) - n + 1))


def bleu4(candidates, references):
    """Corpus BLEU-4: candidates [n] of strings, references [n] of lists of strings."""
    hits, total, length, closest = [0] * N, [0] * N, 0, 0
    for candidate, refs in zip(candidates, references):
        tokens, refs = words(candidate), [words(r) for r in refs]
        most = Counter()
        for ref in refs:
            most |= grams(ref)
        for gram, count in grams(tokens).items():
            hits[len(gram) - 1] += min(count, most[gram])
            total[len(gram) - 1] += count
        length += len(tokens)
        closest += min((abs(len(r) - len(tokens)), len(r)) for r in refs)[1]
    if not length or 0 in hits:
        return 0.0
    precision = sum(math.log(h / t) for h, t in zip(hits, total)) / N
    return math.exp(precision + min(0.0, 1 - closest / length))


def cider_d(candidates, references):
    """Mean CIDEr-D, 0 to 10."""
    refs = [[grams(words(r)) for r in rs] for rs in references]
    seen = Counter()
    for rs in refs:
        seen.update(set().union(*rs))
    log_images = math.log(len(refs))

    def weighted(counts):
        vec, norm = [{} for _ in range(N)], [0.0] * N
        for gram, count in counts.items():
            n = len(gram) - 1
            vec[n][gram] = count * (log_images - math.log(max(1.0, seen[gram])))
            norm[n] += vec[n][gram] ** 2
        return vec, [math.sqrt(x) for x in norm], sum(c for g, c in counts.items() if len(g) == 2)

    scores = []
    for candidate, rs in zip(candidates, refs):
        vec, norm, length = weighted(grams(words(candidate)))
        total = 0.0
        for other, other_norm, other_length in map(weighted, rs):
            penalty = math.exp(-((length - other_length) ** 2) / (2 * SIGMA ** 2))
            for n in range(N):
                shared = sum(min(v, other[n][g]) * other[n][g] for g, v in vec[n].items() if g in other[n])
                if norm[n] and other_norm[n]:
                    total += penalty * shared / (norm[n] * other_norm[n]) / N
        scores.append(10.0 * total / len(rs))
    return sum(scores) / len(scores)
