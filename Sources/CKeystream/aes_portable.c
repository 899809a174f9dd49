// AES-256 on any processor, in constant time: bitsliced, so no table look-up depends on secrets.
//
// Eight blocks at once: two lanes of 64 bits, each with four blocks whose bits are spread over eight slices
// (slice i holds bit i of every byte). The S-box is the circuit of Boyar and Peralta ("A depth-16 circuit for the
// AES S-box", 2011). Vector types are the compiler's own; without vector registers it uses pairs of words.
#include <string.h>

#include "levels.h"

/// Bits of four blocks in each lane.
typedef uint64_t slice __attribute__((vector_size(16)));

enum { LANES = 2, LANE_BLOCKS = 4, BATCH_BLOCKS = LANES * LANE_BLOCKS, BATCH_BYTES = BATCH_BLOCKS * CK_BLOCK };

/// The S-box on every byte. Names as in the paper: x inputs, y and t wires, z products, s outputs.
static void sub_bytes(slice q[8]) {
    slice x0 = q[7], x1 = q[6], x2 = q[5], x3 = q[4], x4 = q[3], x5 = q[2], x6 = q[1], x7 = q[0];
    // The linear layer on top.
    slice y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2;
    slice y1 = t0 ^ x7, y4 = y1 ^ x3, y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6, y3 = y5 ^ y8;
    slice t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1, y6 = y15 ^ x7, y10 = y15 ^ t0, y11 = y20 ^ y9;
    slice y7 = x7 ^ y11, y17 = y10 ^ y11, y19 = y10 ^ y8, y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;
    // The inversion in GF(2^8).
    slice t2 = y12 & y15, t3 = y3 & y6, t4 = t3 ^ t2, t5 = y4 & x7, t6 = t5 ^ t2, t7 = y13 & y16;
    slice t8 = y5 & y1, t9 = t8 ^ t7, t10 = y2 & y7, t11 = t10 ^ t7, t12 = y9 & y11, t13 = y14 & y17;
    slice t14 = t13 ^ t12, t15 = y8 & y10, t16 = t15 ^ t12, t17 = t4 ^ t14, t18 = t6 ^ t16, t19 = t9 ^ t14;
    slice t20 = t11 ^ t16, t21 = t17 ^ y20, t22 = t18 ^ y19, t23 = t19 ^ y21, t24 = t20 ^ y18;
    slice t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t28 = t25 & t27, t29 = t28 ^ t22;
    slice t30 = t23 ^ t24, t31 = t22 ^ t26, t32 = t31 & t30, t33 = t32 ^ t24, t34 = t23 ^ t33;
    slice t35 = t27 ^ t33, t36 = t24 & t35, t37 = t36 ^ t34, t38 = t27 ^ t36, t39 = t29 & t38;
    slice t40 = t25 ^ t39, t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37, t45 = t42 ^ t41;
    slice z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1, z5 = t29 & y7;
    slice z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12, z10 = t37 & y3, z11 = t33 & y4;
    slice z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2, z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;
    // The linear layer at the bottom.
    slice t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10, t50 = z2 ^ z12, t51 = z2 ^ z5;
    slice t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7, t55 = z16 ^ z17, t56 = z12 ^ t48, t57 = t50 ^ t53;
    slice t58 = z4 ^ t46, t59 = z3 ^ t54, t60 = t46 ^ t57, t61 = z14 ^ t57, t62 = t52 ^ t58, t63 = t49 ^ t58;
    slice t64 = z4 ^ t59, t65 = t61 ^ t62, t66 = z1 ^ t63, t67 = t64 ^ t65, s3 = t53 ^ t66;
    q[7] = t59 ^ t63;
    q[6] = t64 ^ ~s3;
    q[5] = t55 ^ ~t67;
    q[4] = s3;
    q[3] = t51 ^ t66;
    q[2] = t47 ^ t65;
    q[1] = t56 ^ ~t62;
    q[0] = t48 ^ ~t60;
}

/// Exchanges the bits of `b` under the low mask with those of `a` that stand `shift` higher.
static inline void swap_bits(slice *a, slice *b, uint64_t low, int shift) {
    slice moved = ((*a >> shift) ^ *b) & low;
    *b ^= moved;
    *a ^= moved << shift;
}

/// Bytes to slices and back: transposes each 8 x 8 square of bits. Its own inverse.
static void transpose(slice q[8]) {
    for (int i = 0; i < 8; i += 2) swap_bits(&q[i], &q[i + 1], 0x5555555555555555, 1);
    for (int i = 0; i < 8; i += i % 4 == 1 ? 3 : 1) swap_bits(&q[i], &q[i + 2], 0x3333333333333333, 2);
    for (int i = 0; i < 4; i++) swap_bits(&q[i], &q[i + 4], 0x0f0f0f0f0f0f0f0f, 4);
}

static inline uint64_t load_le32(const uint8_t *bytes) {
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24;
}

static inline void store_le32(uint8_t *bytes, uint64_t value) {
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

/// Spreads the four bytes of a column over 64 bits, 16 apart.
static inline uint64_t spread(uint64_t column) {
    column = (column | column << 16) & 0x0000ffff0000ffff;
    return (column | column << 8) & 0x00ff00ff00ff00ff;
}

static inline uint64_t gather(uint64_t spread) {
    spread = (spread | spread >> 8) & 0x0000ffff0000ffff;
    return (spread | spread >> 16) & 0x00000000ffffffff;
}

/// Eight blocks to slices.
static void load_batch(slice q[8], const uint8_t *bytes) {
    for (int i = 0; i < BATCH_BLOCKS; i++, bytes += CK_BLOCK) {
        int lane = i / LANE_BLOCKS, row = i % LANE_BLOCKS;
        q[row][lane] = spread(load_le32(bytes)) | spread(load_le32(bytes + 8)) << 8;
        q[row + 4][lane] = spread(load_le32(bytes + 4)) | spread(load_le32(bytes + 12)) << 8;
    }
    transpose(q);
}

/// Slices to eight blocks.
static void store_batch(uint8_t *bytes, slice q[8]) {
    transpose(q);
    for (int i = 0; i < BATCH_BLOCKS; i++, bytes += CK_BLOCK) {
        int lane = i / LANE_BLOCKS, row = i % LANE_BLOCKS;
        store_le32(bytes, gather(q[row][lane] & 0x00ff00ff00ff00ff));
        store_le32(bytes + 8, gather(q[row][lane] >> 8 & 0x00ff00ff00ff00ff));
        store_le32(bytes + 4, gather(q[row + 4][lane] & 0x00ff00ff00ff00ff));
        store_le32(bytes + 12, gather(q[row + 4][lane] >> 8 & 0x00ff00ff00ff00ff));
    }
}

/// In a lane, bit 16 r + 4 c + b is row r, column c of block b: row r turns by r columns.
static void shift_rows(slice q[8]) {
    for (int i = 0; i < 8; i++) {
        slice x = q[i];
        q[i] = (x & 0x000000000000ffff) | (x & 0x00000000fff00000) >> 4 | (x & 0x00000000000f0000) << 12 |
               (x & 0x0000ff0000000000) >> 8 | (x & 0x000000ff00000000) << 8 | (x & 0xf000000000000000) >> 12 |
               (x & 0x0fff000000000000) << 4;
    }
}

static inline slice rotate(slice x, int bits) {
    return x >> bits | x << (64 - bits);
}

/// Each byte becomes 2 a + 3 b + c + d of itself and the rows below; doubling moves slices up by one and adds the
/// top one into bits 0, 1, 3 and 4 (the polynomial 0x11b).
static void mix_columns(slice q[8]) {
    slice below[8], doubled[8];
    for (int i = 0; i < 8; i++) {
        below[i] = rotate(q[i], 16);
        doubled[i] = q[i] ^ below[i];
    }
    for (int i = 7; i >= 0; i--) {
        slice twice = i == 0 ? doubled[7] : doubled[i - 1];
        if (i == 1 || i == 3 || i == 4) twice ^= doubled[7];
        q[i] = twice ^ below[i] ^ rotate(doubled[i], 32);
    }
}

/// The inverse of SubBytes. The S-box inverts and then maps affinely, so with the inverse of that map before and
/// behind, what is left is the inversion, which undoes itself.
static void inverse_affine(slice q[8]) {
    slice x[8];
    for (int i = 0; i < 8; i++) x[i] = q[i];
    for (int i = 0; i < 8; i++) q[i] = x[(i + 2) % 8] ^ x[(i + 5) % 8] ^ x[(i + 7) % 8];
    q[0] = ~q[0];  // 0x05
    q[2] = ~q[2];
}

static void inverse_sub_bytes(slice q[8]) {
    inverse_affine(q);
    sub_bytes(q);
    inverse_affine(q);
}

static void inverse_shift_rows(slice q[8]) {
    for (int i = 0; i < 8; i++) {
        slice x = q[i];
        q[i] = (x & 0x000000000000ffff) | (x & 0x000000000fff0000) << 4 | (x & 0x00000000f0000000) >> 12 |
               (x & 0x0000ff0000000000) >> 8 | (x & 0x000000ff00000000) << 8 | (x & 0x000f000000000000) << 12 |
               (x & 0xfff0000000000000) >> 4;
    }
}

/// Doubles every byte: slices move up, and the top one is added as the polynomial 0x11b says.
static inline void double_bytes(slice q[8]) {
    slice top = q[7];
    for (int i = 7; i > 0; i--) q[i] = q[i - 1];
    q[0] = top;
    q[1] ^= top;
    q[3] ^= top;
    q[4] ^= top;
}

/// The inverse of MixColumns is its third power, whose square is 5 a + 4 c of each byte and the one two rows below.
static void inverse_mix_columns(slice q[8]) {
    slice sums[8];
    for (int i = 0; i < 8; i++) sums[i] = q[i] ^ rotate(q[i], 32);
    double_bytes(sums);
    double_bytes(sums);
    for (int i = 0; i < 8; i++) q[i] ^= sums[i];
    mix_columns(q);
}

static inline void add_key(slice q[8], const slice key[8]) {
    for (int i = 0; i < 8; i++) q[i] ^= key[i];
}

static void encrypt_batch(slice q[8], const slice keys[CK_ROUNDS + 1][8]) {
    add_key(q, keys[0]);
    for (int round = 1; round < CK_ROUNDS; round++) {
        sub_bytes(q);
        shift_rows(q);
        mix_columns(q);
        add_key(q, keys[round]);
    }
    sub_bytes(q);
    shift_rows(q);
    add_key(q, keys[CK_ROUNDS]);
}

static void decrypt_batch(slice q[8], const slice keys[CK_ROUNDS + 1][8]) {
    add_key(q, keys[CK_ROUNDS]);
    for (int round = CK_ROUNDS - 1; round > 0; round--) {
        inverse_shift_rows(q);
        inverse_sub_bytes(q);
        add_key(q, keys[round]);
        inverse_mix_columns(q);
    }
    inverse_shift_rows(q);
    inverse_sub_bytes(q);
    add_key(q, keys[0]);
}

/// Round keys to slices, each repeated for the eight blocks.
static void slice_keys(slice out[CK_ROUNDS + 1][8], const uint8_t *keys) {
    for (int round = 0; round <= CK_ROUNDS; round++, keys += CK_BLOCK) {
        uint64_t even = spread(load_le32(keys)) | spread(load_le32(keys + 8)) << 8;
        uint64_t odd = spread(load_le32(keys + 4)) | spread(load_le32(keys + 12)) << 8;
        for (int i = 0; i < LANE_BLOCKS; i++) {
            out[round][i] = (slice){even, even};
            out[round][i + 4] = (slice){odd, odd};
        }
        transpose(out[round]);
    }
}

static inline void store_be64(uint8_t *bytes, uint64_t value) {
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void blocks(const ck_run *run, uint8_t *dst, const uint8_t *src, size_t count) {
    slice keys[CK_ROUNDS + 1][8];
    slice_keys(keys, run->keys);
    uint64_t low = run->low;
    while (count > 0) {
        uint8_t batch[BATCH_BYTES];
        for (int i = 0; i < BATCH_BLOCKS; i++) {
            store_be64(batch + i * CK_BLOCK, run->high);
            store_be64(batch + i * CK_BLOCK + 8, low + (uint64_t)i);
        }
        slice q[8];
        load_batch(q, batch);
        encrypt_batch(q, (const slice(*)[8])keys);
        store_batch(batch, q);
        size_t part = count < BATCH_BLOCKS ? count : BATCH_BLOCKS;
        for (size_t i = 0; i < part * CK_BLOCK; i++) dst[i] = src[i] ^ batch[i];
        low += part;
        count -= part;
        dst += part * CK_BLOCK;
        src += part * CK_BLOCK;
    }
}

static void blocks2(const ck_run *first, const ck_run *second, uint32_t mask, uint8_t *dst, const uint8_t *src,
                    size_t count) {
    blocks(first, dst, src, count);
    blocks(second, dst, dst, count);
    if (mask != 0) ck_xor_mask(mask, dst, count * CK_BLOCK);
}

static void xor_block(uint8_t *bytes, const uint8_t *other) {
    for (int i = 0; i < CK_BLOCK; i++) bytes[i] ^= other[i];
}

/// One block of each lane makes a batch, under round keys that differ from block to block.
static void cbc_encrypt(const ck_lane *lanes, size_t count, size_t blocks) {
    _Static_assert((int)CK_LANES == (int)BATCH_BLOCKS, "a batch has one block of each lane");
    slice keys[CK_ROUNDS + 1][8];
    uint8_t batch[BATCH_BYTES] = {0};
    for (int round = 0; round <= CK_ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) memcpy(batch + i * CK_BLOCK, lanes[i].keys + round * CK_BLOCK, CK_BLOCK);
        load_batch(keys[round], batch);
    }
    for (size_t i = 0; i < count; i++) memcpy(batch + i * CK_BLOCK, lanes[i].chain, CK_BLOCK);
    for (size_t at = 0; at < blocks * CK_BLOCK; at += CK_BLOCK) {
        for (size_t i = 0; i < count; i++) xor_block(batch + i * CK_BLOCK, lanes[i].bytes + at);
        slice q[8];
        load_batch(q, batch);
        encrypt_batch(q, (const slice(*)[8])keys);
        store_batch(batch, q);
        for (size_t i = 0; i < count; i++) memcpy(lanes[i].bytes + at, batch + i * CK_BLOCK, CK_BLOCK);
    }
    for (size_t i = 0; i < count; i++) memcpy(lanes[i].chain, batch + i * CK_BLOCK, CK_BLOCK);
}

static void cbc_decrypt(const uint8_t *keys, uint8_t *chain, uint8_t *dst, const uint8_t *src, size_t count) {
    slice sliced[CK_ROUNDS + 1][8];
    slice_keys(sliced, keys);
    while (count > 0) {
        // The cipher text behind the block before it, as in place nothing else keeps it.
        uint8_t before[CK_BLOCK + BATCH_BYTES] = {0}, batch[BATCH_BYTES];
        size_t part = count < BATCH_BLOCKS ? count : BATCH_BLOCKS;
        memcpy(before, chain, CK_BLOCK);
        memcpy(before + CK_BLOCK, src, part * CK_BLOCK);
        slice q[8];
        load_batch(q, before + CK_BLOCK);
        decrypt_batch(q, (const slice(*)[8])sliced);
        store_batch(batch, q);
        for (size_t i = 0; i < part * CK_BLOCK; i++) dst[i] = batch[i] ^ before[i];
        memcpy(chain, before + part * CK_BLOCK, CK_BLOCK);
        count -= part;
        dst += part * CK_BLOCK;
        src += part * CK_BLOCK;
    }
}

/// The S-box on the four bytes of a word.
static uint32_t sub_word(uint32_t word) {
    slice q[8] = {{word}};
    transpose(q);
    sub_bytes(q);
    transpose(q);
    return (uint32_t)q[0][0];
}

/// FIPS 197 section 5.2 for eight key words; words little-endian, so RotWord turns right.
static void expand_key(uint8_t *keys, const uint8_t *key) {
    uint32_t words[4 * (CK_ROUNDS + 1)];
    uint32_t round_constant = 1;
    for (int i = 0; i < 4 * (CK_ROUNDS + 1); i++) {
        if (i < 8) {
            words[i] = (uint32_t)load_le32(key + 4 * i);
        } else {
            uint32_t word = words[i - 1];
            if (i % 8 == 0) {
                word = sub_word(word >> 8 | word << 24) ^ round_constant;
                round_constant <<= 1;  // 7 of them: never reduced
            } else if (i % 8 == 4) {
                word = sub_word(word);
            }
            words[i] = words[i - 8] ^ word;
        }
        store_le32(keys + 4 * i, words[i]);
    }
}

static bool available(void) {
    return true;
}

const ck_level ck_level_portable = {
    "portable", available, expand_key, blocks, blocks2, cbc_encrypt, cbc_decrypt, &ck_crc_portable};
