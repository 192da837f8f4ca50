#!/usr/bin/env python3
"""clip_unicode_tables.h - what CLIP's tokeniser knows of Unicode, as the reference's own library knows it.

    pip install tokenizers==0.23.3
    src/net/make_clip_unicode.py src/net/clip_unicode_tables.h

Letters, numbers, white space and small letters are asked of the library, code point by code point: its parts follow
different versions of Unicode. Its NFC is older than Python's; marks and compositions that it does not know are left out.
"""
import sys
import unicodedata

from tokenizers import Regex, normalizers

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
nfc = normalizers.NFC().normalize_str
lower = normalizers.Lowercase().normalize_str


HEAD = '''/* clip_unicode_tables.h - what CLIP's tokeniser knows of Unicode; for clip_unicode.c alone.
 *
 * Made whole by make_clip_unicode.py, which asks the tokenizers library: do not edit. One file, however long, because
 * nobody reads it and one script writes it.
 */
'''


def members(pattern):
    drop = normalizers.Replace(Regex(pattern), '').normalize_str
    return [c for c in ALL if drop(chr(c)) == '']


def ranges(values):
    """[(first, last, value)] of equal neighbours in {code point: value}."""
    out = []
    for c in sorted(values):
        if out and out[-1][1] == c - 1 and out[-1][2] == values[c]:
            out[-1][1] = c
        else:
            out.append([c, c, values[c]])
    return out


def classes():
    """Combining classes of the marks that the library moves: U+0334 has class 1, U+0345 class 240."""
    out = {}
    for c in ALL:
        k = unicodedata.combining(chr(c))
        if not k:
            continue
        before, after = '\ufffc' + chr(c) + '\u0334', '\ufffc\u0345' + chr(c)
        if nfc(before) != before or nfc(after) != after or c in (0x334, 0x345):
            out[c] = k
    return out


def decompositions():
    """[(code point, first, second or 0, composes)] one step each; Hangul syllables follow a rule instead."""
    out = []
    for c in ALL:
        d = unicodedata.decomposition(chr(c))
        if not d or d.startswith('<'):
            continue
        parts = [int(x, 16) for x in d.split()]
        text = ''.join(map(chr, parts))
        composes = len(parts) == 2 and nfc(text) == chr(c)
        decomposes = nfc(chr(c)) != chr(c)
        if composes or decomposes:
            out.append((c, parts[0], parts[1] if len(parts) == 2 else 0, int(composes)))
    return out


def lowercase():
    """[(first, last, step, difference)] and the code points that become two."""
    runs, special = [], []
    for c in ALL:
        text = lower(chr(c))
        if text == chr(c):
            continue
        if len(text) > 1:
            special.append((c, [ord(x) for x in text]))
            continue
        d = ord(text) - c
        if runs and runs[-1][3] == d and c - runs[-1][1] <= 2 and runs[-1][2] in (0, c - runs[-1][1]):
            runs[-1][2], runs[-1][1] = c - runs[-1][1], c
        else:
            runs.append([c, c, 0, d])
    return [(a, b, s or 1, d) for a, b, s, d in runs], special


def table(f, what, kind, name, rows):
    f.write(f'\n/* {what} */\nstatic const {kind} {name}[] = {{\n')
    line = '   '
    for row in rows:
        text = ' { ' + ', '.join(str(v) if v < 0 or i >= 2 and v < 256 else f'0x{v:X}' for i, v in enumerate(row)) + ' },'
        if len(line) + len(text) > 118:
            f.write(line + '\n')
            line = '   '
        line += text
    f.write(line + '\n};\n')


def pairs(code_points):
    return [(a, b) for a, b, _ in ranges(dict.fromkeys(code_points, 1))]


def main():
    small, special = lowercase()
    assert special == [(0x130, [0x69, 0x307])], special    # written into clip_unicode.c
    assert all(lower(chr(c + s * k)) == chr(c + s * k + d)
               for c, e, s, d in small for k in range((e - c) // s + 1))
    with open(sys.argv[1], 'w') as f:
        f.write(HEAD)
        table(f, 'Letters, first and last: \\p{L}.', 'code_range', 'letters', pairs(members(r'\p{L}')))
        table(f, 'Numbers: \\p{N}.', 'code_range', 'numbers', pairs(members(r'\p{N}')))
        table(f, 'White space: \\s.', 'code_range', 'spaces', pairs(members(r'\s')))
        table(f, 'Capitals: first, last, step, what is added for the small letter. U+0130 is not here: it becomes two.',
              'code_shift', 'capitals', small)
        table(f, 'Marks, first, last, canonical combining class.', 'code_class', 'marks', ranges(classes()))
        table(f, 'Code point, what it falls into (one step; 0: into one), whether these two compose again.',
              'code_parts', 'decompositions', decompositions())


if __name__ == '__main__':
    main()
