"""What Jinja makes of chat templates, for Tests/lua/chat_template_test.lua.

    python3 scripts/golden/templates.py Tests/Golden/templates/cases.json.gz FOLDER...

jinja2 3.1.6 in the environment that transformers 5.23.0 sets up. `own` are the templates of this file with their
outputs, or the class and text of the error. `others` are files of the folders, by the SHA-256 of their text, with that
of each output: they belong to the makers of the models, and are not kept here. The test looks for them in the folders
that PERILUNE_TEMPLATES names, with colons between: models/templates of llama.cpp (in the sdist of llama-cpp-python
0.3.36), and trl/chat_templates of trl 1.16.0.
"""
import datetime
import glob
import gzip
import hashlib
import json
import os
import sys

import jinja2
import transformers
from transformers.utils import chat_template_utils

NOW = 1753620000  # 2025-07-27 12:40 UTC


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW)


chat_template_utils.datetime = Clock

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather <here> & \"now\" \u2600.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city"},
                "days": {"type": "integer", "enum": [1, 2]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        },
    },
}
CALL = {"id": "call00001", "type": "function",
        "function": {"name": "get_weather", "arguments": {"city": "Paris", "days": 2, "f": 1.0, "n": None, "b": True}}}


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


TOKENS = dict(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
CONVERSATIONS = [
    dict(messages=[turn("user", "Hello!")], add_generation_prompt=True),
    dict(messages=[turn("system", "Be kind."), turn("user", " Hi \n"), turn("assistant", " Yes?\n"),
                   turn("user", "1 < 2 & 'x'")], add_generation_prompt=True),
    dict(messages=[turn("system", "Use tools."), turn("user", "Weather?"),
                   turn("assistant", "", tool_calls=[CALL]),
                   turn("tool", "{\"t\": 21}", name="get_weather", tool_call_id="call00001"),
                   turn("assistant", "21 degrees.")], tools=[WEATHER], add_generation_prompt=False),
    dict(messages=[turn("user", "Think."), turn("assistant", "<think>\nwhy\n</think>\n\nSo.", reasoning_content="why"),
                   turn("user", "Again."), turn("assistant", "Done.", reasoning_content="because\n")],
         add_generation_prompt=False, enable_thinking=True, thinking=True),
    dict(messages=[turn("user", ""), turn("assistant", ""), turn("user", "")], add_generation_prompt=True,
         enable_thinking=False),
    dict(messages=[turn("user", "caf\u00e9 e\u0301 \u4f60\u597d \U0001f469\u200d\U0001f4bb\r\n<|im_end|></s>\ttab"),
                   turn("assistant", "\u00df \u0e01\u0e33 \u2028 end")], add_generation_prompt=False),
    dict(messages=[turn("user", [{"type": "text", "text": "Part one."}, {"type": "text", "text": " Two."}]),
                   turn("assistant", [{"type": "text", "text": "Answer."}]), turn("user", "Plain.")],
         add_generation_prompt=True, tools=None, documents=None),
    dict(messages=[turn("user", "One"), turn("user", "Two"), turn("assistant", "Three"), turn("assistant", "Four")],
         add_generation_prompt=False, tools=[WEATHER, WEATHER], date_string="26 Jul 2024"),
]


def run(template, variables):
    """The output of a template, or its error."""
    try:
        return {"text": chat_template_utils._compile_jinja_template(template).render(**variables)}
    except Exception as error:  # whatever a template raises
        return {"error": type(error).__name__, "message": str(error)}


def main(path, folders):
    own = []
    for template, variables in own_cases():
        own.append(dict(template=template, variables=json.dumps(variables), **run(template, variables)))
    others = {}
    for folder in folders:
        for name in sorted(glob.glob(os.path.join(folder, "*.jinja"))):
            with open(name, encoding="utf-8", newline="") as file:
                template = file.read()
            found = []
            for conversation in CONVERSATIONS:
                made = run(template, {**TOKENS, **conversation})
                if "text" in made:
                    made = {"hash": hashlib.sha256(made["text"].encode()).hexdigest()}
                else:
                    made.pop("message", None)
                found.append(made)
            others[hashlib.sha256(template.encode()).hexdigest()] = dict(name=os.path.basename(name), found=found)
    record = dict(
        made_by=f"jinja2 {jinja2.__version__}, transformers {transformers.__version__}", now=NOW,
        conversations=[json.dumps({**TOKENS, **c}) for c in CONVERSATIONS], own=own, others=others)
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(json.dumps(record, ensure_ascii=False).encode())
    errors = sum("error" in case for case in own)
    print(f"{len(own)} own cases, {errors} of them errors; {len(others)} other templates")


def own_cases():
    """The templates of templates_own.py, each with the variables that it reads."""
    from templates_own import CASES, VARIABLES
    for template in CASES:
        yield template, VARIABLES


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main(sys.argv[1], sys.argv[2:])
