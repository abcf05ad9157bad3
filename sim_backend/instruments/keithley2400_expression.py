"""Mathematical expressions of a Series 2400: ``:CALCulate1:MATH:EXPRession``.

An expression is kept as text and compiled to a function of a few consecutive readings: a name with
an index, ``VOLT[1]``, is the reading after the next one, and the result is made once for as many
readings as the expression refers to.

Source: 2400 Series SourceMeter User's Manual, section 8 "Math operations", pages 18-28 to 18-32,
errors +804 to +821.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sim_backend.wire.parameters import ScpiError

__all__ = ["BUILT_IN", "NOT_A_NUMBER", "Expression", "compile_expression"]

NOT_A_NUMBER = 9.91e37
UNDEFINED, NOT_AN_OPERAND, PARENTHESIS, BRACKETS, NOT_PARSED = 805, 811, 812, 814, 816
TOKEN, INDEX, DEEP = 817, 821, 815
_DEEPEST = 20  # parentheses within each other [to be checked]
_LARGEST_INDEX = 2499
_PLACES = {"VOLT": 0, "VOLTAGE": 0, "CURR": 1, "CURRENT": 1, "RES": 2, "RESISTANCE": 2, "TIME": 3}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]+)|(?P<sign>[-+*/^()\[\]]))"
)

#: expressions every instrument has; the varistor's and the coefficient's take two readings
BUILT_IN: Mapping[str, str] = MappingProxyType({
    "POWER": "(VOLT * CURR)",
    "OFFCOMPOHM": "((VOLT[1] - VOLT[0]) / (CURR[1] - CURR[0]))",
    "VOLTCOEF": "((RES[0] - RES[1]) / (RES[1] * (VOLT[0] - VOLT[1])) * 100)",
    "VARALPHA": "(log(CURR[1] / CURR[0]) / log(VOLT[1] / VOLT[0]))",
})  # fmt: skip

Values = Sequence[Sequence[float]]  #: readings, each (v, i, r, t)
Value = Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that can be worked out."""

    value: Value
    readings: int  #: how many it takes

    def over(self, rows: Values) -> list[float]:
        """Return the results over readings, one for every `readings` of them."""
        n = self.readings
        return [self._one(rows[k : k + n]) for k in range(0, len(rows) - n + 1, n)]

    def _one(self, rows: Values) -> float:
        try:
            result = self.value(rows)
        except (ArithmeticError, ValueError):
            return NOT_A_NUMBER
        return result if abs(result) < NOT_A_NUMBER else NOT_A_NUMBER


def compile_expression(text: str) -> Expression:
    """Return an expression from its text.

    Raises
    ------
    ScpiError
        With the number that the instrument gives for what is wrong.
    """
    parser = _Parser(_tokens(text))
    value = parser.sum(0)
    if parser.next is not None:
        raise ScpiError(PARENTHESIS if parser.next in "()" else NOT_PARSED, text)
    return Expression(value, parser.largest + 1)


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None:
            raise ScpiError(TOKEN, text)
        tokens.append(match[0].strip().upper())
        place = match.end()
    if not tokens:
        raise ScpiError(NOT_AN_OPERAND, text)
    return tokens


_SUM = {"+": operator.add, "-": operator.sub}
_PRODUCT = {"*": operator.mul, "/": operator.truediv}
_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "LOG": math.log10, "LN": math.log, "SIN": math.sin, "COS": math.cos, "TAN": math.tan,
    "EXP": math.exp,
}  # fmt: skip


class _Parser:
    """Sums of products of powers, by recursive descent."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._place = tokens, 0
        self.largest = 0  #: index of a reading that is referred to

    @property
    def next(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self) -> str | None:
        token = self.next
        self._place += 1
        return token

    def _expect(self, token: str, error: int) -> None:
        if self._take() != token:
            raise ScpiError(error, token)

    def sum(self, depth: int) -> Value:
        if depth > _DEEPEST:
            raise ScpiError(DEEP, "(")
        value = self._product(depth)
        while self.next in ("+", "-"):
            value = _combined(_SUM[self._take() or "+"], value, self._product(depth))
        return value

    def _product(self, depth: int) -> Value:
        value = self._power(depth)
        while self.next in ("*", "/"):
            value = _combined(_PRODUCT[self._take() or "*"], value, self._power(depth))
        return value

    def _power(self, depth: int) -> Value:
        signs = 0
        while self.next in ("+", "-"):
            signs += self._take() == "-"
        value = self._operand(depth)
        if self.next == "^":
            self._take()
            value = _combined(math.pow, value, self._power(depth + 1))
        if signs % 2:
            return _combined(operator.sub, lambda _: 0.0, value)
        return value

    def _operand(self, depth: int) -> Value:
        token = self._take()
        if token is None or token in "+-*/^)[]":
            raise ScpiError(PARENTHESIS if token == ")" else NOT_AN_OPERAND, token or "")
        if token == "(":
            value = self.sum(depth + 1)
            self._expect(")", PARENTHESIS)
            return value
        if token in _FUNCTIONS:
            return self._function(_FUNCTIONS[token], depth)
        if token in _PLACES:
            return self._reading(_PLACES[token])
        if token[0].isalpha() or token[0] == "_":
            raise ScpiError(UNDEFINED, token)
        number = float(token)
        return lambda _: number

    def _function(self, function: Callable[[float], float], depth: int) -> Value:
        self._expect("(", PARENTHESIS)
        inner = self.sum(depth + 1)
        self._expect(")", PARENTHESIS)
        return lambda rows: function(inner(rows))

    def _reading(self, place: int) -> Value:
        index = 0
        if self.next == "[":
            self._take()
            token = self._take() or ""
            if not token.isdigit() or int(token) > _LARGEST_INDEX:
                raise ScpiError(INDEX, token)
            index = int(token)
            self._expect("]", BRACKETS)
        self.largest = max(self.largest, index)
        return lambda rows: rows[index][place]


def _combined(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    return lambda rows: operation(left(rows), right(rows))
