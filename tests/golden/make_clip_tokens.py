#!/usr/bin/env python3
"""clip_tokens.txt - texts and the tokens that transformers' CLIPTokenizer makes of them.

    pip install transformers==5.23.0 tokenizers==0.23.3
    tests/golden/make_clip_tokens.py --vocabulary VOCABULARY -o tests/golden/clip_tokens.txt

VOCABULARY has vocab.json and merges.txt. A line is a text, its tokens as SD 1.x has them (padding <|endoftext|>), and as SD
2.x has them (padding "!"; "=" if equal), without begin, end and padding, at most 75. Texts are bytes in hexadecimal: they need
not be UTF-8, and are then read with errors="replace". --count and --seed make other texts: the test reads the file named by
HF_CLIP_TOKENS too.
"""
import argparse
import json
import random
import shutil
import tempfile
import unicodedata

from transformers import CLIPTokenizer

BY_HAND = [
    '', ' ', '   ', 'a cat', 'A Cat', 'a photo of an astronaut riding a horse on mars', "it's IT'S they'Ll I'VE we'd 'tis o'clock",
    'a cat!', 'hi!!! there', '!', '!!', 'a ! b', '<|endoftext|>', '<|startoftext|>', '<|ENDOFTEXT|> x', '<|StartOfText|>',
    'a<|endoftext|>b <|startoftext|>c', '<|endoftext|><|endoftext|>', '!<|endoftext|>!!', '<|end', "<|end's|>", '<<|endoftext|>>',
    '?<|ENDOFTEXT|>?', '\u0130stanbul I\u0131i\u0307 DI\u015eI', '\ufb01n \ufb02y \xdf \u1e9e stra\xdfe STRASSE', 'e\u0301 \xe9 e\u0301\u0323 \u1ec7',
    '\u212b \u2126 \u2460\u2461 \xbd \xb2 \u0663 \u4e09', '\u65e5\u672c\u8a9e \u4e2d\u6587 \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab',
    '\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f', 'a\x00b\x01\x1f\x7f', 'a\u200bb\u00adc\ufeffd',
    '\t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000x', '1234 3.14 1,000 2nd', 'word' * 60,
    'x' * 400, '(masterpiece), best quality, 8k', 'https://example.org/?q=a+b&c=d#e', 'snake_case CamelCase kebab-case', 'na\xefve fa\xe7ade',
    '\u03a3\u03c3\u03c2 \u039f\u0394\u039f\u03a3', '\u01c4\u01c5\u01c6 \u01f0', '\u0958 \u09dc \u0f43 \u0344 \u0340', '\u2adc \u1d15e',
    '\u0f71\u0f72 \u0327\u0301\u0338', 'a' + '\u0301' * 40, '\ud7a3\u11a8 \u1100\u1161\u11a8', "''''s '''t", "'S 'T", '...', '\u2026', '$5', 'C++',
]
INVALID = [b'\xff', b'a\x80b', b'\xc3', b'\xc3(', b'\xe2\x82', b'\xe2\x28\xa1', b'\xf0\x9f\x98', b'\xf0\x28\x8c\xbc', b'\xed\xa0\x80', b'\xc0\xaf',
           b'\xe0\x80\xaf', b'\xf4\x90\x80\x80', b'\xf8\x88\x80\x80\x80', b'caf\xe9', b'\xe9\xe9 \xf0\x9f', b'\xf0\x90\x80', b'\xef\xbf\xbd\xef\xbf']
WORDS = '''a an the of in on with photo painting cat dog horse rider bike motorbike surfing mountain snow street night golden
hour portrait cinematic lighting ultra detailed 4k HDR trending artstation Greg van Gogh style blue-green don't isn't we're
they've I'm you'll he'd two 3 17 1999 %s _x_ #tag @you a.b, (c) [d] {e} "f" -- ; : / & * ~ ` ^ | \\ < > = + %'''.split()
BLOCKS = [(0x20, 0x7e), (0xa0, 0xff), (0x100, 0x24f), (0x250, 0x2af), (0x2b0, 0x36f), (0x370, 0x3ff), (0x400, 0x52f), (0x531, 0x58a), (0x591, 0x5f4),
          (0x600, 0x6ff), (0x900, 0xd7f), (0xe00, 0xfff), (0x10a0, 0x11ff), (0x1200, 0x137f), (0x13a0, 0x13fd), (0x1c80, 0x1cbf), (0x1e00, 0x1fff),
          (0x2000, 0x206f), (0x2070, 0x218f), (0x2190, 0x2bff), (0x2c00, 0x2dff), (0x3000, 0x30ff), (0x3130, 0x33ff), (0x4e00, 0x9fff), (0xa640, 0xa7ff),
          (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xffff), (0x10000, 0x10fff), (0x11000, 0x11fff), (0x16e40, 0x16e9f),
          (0x1d100, 0x1d7ff), (0x1e000, 0x1e95f), (0x1f000, 0x1faff), (0x20000, 0x2a6df), (0xe0000, 0xe01ef)]
MARKS = [c for c in range(0x110000) if unicodedata.combining(chr(c))]
COMPOSED = [c for c in range(0x110000) if unicodedata.decomposition(chr(c)) and '<' not in unicodedata.decomposition(chr(c))]
SPECIAL = ['<|endoftext|>', '<|startoftext|>', '<|EndOfText|>', '!', '!!', "'s", "'LL", '  ', '\n', '\xa0', '\u3000', '\u200d']


def points(r, n):
    first, last = r.choice(BLOCKS)
    return ''.join(chr(c) for c in (r.randint(first, last) for _ in range(n)) if not 0xd800 <= c < 0xe000)


def prompt(r):
    return ' '.join(r.choice(WORDS) for _ in range(r.randint(1, 8)))


def mixture(r):
    parts = [r.choice(WORDS), points(r, r.randint(1, 3)), r.choice(SPECIAL), r.choice(WORDS).upper()]
    return r.choice(['', ' ']).join(r.choice(parts) for _ in range(r.randint(2, 5)))


def marked(r):
    text = ''
    for _ in range(r.randint(1, 3)):
        text += r.choice([points(r, 1), r.choice('aeiouAEIOUnsc'), chr(r.choice(COMPOSED))])
        text += ''.join(chr(r.choice(MARKS)) for _ in range(r.randint(0, 3)))
    return text


def decomposed(r):
    return unicodedata.normalize(r.choice(['NFD', 'NFD', 'NFKD', 'NFC']), ''.join(chr(r.choice(COMPOSED)) for _ in range(r.randint(1, 4))))


def broken(r):
    data = bytearray((points(r, 3) + r.choice(WORDS)).encode())
    for _ in range(r.randint(1, 3)):
        data[r.randrange(len(data))] = r.randrange(256)
    return bytes(data[r.randint(0, 2):])


def texts(count, seed):
    r = random.Random(seed)
    yield from (t.encode() for t in BY_HAND)
    yield from INVALID
    kinds = [prompt, mixture, marked, decomposed, broken, lambda r: points(r, r.randint(1, 6))]
    for i in range(count - len(BY_HAND) - len(INVALID)):
        text = kinds[i % len(kinds)](r)
        if i % 100 == 50:   # too long
            text = ' '.join(prompt(r) for _ in range(16))
        yield text if isinstance(text, bytes) else text.encode()


def tokenizer(vocabulary, pad):
    """With the config that the published models have."""
    def token(text):
        return {'__type': 'AddedToken', 'content': text, 'lstrip': False, 'normalized': True, 'rstrip': False, 'single_word': False}

    with tempfile.TemporaryDirectory() as folder:
        for name in ('vocab.json', 'merges.txt'):
            shutil.copyfile(f'{vocabulary}/{name}', f'{folder}/{name}')
        config = {'add_prefix_space': False, 'bos_token': token('<|startoftext|>'), 'do_lower_case': True,
                  'eos_token': token('<|endoftext|>'), 'errors': 'replace', 'model_max_length': 77, 'pad_token': pad,
                  'tokenizer_class': 'CLIPTokenizer', 'unk_token': token('<|endoftext|>')}
        with open(f'{folder}/tokenizer_config.json', 'w') as f:
            json.dump(config, f)
        return CLIPTokenizer.from_pretrained(folder)


def tokens(tokenizer, text):
    ids = tokenizer(text, padding='max_length', max_length=77, truncation=True).input_ids
    n = sum(tokenizer(text, max_length=77, truncation=True).attention_mask)
    assert len(ids) == 77 and ids[0] == 49406 and ids[n - 1] == 49407 and set(ids[n:]) <= {tokenizer.pad_token_id}
    return ' '.join(map(str, ids[1:n - 1]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--vocabulary', required=True)
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('-o', required=True)
    args = parser.parse_args()
    sd1, sd2 = tokenizer(args.vocabulary, '<|endoftext|>'), tokenizer(args.vocabulary, '!')
    with open(args.o, 'w') as f:
        for data in texts(args.count, args.seed):
            text = data.decode(errors='replace')
            a, b = tokens(sd1, text), tokens(sd2, text)
            f.write(f"{data.hex()}\t{a}\t{'=' if a == b else b}\n")


if __name__ == '__main__':
    main()
