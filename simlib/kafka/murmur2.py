"""The key hash of Kafka's Java client and of kafka-python."""

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_SHIFT = 24
_32_BITS = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash of `data`, signed as Java prints it (K39)."""
    hashed = _SEED ^ len(data)
    whole_words = len(data) & ~3
    for start in range(0, whole_words, 4):
        word = int.from_bytes(data[start : start + 4], "little")
        hashed = (hashed * _MULTIPLIER & _32_BITS) ^ _mixed(word)
    if whole_words < len(data):
        hashed ^= int.from_bytes(data[whole_words:], "little")
        hashed = hashed * _MULTIPLIER & _32_BITS
    return _signed(_finished(hashed))


def _mixed(word: int) -> int:
    word = word * _MULTIPLIER & _32_BITS
    word ^= word >> _SHIFT
    return word * _MULTIPLIER & _32_BITS


def _finished(hashed: int) -> int:
    hashed ^= hashed >> 13
    hashed = hashed * _MULTIPLIER & _32_BITS
    return hashed ^ hashed >> 15


def _signed(hashed: int) -> int:
    return hashed - 2**32 if hashed >= 2**31 else hashed
