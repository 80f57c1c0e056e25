"""Parameters of papermill in Lua.

papermill loads the engine of this module when it starts. The engine is papermill's own; loading it makes the
translator of Lua known.

    papermill in.ipynb out.ipynb -k perilune -p seed 3
"""

import math
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

KEYWORDS = set(
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split()
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
ASSIGNMENT = re.compile(r"\s*(?:local\s+)?([A-Za-z_]\w*)\s*(?:<\s*\w+\s*>)?\s*=\s*(.*?)\s*;?\s*(?:--\s*(.*))?$")


class Engine(NBClientEngine):
    """papermill's engine, under the name `perilune`."""


class LuaTranslator(Translator):
    @classmethod
    def translate_none(cls, val):
        return "nil"

    @classmethod
    def translate_int(cls, val):
        if -(2**63) < val < 2**63:
            return str(val)
        return repr(float(val))

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "(0/0)"
        if math.isinf(val):
            return "math.huge" if val > 0 else "-math.huge"
        return repr(val)

    @classmethod
    def translate_str(cls, val):
        escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        text = "".join(escapes.get(c, c if c >= " " and c != "\x7f" else f"\\x{ord(c):02x}") for c in val)
        return f'"{text}"'

    @classmethod
    def translate_escaped_str(cls, val):
        return cls.translate_str(str(val))

    @classmethod
    def translate_list(cls, val):
        return "{" + ", ".join(cls.translate(each) for each in val) + "}"

    @classmethod
    def translate_dict(cls, val):
        def key(name):
            name = str(name)
            return name if NAME.match(name) and name not in KEYWORDS else f"[{cls.translate_str(name)}]"

        return "{" + ", ".join(f"{key(name)} = {cls.translate(each)}" for name, each in val.items()) + "}"

    @classmethod
    def comment(cls, cmt_str):
        return f"-- {cmt_str}".strip()

    @classmethod
    def assign(cls, name, str_val):
        if not NAME.match(name) or name in KEYWORDS:
            raise ValueError(f"a parameter's name must be a name in Lua, got {name!r}")
        return f"{name} = {str_val}"

    @classmethod
    def inspect(cls, parameters_cell):
        found = []
        for line in parameters_cell["source"].splitlines():
            match = ASSIGNMENT.match(line)
            if match:
                name, default, comment = match.groups()
                found.append(Parameter(name=name, inferred_type_name="None", default=default, help=comment or ""))
        return found


papermill_translators.register("lua", LuaTranslator)
