"""Who may reach the service: addresses, names, origins and tokens (pure, no socket)."""

import hmac
import ipaddress
import math
import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

ENOUGH_BITS = 128
"""Randomness of a token that nobody can guess, however fast."""

_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


def is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and cannot be reached from any other."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def sender(address: str) -> str:
    """Return what an IP address is counted under: itself, or its network where one has many.

    A single house or rented machine has 2⁶⁴ addresses of IPv6.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def host_of(values: Sequence[str], *, prefix: str = "") -> str | None:
    """Return the host of the one ``Host`` or ``Origin`` header in lower case, without the port.

    Args:
        values: every value that the header has in the request.
        prefix: what makes a URL of the value, ``//`` for ``Host``.

    Returns:
        None where there is not exactly one value or it names no host.
    """
    if len(values) != 1:
        return None
    try:
        host = urlsplit(f"{prefix}{values[0]}").hostname
    except ValueError:
        return None
    return host if host is not None and _HOST.fullmatch(host) else None


def authority(host: str, port: int | None) -> str:
    """Return ``HOST``, ``HOST:PORT`` or ``[HOST]:PORT`` as it stands in a URL."""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


def port_of(host_header: str) -> int | None:
    """Return the port in a ``Host`` header, None for that of the scheme or one that is nonsense."""
    try:
        return urlsplit(f"//{host_header}").port
    except ValueError:
        return None


def is_own_name(host: str, *, listening_on: str, names: Collection[str]) -> bool:
    """Whether a ``Host`` is a name of this service, and not one that was rebound to its address.

    Args:
        host: as of ``host_of``.
        listening_on: what the service was told to listen on.
        names: of this machine, with or without a domain.
    """
    # DNS rebinding needs a name that an attacker controls; an address cannot be rebound.
    if is_address(host) or is_loopback(host) or host == listening_on.lower():
        return True
    # On a network routers add domains of their own (.local, .lan); there the token guards.
    own_names = {name.lower().partition(".")[0] for name in names}
    return not is_loopback(listening_on) and host.partition(".")[0] in own_names


def is_trusted_origin(values: Sequence[str], host: str) -> bool:
    """Whether a page may connect: none at all, one of this service's host, or one of loopback.

    Args:
        values: every ``Origin`` header of the request.
        host: what the request took the service for.
    """
    if not values:
        return True
    origin = host_of(values)
    return origin is not None and (origin == host or is_loopback(origin))


def same_token(one: str, other: str) -> bool:
    """Compare in a time that does not tell how much of them is equal."""
    return hmac.compare_digest(one.encode(), other.encode())


def randomness_bits(token: str) -> float:
    """Estimate from its looks how many bits of randomness a token of ASCII holds.

    Every sign counts as drawn from the smallest usual alphabet that the token fits: digits,
    hexadecimal, Base32, letters of one case, Base64. Words, repeated parts, signs in a row such as
    ``1234`` or on the keyboard, passwords of others and the digits of π count for little. Less than
    one in a million of the tokens that were drawn with 128 bits, in hexadecimal or Base64, is taken
    for less: what looks like words counts as such only where enough of them are known ones.
    """
    bits = math.log2(_alphabet(token)) * len(token)
    if not _HEXADECIMAL.fullmatch(token):
        words = sum(map(len, _WORD.findall(token if not _is_shouted(token) else token.lower())))
        if words > 0.75 * sum(map(str.isalnum, token)) and _letters_of_known_words(token) >= 9:
            bits -= (math.log2(_alphabet(token)) - _BITS_PER_LETTER_OF_A_WORD) * words
    parts = [token[at : at + 4] for at in range(len(token) - 3)]
    if parts and len(set(parts)) < 0.75 * len(parts):
        bits *= len(set(parts)) / len(parts)
    in_a_row = sum(abs(ord(one) - ord(next_)) <= 1 for one, next_ in pairwise(token))
    if in_a_row > 0.6 * len(token):
        bits *= 1 - in_a_row / len(token)
    return min(bits, _bits_of_parts(token))


def is_famous_number(text: str) -> bool:
    """Whether the digits of a text are of π, e, √2 or the golden ratio, known to everybody."""
    digits = "".join(filter(str.isdigit, text))
    return len(digits) >= _FEWEST_DIGITS and any(digits in constant for constant in _CONSTANTS)


def _bits_of_parts(token: str) -> float:
    """Return the bits where half of a token or more are long parts that people use."""
    parts = _known_parts(token)
    covered = sum(len(part) for part, _ in parts)
    each = math.log2(_alphabet(token))
    if covered < len(token) / 2:
        return each * len(token)
    return each * (len(token) - covered) + sum(bits for _, bits in parts)


def _known_parts(token: str) -> list[tuple[str, float]]:
    """Return what people use of at least seven signs in a token, and the bits of each.

    Shorter ones are found in any signs.
    """
    if is_famous_number(token):
        return [(token, 0.0)]
    if _HEXADECIMAL.fullmatch(token):  # digits look like dates by chance
        return []
    return [
        (match["token"], math.log2(float(match["guesses"])))
        for match in _judged(token)
        if match["pattern"] != "bruteforce" and len(match["token"]) >= 7
    ]


_HEXADECIMAL = re.compile(r"[0-9a-f-]+|[0-9A-F-]+")
_WORD = re.compile(r"[A-Z][a-z]{2,}|[a-z]{3,}")
_BITS_PER_LETTER_OF_A_WORD = 2.0  # a word of six or seven letters out of a list of some thousands
_MOST_JUDGED = 72  # signs; zxcvbn takes no more, and its time grows with their square
_FEWEST_DIGITS = 12
_CONSTANTS = (  # 100 digits of π, e, √2 and the golden ratio
    "31415926535897932384626433832795028841971693993751058209749445923078164062862089"
    "98628034825342117067",
    "27182818284590452353602874713526624977572470936999595749669676277240766303535475"
    "94571382178525166427",
    "14142135623730950488016887242096980785696718753769480731766797379907324784621070"
    "38850387534327641572",
    "16180339887498948482045868343656381177203091798057628621354486227052604628189024"
    "49707207204189391137",
)
_ALPHABETS = (
    (re.compile(r"[0-9]*"), 10),
    (_HEXADECIMAL, 16),
    (re.compile(r"[A-Z]+|[a-z]+"), 26),
    (re.compile(r"[A-Z2-7]+"), 32),
)


def _alphabet(token: str) -> int:
    """Return how many signs the smallest usual alphabet has that a token fits."""
    return next((size for signs, size in _ALPHABETS if signs.fullmatch(token)), 64)


def _letters_of_known_words(token: str) -> int:
    """Return how many letters belong to words, names and passwords that people use.

    Words of three letters do not count, which are found in any letters.
    """
    words = [match["token"] for match in _judged(token) if match["pattern"] == "dictionary"]
    return sum(len(word) for word in words if len(word) >= 4)


def _judged(token: str) -> list[dict[str, Any]]:
    """Return the parts that make a token the easiest to guess, as zxcvbn sees it."""
    if not token:
        return []
    from zxcvbn import zxcvbn  # a tenth of a second, for its lists of words

    found: list[dict[str, Any]] = zxcvbn(token[:_MOST_JUDGED])["sequence"]
    return found


def _is_shouted(token: str) -> bool:
    return token.isupper() and not token.isalnum()


def bearer_token(authorization: str) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header; None for another scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
