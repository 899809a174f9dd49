// Streams over whole blocks: offsets, partial blocks, counter carries, two keystreams at once.
#include "CKeystream.h"

#include <string.h>

#include "dispatch.h"
#include "levels.h"

_Static_assert(sizeof(((ck_ctr *)0)->round_keys) == CK_ROUND_KEY_BYTES, "round keys of AES-256");
_Static_assert(sizeof(ck_ctr) == 272, "the size that callers are promised");

enum {
    /// Pieces up to this many bytes that do not fill whole blocks go through a padded copy in one call; for longer
    /// ones three calls (head, blocks, tail) are cheaper than the copy.
    PADDED_BYTES = 512,
    /// Streams with different phases take turns on pieces of this size: a multiple of the mask's length.
    PIECE_BYTES = 4096,
};

static inline size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static uint64_t load_be64(const uint8_t *bytes) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | bytes[i];
    return value;
}

/// The run of blocks that begins at a block of a stream.
static inline ck_run run_at(const ck_ctr *stream, uint64_t block) {
    uint64_t low = stream->counter_low + block;
    uint64_t carry = low < block;
    return (ck_run){(const uint8_t *)stream->round_keys, stream->counter_high + carry, low};
}

/// How many of `count` blocks the run holds before its low half overflows.
static inline size_t blocks_before_carry(const ck_run *run, size_t count) {
    uint64_t left = 0 - run->low;  // 0 means 2^64
    return left != 0 && left < count ? (size_t)left : count;
}

static void xor_blocks(const ck_ctr *stream, uint64_t offset, uint8_t *dst, const uint8_t *src, size_t count) {
    const ck_level *level = ck_dispatch();
    uint64_t block = offset / CK_BLOCK;
    while (count > 0) {
        ck_run run = run_at(stream, block);
        size_t part = blocks_before_carry(&run, count);
        level->blocks(&run, dst, src, part);
        block += part;
        count -= part;
        dst += part * CK_BLOCK;
        src += part * CK_BLOCK;
    }
}

static void xor2_blocks(const ck_ctr *first, uint64_t first_offset, const ck_ctr *second, uint64_t second_offset,
                        uint32_t mask, uint8_t *dst, const uint8_t *src, size_t count) {
    const ck_level *level = ck_dispatch();
    uint64_t first_block = first_offset / CK_BLOCK, second_block = second_offset / CK_BLOCK;
    while (count > 0) {
        ck_run a = run_at(first, first_block), b = run_at(second, second_block);
        size_t part = blocks_before_carry(&b, blocks_before_carry(&a, count));
        level->blocks2(&a, &b, mask, dst, src, part);
        first_block += part;
        second_block += part;
        count -= part;
        dst += part * CK_BLOCK;
        src += part * CK_BLOCK;
    }
}

/// The mask as it falls on a position that is `phase` bytes behind its first byte.
static inline uint32_t rotated_mask(uint32_t mask, unsigned phase) {
    unsigned bits = phase % 4 * 8;
    return bits == 0 ? mask : mask >> bits | mask << (32 - bits);
}

/// One stream, or two with equal phases, and a mask: what one pass XORs over the source.
typedef struct pass {
    const ck_ctr *first;
    /// NULL for a pass with one keystream (and no mask).
    const ck_ctr *second;
    uint64_t first_offset;
    uint64_t second_offset;
    /// As it falls on the first byte of a block.
    uint32_t mask;
} pass;

static inline void pass_blocks(const pass *p, uint8_t *dst, const uint8_t *src, size_t blocks) {
    if (p->second == NULL) {
        xor_blocks(p->first, p->first_offset, dst, src, blocks);
    } else {
        xor2_blocks(p->first, p->first_offset, p->second, p->second_offset, p->mask, dst, src, blocks);
    }
}

/// Up to PADDED_BYTES bytes that begin or end inside a block, in one call on a padded copy. Advances the pass.
static void pass_padded(pass *p, uint8_t *dst, const uint8_t *src, size_t count) {
    uint8_t padded[PADDED_BYTES + 2 * CK_BLOCK];
    size_t phase = p->first_offset % CK_BLOCK;
    size_t blocks = (phase + count + CK_BLOCK - 1) / CK_BLOCK;
    memset(padded, 0, CK_BLOCK);
    memset(padded + (blocks - 1) * CK_BLOCK, 0, CK_BLOCK);
    memcpy(padded + phase, src, count);
    pass_blocks(p, padded, padded, blocks);
    memcpy(dst, padded + phase, count);
    p->first_offset += count;
    p->second_offset += count;
}

static void run_pass(pass p, uint8_t *dst, const uint8_t *src, size_t count) {
    size_t phase = p.first_offset % CK_BLOCK;
    if (count <= PADDED_BYTES && (phase != 0 || count % CK_BLOCK != 0)) {
        if (count > 0) pass_padded(&p, dst, src, count);
        return;
    }
    if (phase != 0) {
        size_t head = CK_BLOCK - phase;
        pass_padded(&p, dst, src, head);
        dst += head;
        src += head;
        count -= head;
    }
    size_t whole = count - count % CK_BLOCK;
    pass_blocks(&p, dst, src, whole / CK_BLOCK);
    if (count > whole) {
        p.first_offset += whole;
        p.second_offset += whole;
        pass_padded(&p, dst + whole, src + whole, count - whole);
    }
}

void ck_ctr_init(ck_ctr *stream, const uint8_t *key, const uint8_t *iv) {
    ck_dispatch()->expand_key((uint8_t *)stream->round_keys, key);
    stream->counter_high = load_be64(iv);
    stream->counter_low = load_be64(iv + 8);
    stream->offset = 0;
    stream->is_identity = 0;
}

void ck_ctr_init_identity(ck_ctr *stream) {
    memset(stream, 0, sizeof *stream);
    stream->is_identity = 1;
}

void ck_ctr_seek(ck_ctr *stream, uint64_t offset) {
    stream->offset = offset;
}

uint64_t ck_ctr_offset(const ck_ctr *stream) {
    return stream->offset;
}

void ck_ctr_xor(ck_ctr *stream, uint8_t *dst, const uint8_t *src, size_t count) {
    if (!stream->is_identity) {
        run_pass((pass){.first = stream, .first_offset = stream->offset}, dst, src, count);
    } else if (dst != src) {
        memcpy(dst, src, count);
    }
    stream->offset += count;
}

void ck_ctr_xor2(ck_ctr *first, ck_ctr *second, uint8_t *dst, const uint8_t *src, size_t count) {
    ck_ctr_xor2_masked(first, second, dst, src, count, 0, 0);
}

/// Streams that do not share one pass take turns: their blocks begin at different bytes, or one changes nothing. The
/// cipher is the bottleneck, not the memory, so a piece that stays in the nearest cache costs hardly more than one
/// pass.
static void xor2_in_turns(ck_ctr *first, ck_ctr *second, uint8_t *dst, const uint8_t *src, size_t count,
                          uint32_t mask) {
    if (first->is_identity) {  // it copies at least, if it comes first; behind the other one it does nothing
        ck_ctr *other = second;
        second = first;
        first = other;
    }
    while (count > 0) {
        size_t part = smaller(count, PIECE_BYTES);
        ck_ctr_xor(first, dst, src, part);
        ck_ctr_xor(second, dst, dst, part);
        if (mask != 0) ck_xor_mask(mask, dst, part);
        dst += part;
        src += part;
        count -= part;
    }
}

void ck_ctr_xor2_masked(ck_ctr *first, ck_ctr *second, uint8_t *dst, const uint8_t *src, size_t count,
                        uint32_t mask, unsigned phase) {
    unsigned block_phase = first->offset % CK_BLOCK;
    if (block_phase != second->offset % CK_BLOCK || first->is_identity || second->is_identity) {
        xor2_in_turns(first, second, dst, src, count, rotated_mask(mask, phase));
        return;
    }
    pass both = {
        .first = first,
        .second = second,
        .first_offset = first->offset,
        .second_offset = second->offset,
        // The block begins `block_phase` bytes earlier; 16 is a multiple of the mask's 4.
        .mask = rotated_mask(mask, phase + (CK_BLOCK - block_phase)),
    };
    run_pass(both, dst, src, count);
    first->offset += count;
    second->offset += count;
}

void ck_ctr_peek(const ck_ctr *stream, uint64_t offset, uint8_t *out, size_t count) {
    memset(out, 0, count);
    if (stream->is_identity) return;
    run_pass((pass){.first = stream, .first_offset = offset}, out, out, count);
}
