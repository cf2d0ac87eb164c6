"""Leave out of deviations what differs between two runs of one set; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from minreq.minimize.compare import BY_LINE, VARYING_LINES_OF, Deviation, differs_in_numbers
from minreq.minimize.volatiletext import mask_numbers, split_words


def drop_noisy_kinds(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Leave out of *found* each stage and kind that *noise* has too."""
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in noisy)


def subtract_noise(
    found: Iterable[Deviation], noise: Iterable[Deviation], *, by_word: bool = False
) -> tuple[Deviation, ...]:
    """Leave out of *found* what *noise* explains; *noise* is how runs of the expected set differ from the expected run.

    A missing line counts if all of those runs have it; where only numbers vary, the new lines stand beside it. If each
    of them has as many lines that vary as the expected run, another number counts too; the deviation then has only the
    numbers. With *by_word* a line that varies has to have the words that are in it in all of those runs.
    """
    noise_at: dict[tuple[str, str], list[Deviation]] = {}
    for each in noise:
        noise_at.setdefault((each.stage, each.what), []).append(each)
    beyond = (
        _remove_noise(each, noise_at[each.stage, each.what], by_word=by_word)
        if (each.stage, each.what) in noise_at
        else each
        for each in found
    )
    return tuple(filter(None, beyond))


def _remove_noise(deviation: Deviation, noise: Sequence[Deviation], *, by_word: bool) -> Deviation | None:
    if deviation.what not in BY_LINE:
        return None
    expected, seen = deviation.first.splitlines(), deviation.second.splitlines()
    varying: Counter[str] = Counter()
    for each in noise:
        varying |= Counter(each.first.splitlines())
    missing = sorted((Counter(expected) - varying).elements())
    if missing:
        return replace(deviation, first="\n".join(missing), second="\n".join(_drop_noisy_numbers(seen, noise)))
    is_number_steady = all(len(each.first.splitlines()) == len(each.second.splitlines()) for each in noise)
    if is_number_steady and len(expected) != len(seen):
        return replace(deviation, first=f"lines that vary: {len(expected)}", second=f"lines that vary: {len(seen)}")
    return _find_changed_words(deviation, noise) if by_word else None


def _drop_noisy_numbers(lines: Iterable[str], noise: Sequence[Deviation]) -> list[str]:
    """Return *lines* without those that differ from a line of *noise* only in numbers.

    Where more than numbers varies, any line may be noise, and none is returned. So the evidence is the same whether or
    not a clock has gone on between two runs.
    """
    if not all(map(differs_in_numbers, noise)):
        return []
    varying = {mask_numbers(line) for each in noise for line in each.first.splitlines()}
    return [line for line in lines if mask_numbers(line) not in varying]


def _find_changed_words(deviation: Deviation, noise: Iterable[Deviation]) -> Deviation | None:
    """Return the words that the lines that vary have in all runs of *noise*, and lack in *deviation*."""
    seen = deviation.second.splitlines()
    steady: dict[str, Counter[str]] = {}
    for each in noise:
        partners = _pair_lines(each.first.splitlines(), each.second.splitlines())
        for line, partner in partners.items():
            words = steady.get(line, Counter(split_words(line)))
            steady[line] = words & Counter(split_words(partner))
    changed: list[str] = []
    # The lines with most of such words first: a line that varies as a whole may be any of the others.
    for line in sorted(deviation.first.splitlines(), key=lambda each: (-steady[each].total(), each)):
        fitting = [each for each in seen if steady[line] <= Counter(split_words(each))]
        similar = _find_most_similar(line, fitting or seen)
        if not fitting:
            lost = steady[line] - Counter(split_words(similar))
            changed += [" ".join(word for word in split_words(line) if word in lost)]
        if similar in seen:
            seen.remove(similar)
    first = "\n".join(sorted(filter(None, changed)))
    return replace(deviation, what=f"{VARYING_LINES_OF}{deviation.what}", first=first, second="") if first else None


def _pair_lines(first: Iterable[str], second: Sequence[str]) -> dict[str, str]:
    """Return for each line of *first* the line of *second* that is most like it, each once; "" where none is left."""
    left, found = list(second), {}
    for line in first:
        found[line] = _find_most_similar(line, left)
        if left:
            left.remove(found[line])
    return found


def _find_most_similar(line: str, others: Sequence[str]) -> str:
    """Return the first of *others* that has most words in common with *line*; "" without others."""
    words = Counter(split_words(line))
    return max(others, key=lambda each: (words & Counter(split_words(each))).total(), default="")
