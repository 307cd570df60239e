"""Reads lines {"schema", "texts"}; fails where a text is no JSON or does not match its schema (python3-jsonschema)."""
import json
import sys

import jsonschema

n_texts = 0
for line in open(sys.argv[1], encoding="utf-8"):
    case = json.loads(line)
    validator = jsonschema.Draft202012Validator(case["schema"], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    for text in case["texts"]:
        try:
            errors = [e.message for e in validator.iter_errors(json.loads(text))]
        except ValueError as error:
            errors = [str(error)]
        if errors:
            sys.exit(f"{json.dumps(case['schema'])}\n{text}\n{errors[0]}")
        n_texts += 1
print(f"{n_texts} texts match their schemas")
