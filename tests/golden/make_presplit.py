#!/usr/bin/env python3
"""Writes presplit.json: what python3-regex (Debian 12) makes of the pre-tokenizers' patterns.

The tests need no Python: they compare the matchers of runtime/text/patterns.cc with this file. It
holds, for each pre-tokenizer, the byte lengths of the pieces of each text, and, for every property
that the patterns use, the ranges of code points that have it. Run it again with a newer regex (newer
Unicode) when utf8proc is newer as well:  python3 make_presplit.py > presplit.json
"""
import json
import random
import sys

import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
PATTERNS = {
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "dbrx": [LLAMA3],
    "qwen2": [LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")],
    "tekken": [TEKKEN],
    "smollm": [r"\p{N}", GPT2],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
}
PROPERTIES = {
    "upper": r"[\p{Lu}\p{Lt}]", "lower": r"\p{Ll}", "other_letter": r"[\p{Lm}\p{Lo}]",
    "mark": r"\p{M}", "number": r"\p{N}", "space": r"\s", "newline": r"[\r\n]",
    "punctuation": r"[\p{P}\$\+<=>\^~\|]",
}

SENTENCES = [
    "The mill at the river stood still, and nobody knew why it didn't turn.",
    "She'd said they're late; we've time, I'll wait, he's here, I'm not, can't you?",
    "SHE'D SAID THEY'RE LATE; WE'VE TIME, I'LL WAIT, HE'S HERE, I'M NOT, CAN'T YOU?",
    "It'\u017f odd, he'\u017fn't, 'K'\u212a, '\u212a '\u212aa 'S 'lL 'Ll 'rE 'vE 'D 'T 'M o'clock",
    "l\u2019heure d\u2019\u00e9t\u00e9, c\u2019est tr\u00e8s bien; o\u00f9 es-tu?",
    "Stra\u00dfe, \u00c4pfel, \u00d6l und \u00dcbermut kosten 12,50 \u20ac (ca. 13.75 $).",
    "El ping\u00fcino comi\u00f3 1\u00ba y 2\u00aa raci\u00f3n \u00bfverdad? \u00a1S\u00ed!",
    "\u041c\u0435\u043b\u044c\u043d\u0438\u0446\u0430 \u0441\u0442\u043e\u044f\u043b\u0430 \u0443 \u0440\u0435\u043a\u0438, \u0438 \u041d\u0418\u041a\u0422\u041e \u043d\u0435 \u0437\u043d\u0430\u043b 42 \u043f\u0440\u0438\u0447\u0438\u043d\u044b.",
    "\u039f \u03bc\u03cd\u03bb\u03bf\u03c2 \u03ae\u03c4\u03b1\u03bd \u0394\u0399\u03a0\u039b\u0391 \u03c3\u03c4\u03bf \u03c0\u03bf\u03c4\u03ac\u03bc\u03b9\u00b7 \u03b3\u03b9\u03b1\u03c4\u03af;",
    "\u05d4\u05d8\u05d7\u05e0\u05d4 \u05e2\u05de\u05d3\u05d4 \u05dc\u05d9\u05d3 \u05d4\u05e0\u05d4\u05e8. \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd 5785",
    "\u0627\u0644\u0637\u0627\u062d\u0648\u0646\u0629 \u0639\u0646\u062f \u0627\u0644\u0646\u0647\u0631\u060c \u0661\u0662\u0663\u0664 \u0645\u0631\u0651\u0629\u064b \u0648\u0662\u066b\u0665",
    "\u0928\u0926\u0940 \u0915\u0947 \u092a\u093e\u0938 \u091a\u0915\u094d\u0915\u0940 \u0925\u0940\u0964 \u0967\u0968\u0969 \u0915\u094d\u0937\u0924\u094d\u0930\u093f\u092f",
    "\u09a8\u09a6\u09c0\u09b0 \u09a7\u09be\u09b0\u09c7 \u09e7\u09e8\u09e9\u099f\u09bf \u0995\u09b2",
    "\u0b86\u0bb1\u0bcd\u0bb1\u0bc1\u0b95\u0bcd\u0b95\u0bc1 \u0b85\u0bb0\u0bc1\u0b95\u0bbf\u0bb2\u0bcd \u0be7\u0be8\u0be9",
    "\u0e42\u0e23\u0e07\u0e2a\u0e35\u0e2d\u0e22\u0e39\u0e48\u0e23\u0e34\u0e21\u0e41\u0e21\u0e48\u0e19\u0e49\u0e33 \u0e51\u0e52\u0e53\u0e54 \u0e1b\u0e35",
    "\u1780\u17b6\u1793\u17cb\u178f\u17c2\u1796\u17b7\u179f\u17c1\u179f \u17e1\u17e2\u17e3",
    "\u0f56\u0f7c\u0f51\u0f0b\u0f66\u0f90\u0f51\u0f0d \u0f21\u0f22\u0f23",
    "\u6cb3\u8fb9\u7684\u78e8\u574a\u505c\u4e86\uff0c\u4e09\u767e\u516d\u5341\u4e94\u5929\u3002\uff11\uff12\uff13\uff14",
    "\u5ddd\u306e\u6c34\u8eca\u306f\u6b62\u307e\u3063\u305f\u3002\u30ab\u30bf\u30ab\u30ca\u30fc\u3068\u3072\u3089\u304c\u306a\u3001\u2460\u2461\u2462",
    "\uac15\uac00\uc758 \ubb3c\ub808\ubc29\uc544\ub294 \uba48\ucdc4\ub2e4. 2024\ub144 3\uc6d4",
    "\u10ec\u10d8\u10e1\u10e5\u10d5\u10d8\u10da\u10d8 \u1c9b\u1c93\u1c98\u1c9c\u1c90\u10e0\u10d4 12",
    "\u0531\u0580\u0561\u0563 \u057b\u0580\u0561\u0572\u0561\u0581\u0589 \u0587",
    "\u1230\u120b\u121d \u12c8\u1295\u12dd\u1362 \u1369\u136a\u136b",
    "\u13a0\u13a1\u13a2\u13a3 \uab70\uab71 Cherokee \u13f8",
    "\u01c5 \u01c8 \u01cb \u01f2 \u1f88\u1fbc \u02b0\u02b1 \u02c8\u02d0 \u1d2c\u1d43 a\u02b0B",
    "na\u00efve cafe\u0301 CAFE\u0301s e\u0301\u0302\u0303 \u0301abc \u0301\u0302ABC A\u0301B\u0302c x\u20ddy",
    "parseHTTPResponse getURLFor XMLHttpRequest iPhone15Pro eBay McDonald OpenAI's GPT4ALL aB Ab AB ab",
    "snake_case_name SCREAMING_SNAKE kebab-case path/to/file.txt C:\\dir\\x ../a//b https://a.b/c?d=e&f#g",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * 2.5e-3; } // done\r\n\t\treturn *p;\n}\n",
    "1 12 123 1234 12345 123456 1234567 12345678 3.14159 1,000,000 0x1F 2024-03-01T12:30:00Z",
    "\u00bd \u00bc \u00b2\u00b3 x\u00b2 \u2160\u2161\u2162 \u2164x \u3007 \u0966\u0967\u0968\u0969\u096a \u1d7d8\u1d7d9 \U0001d7ce\U0001d7cf \U00011136\U00011137",
    "\U0001f600\U0001f603 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd \u2764\ufe0f 5\ufe0f\u20e3 \U0001f636\u200d\U0001f32b\ufe0f ok",
    "\u2200x\u2208\u211d: \u2308x\u2309 = \u2212\u230a\u2212x\u230b \u2260 \u221e \u2115 \u2102 \U0001d538\U0001d4d0 \u00b1\u00d7\u00f7",
    "$100 + 20% = \u20ac? <b>a|b</b> ~^` \"q\" 'q' \u201cq\u201d \u00abq\u00bb \u2026 \u2014 \u2013 \u2010 _x_ @me #tag \u00a7 \u00b6 \u00b0C",
    "a  b   c    d     e\tf\t\tg \t h\t i \n j\n\nk\n\n\nl \n \n m\r\nn\r\n\r\no \r p",
    "a\u00a0b\u00a0\u00a0c\u3000d\u3000\u3000e\u2003f\u2009\u200ag\u202fh\u205fi\u1680j",
    "a\u0085b\u0085\u0085c \u0085 d\u2028e\u2028\u2029f\u000bg\u000c\u000ch\u001ci\u001d\u001e\u001fj",
    "a\u180eb\u180e\u180ec \u180e d\u200be\u200b\u200bf\u200dg\u200eh\ufeffi\u2060j\u00adk",
    "\ud7ff\ue000\ufffd\ufffe\uffff \U00010000\U0010ffff \ue000abc \U000e0001x \u0378y \u0000z\u0001",
    "   leading and trailing   ", " ", "  ", "\n", "\r\n", "\t", "\n\n\n", " \n", "\n ", "\n \n", "x",
    "'", "''", "'s", "''s", "'ss", " 's", "'S's", "'re're", "'l", "'ll", "'lll", "'r", "'v", "'\u017f", "'\u017f\u017f",
    "!\n", "!\r\n\n", "!/\n/", "?! /\r/\n//a", "//\n", " /", " //a/", "...\n\n...", ".\n /", "!\n!",
    "1!", "!1", " 1", "  1", "\t1", "\n1", "1\n", "a1b2", "A1", "1a", "1A", "\u0661a", "\u00bda", "\u3007\u4e00",
    "\u02b0", "\u02b0A", "A\u02b0", "A\u02b0B", "A\u02b0Bc", "AB\u02b0C", "\u4e00A", "A\u4e00", "A\u4e00B", "a\u4e00B", "A\u4e00b", "ABC\u4e00DEF",
    "\u0301", "\u0301\u0301", " \u0301", "\u0301A", "\u0301a", "!\u0301", "!\u0301A", "1\u0301", "1\u0301A", "\u0301!", "\n\u0301", "\u0301\n",
    "\u00aa", "\u00aaA", "\u00aaAB", "A\u00aaAB", "\u00aaAB\u00aaCD", " \u00aaAB", ".ABC", ".abc", ".ABCd", "..ABC", "..abc", " ABC", "\tABC", "\u3000ABC", "\u0085ABC",
]

# Single characters and short strings that sit at the edges of the patterns, to be thrown together.
ATOMS = list("aAzZ09 !/'\"_-.,") + [
    " ", "  ", "\n", "\r", "\r\n", "\t", "\u0085", "\u00a0", "\u180e", "\u2028", "\u3000", "\u200b",
    "'s", "'S", "'\u017f", "'ll", "'LL", "'rE", "'t", "\u017f", "\u212a", "\u2019s", "\u00e9", "\u00c9", "\u00df",
    "\u01c5", "\u02b0", "\u00aa", "\u4e00", "\u3042", "\u0905", "\u093f", "\u0301", "\u20dd", "\u0661", "\u00bd",
    "\u2160", "\U0001d7ce", "\U0001f600", "\u200d", "\ufe0f", "\ufffd", "$", "+", "<", "=", "^", "|", "`", "\u20ac",
]


def random_texts(count):
    rng = random.Random(20240301)
    return ["".join(rng.choice(ATOMS) for _ in range(rng.randint(3, 28))) for _ in range(count)]


def split(patterns, text):
    pieces = [text]
    for pattern in patterns:
        compiled = regex.compile(pattern)
        parts = []
        for piece in pieces:
            end = 0
            for match in compiled.finditer(piece):
                parts += [piece[end:match.start()], match.group()]
                end = match.end()
            parts.append(piece[end:])
        pieces = [part for part in parts if part]
    return pieces


def ranges(pattern):
    compiled = regex.compile(pattern)
    found = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or not compiled.fullmatch(chr(c)):
            continue
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def main():
    # ensure_ascii below writes surrogate pairs; a lone surrogate is no text.
    texts = [t for t in SENTENCES if not any(0xD800 <= ord(c) < 0xE000 for c in t)]
    texts += random_texts(400 - len(texts))
    lengths = {name: [[len(p.encode()) for p in split(patterns, t)] for t in texts]
               for name, patterns in PATTERNS.items()}
    properties = {name: ranges(pattern) for name, pattern in PROPERTIES.items()}
    parts = [json.dumps(k) + ": " + json.dumps(v, separators=(",", ":"))
             for k, v in [("texts", texts), *lengths.items(), *properties.items()]]
    sys.stdout.write("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
