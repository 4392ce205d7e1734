"""Reads tensor bundles, which TensorFlow's checkpoints of version 2 are: PREFIX.index, a sorted table that says of every tensor
what it is and where, and PREFIX.data-00000-of-00001 or more such files with the numbers. Needs numpy and nothing else.
"""
import collections
import collections.abc
import functools
import math
import os
import struct

import numpy as np


class Refused(Exception):
    """Something about the input that its user must know."""


# ---- checksums --------------------------------------------------------------------------------------------------------------

POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected
LANES, SHORT = 1 << 15, 4096


def make_tables():
    """What a byte, and what two at once, make of the checksum."""
    one = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        one = (one >> 1) ^ np.where(one & 1, np.uint32(POLYNOMIAL), np.uint32(0))
    words = np.arange(65536, dtype=np.uint32)
    for _ in range(2):
        words = (words >> 8) ^ one[words & 255]
    return one, words


BYTES, WORDS = make_tables()
FEW = BYTES.tolist()


def apply(matrix, values):
    """A linear map over bits, given by what it makes of each, of every value."""
    bits = (values[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    return np.bitwise_xor.reduce(bits * matrix, axis=1)


@functools.lru_cache(maxsize=256)
def zeros_matrix(count):
    """What `count` zero bytes make of a checksum."""
    result = step = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = (step >> 8) ^ BYTES[step & 255]
    while count:
        if count & 1:
            result = apply(step, result)
        step = apply(step, step)
        count >>= 1
    return result


def crc_of_lanes(data, lanes, words):
    """Checksum, without its inversions, of lanes * words * 2 bytes: the lanes go on side by side, then are joined in pairs."""
    columns = np.ascontiguousarray(data.view("<u2").reshape(lanes, words).T)
    crcs = np.zeros(lanes, np.uint32)
    for column in columns:
        crcs = (crcs >> 16) ^ WORDS[(crcs ^ column) & 0xFFFF]
    behind = zeros_matrix(2 * words)
    while len(crcs) > 1:
        crcs = apply(behind, crcs[0::2]) ^ crcs[1::2]
        behind = apply(behind, behind)
    return crcs


def crc32c(content):
    """Of half a gigabyte in seconds; a loop over its bytes would take minutes."""
    data = np.frombuffer(content, np.uint8)
    crc, place = np.array([0xFFFFFFFF], np.uint32), 0
    while len(data) - place >= SHORT:
        left = len(data) - place
        lanes = min(LANES, 1 << ((left // 64).bit_length() - 1))
        words = left // lanes // 2
        size = 2 * lanes * words
        crc = apply(zeros_matrix(size), crc) ^ crc_of_lanes(data[place:place + size], lanes, words)
        place += size
    last = int(crc[0])
    for byte in data[place:].tolist():
        last = (last >> 8) ^ FEW[(last ^ byte) & 255]
    return last ^ 0xFFFFFFFF


def masked(crc):
    """As it is stored: a checksum over data that holds checksums would be weak."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# ---- the table --------------------------------------------------------------------------------------------------------------

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
COMPRESSIONS = {1: "with snappy"}


def varint(data, place):
    """A number in groups of 7 bits, lowest first, and the place behind it."""
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise Refused("the index is damaged: a number does not end")
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def block_at(raw, offset, size):
    """A block; behind it stand how it is compressed and a checksum over both."""
    end = offset + size
    if end + 5 > len(raw) - FOOTER:
        raise Refused(f"the index is cut off: a block of {size} bytes at {offset} in a file of {len(raw)}")
    if masked(crc32c(raw[offset:end + 1])) != struct.unpack_from("<I", raw, end + 1)[0]:
        raise Refused(f"the index is damaged: the checksum of the block at {offset} is wrong")
    if raw[end] != 0:
        how = COMPRESSIONS.get(raw[end], f"in manner {raw[end]}")
        raise Refused(f"the index is compressed {how}: TensorFlow writes those of checkpoints plain, and only such are read")
    return raw[offset:end]


def entries_of(block):
    """Keys and values. A key is stored as how many bytes it shares with the one before, and its rest; at the end stands where
    keys share nothing, for searching."""
    if len(block) < 4:
        raise Refused("the index is damaged: a block is too short")
    end = len(block) - 4 - 4 * struct.unpack_from("<I", block, len(block) - 4)[0]
    place, key = 0, b""
    while place < end:
        shared, place = varint(block, place)
        rest, place = varint(block, place)
        size, place = varint(block, place)
        if shared > len(key) or place + rest + size > end:
            raise Refused("the index is damaged: an entry reaches beyond its block")
        key = key[:shared] + block[place:place + rest]
        yield key, block[place + rest:place + rest + size]
        place += rest + size
    if place != end:
        raise Refused("the index is damaged: a block's entries do not fill it")


def read_table(path):
    """Every key and value, in order: a block lists the blocks that hold them, and the file's last bytes say where it is."""
    with open(path, "rb") as stream:
        raw = stream.read()
    if len(raw) < FOOTER or struct.unpack("<Q", raw[-8:])[0] != MAGIC:
        raise Refused(f"{os.path.basename(path)} is no index of a checkpoint, or is cut off: its last bytes are wrong")
    numbers, place = [], len(raw) - FOOTER
    for _ in range(4):  # offset and size of a block that is not needed, and of the list
        number, place = varint(raw, place)
        numbers.append(number)
    for _, handle in entries_of(block_at(raw, *numbers[2:])):
        offset, place = varint(handle, 0)
        yield from entries_of(block_at(raw, offset, varint(handle, place)[0]))


# ---- its entries ------------------------------------------------------------------------------------------------------------

# What numpy calls the types of tensors (numbers of tensorflow.DataType); others, such as text, hold no weights.
KINDS = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 14: "bf16", 19: "<f2"}

MOST_DIMENSIONS, MOST_ELEMENTS = 32, 1 << 40

# Numbers of fields.
KIND, SHAPE, SHARD, OFFSET, SIZE, CRC, SLICES = range(1, 8)  # of an entry
SHARDS, ENDIANNESS = 1, 2                                    # of the header, the value of the key ""
DIMENSION, LENGTH = 2, 1                                     # of a shape, of its dimensions

Entry = collections.namedtuple("Entry", "kind shape shard offset size crc sliced")


def fields_of(message):
    """Number and value of each field of a protocol buffer message."""
    place = 0
    while place < len(message):
        tag, place = varint(message, place)
        wire = tag & 7
        if wire == 0:
            value, place = varint(message, place)
        elif wire == 2:
            size, place = varint(message, place)
            value, place = message[place:place + size], place + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, place = int.from_bytes(message[place:place + size], "little"), place + size
        else:
            raise Refused(f"the index is damaged: a field of wire type {wire}")
        if place > len(message):
            raise Refused("the index is damaged: a field reaches beyond its message")
        yield tag >> 3, value


def typed(value, kind):
    if not isinstance(value, kind):
        raise Refused("the index is damaged: a field has another type than it should")
    return value


def field(message, wanted, default):
    """The last of that number; absent fields have their default."""
    value = default
    for number, found in fields_of(message):
        value = found if number == wanted else value
    return typed(value, type(default))


def shape_of(message):
    return tuple(field(typed(value, bytes), LENGTH, 0) for number, value in fields_of(message) if number == DIMENSION)


def entry_of(message):
    kind, shard, offset, size, crc = (field(message, number, 0) for number in (KIND, SHARD, OFFSET, SIZE, CRC))
    sliced = any(number == SLICES for number, _ in fields_of(message))
    return Entry(kind, shape_of(field(message, SHAPE, b"")), shard, offset, size, crc, sliced)


def shards_of(header):
    if field(header, ENDIANNESS, 0) != 0:
        raise Refused("the checkpoint is big-endian, which is not read")
    shards = field(header, SHARDS, 0)
    if not 0 < shards < 100000:
        raise Refused(f"the checkpoint says that it has {shards} shards")
    return shards


# ---- the tensors ------------------------------------------------------------------------------------------------------------

def elements(kind, raw):
    if kind == "bf16":
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(raw, kind)


class Bundle(collections.abc.Mapping):
    """Tensors by name. Each is read, and its checksum compared, when it is asked for: what nobody asks for, such as the
    optimizer's, costs nothing, and may be missing."""

    def __init__(self, path):
        """path: the .index"""
        self.prefix = path[:-len(".index")]
        table = dict(read_table(path))
        if b"" not in table:
            raise Refused("the index has no header")
        self.shards = shards_of(table.pop(b""))
        self.entries = {key.decode("utf-8", "replace"): entry_of(value) for key, value in table.items()}

    def __iter__(self):
        return iter(self.entries)

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, name):
        entry = self.entries[name]
        kind = KINDS.get(entry.kind)
        if entry.sliced or not kind:
            raise Refused(f"{name} is {'stored in slices' if entry.sliced else f'of type {entry.kind}'}, which is not read")
        size = math.prod(entry.shape) * (2 if kind == "bf16" else np.dtype(kind).itemsize)
        if entry.size != size or len(entry.shape) > MOST_DIMENSIONS or max(entry.shape, default=0) > MOST_ELEMENTS:
            raise Refused(f"the index is damaged: {name}, {kind} {entry.shape}, is said to have {entry.size} bytes")
        return elements(kind, self.read(name, entry)).reshape(entry.shape)

    def read(self, name, entry):
        path = f"{self.prefix}.data-{entry.shard:05d}-of-{self.shards:05d}"
        try:
            with open(path, "rb") as stream:
                there = os.fstat(stream.fileno()).st_size
                if entry.offset + entry.size > there:
                    raise Refused(f"{os.path.basename(path)} is cut off: {name} ends at {entry.offset + entry.size} of {there}")
                stream.seek(entry.offset)
                raw = stream.read(entry.size)
        except OSError as error:
            raise Refused(f"{os.path.basename(path)}: {error.strerror}; {name} is in it") from None
        if masked(crc32c(raw)) != entry.crc:
            raise Refused(f"{os.path.basename(path)} is damaged: the checksum of {name} is wrong")
        return raw
