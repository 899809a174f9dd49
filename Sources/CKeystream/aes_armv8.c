// The AArch64 level: the AES instructions of the ARMv8 Cryptography Extension.
#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "levels.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#define TARGET __attribute__((target("aes")))
#define INLINE static inline __attribute__((always_inline)) TARGET

static bool available(void) {
#if defined(__APPLE__)
    return true;  // every 64-bit processor of Apple's
#elif defined(__linux__)
    enum { HWCAP_AES_BIT = 1 << 3 };  // Linux, Documentation/arch/arm64/elf_hwcaps.rst
    return (getauxval(AT_HWCAP) & HWCAP_AES_BIT) != 0;
#else
    return false;
#endif
}

/// SubWord of FIPS 197: on a word repeated in all columns AESE's ShiftRows changes nothing, and a zero key neither.
INLINE uint32_t sub_word(uint32_t word) {
    uint8x16_t repeated = vreinterpretq_u8_u32(vdupq_n_u32(word));
    return vgetq_lane_u32(vreinterpretq_u32_u8(vaeseq_u8(repeated, vdupq_n_u8(0))), 0);
}

/// FIPS 197 section 5.2 for eight key words; words little-endian, so RotWord turns right.
TARGET static void expand_key(uint8_t *keys, const uint8_t *key) {
    uint32_t words[4 * (CK_ROUNDS + 1)];
    uint32_t round_constant = 1;
    memcpy(words, key, 32);
    for (int i = 8; i < 4 * (CK_ROUNDS + 1); i++) {
        uint32_t word = words[i - 1];
        if (i % 8 == 0) {
            word = sub_word(word >> 8 | word << 24) ^ round_constant;
            round_constant <<= 1;  // 7 of them: never reduced
        } else if (i % 8 == 4) {
            word = sub_word(word);
        }
        words[i] = words[i - 8] ^ word;
    }
    memcpy(keys, words, sizeof words);
}

INLINE uint8x16_t round_key(const ck_run *run, int round) {
    return vld1q_u8(run->keys + round * CK_BLOCK);
}

/// The counters of `n` blocks from block `at` of the run on.
INLINE void start(uint8x16_t *state, const ck_run *run, uint64_t at, int n) {
    uint64x2_t half = vdupq_n_u64(__builtin_bswap64(run->high));
    for (int i = 0; i < n; i++) {
        uint64_t low = __builtin_bswap64(run->low + at + (uint64_t)i);
        state[i] = vreinterpretq_u8_u64(vsetq_lane_u64(low, half, 1));
    }
}

/// AESE adds the key first, so the last round is AESE and one more addition.
INLINE void encrypt(uint8x16_t *state, const ck_run *run, int n) {
    for (int round = 0; round < CK_ROUNDS - 1; round++) {
        uint8x16_t key = round_key(run, round);
        for (int i = 0; i < n; i++) state[i] = vaesmcq_u8(vaeseq_u8(state[i], key));
    }
    uint8x16_t key = round_key(run, CK_ROUNDS - 1);
    for (int i = 0; i < n; i++) state[i] = vaeseq_u8(state[i], key);
}

/// XORs `n` blocks of one keystream over the source.
INLINE void group(const ck_run *run, uint64_t at, uint8_t *dst, const uint8_t *src, int n) {
    uint8x16_t state[8];
    start(state, run, at, n);
    encrypt(state, run, n);
    uint8x16_t key = round_key(run, CK_ROUNDS);
    for (int i = 0; i < n; i++) {
        uint8x16_t text = vld1q_u8(src + i * CK_BLOCK);
        vst1q_u8(dst + i * CK_BLOCK, veorq_u8(text, veorq_u8(state[i], key)));
    }
}

/// XORs `n` blocks of two keystreams and the mask over the source.
INLINE void group2(const ck_run *first, const ck_run *second, uint64_t at, uint32_t mask, uint8_t *dst,
                   const uint8_t *src, int n) {
    uint8x16_t a[4], b[4];
    start(a, first, at, n);
    start(b, second, at, n);
    for (int round = 0; round < CK_ROUNDS - 1; round++) {
        uint8x16_t a_key = round_key(first, round), b_key = round_key(second, round);
        for (int i = 0; i < n; i++) {
            a[i] = vaesmcq_u8(vaeseq_u8(a[i], a_key));
            b[i] = vaesmcq_u8(vaeseq_u8(b[i], b_key));
        }
    }
    uint8x16_t a_key = round_key(first, CK_ROUNDS - 1), b_key = round_key(second, CK_ROUNDS - 1);
    // Both last keys and the mask are one value, added once.
    uint8x16_t last = veorq_u8(round_key(first, CK_ROUNDS), round_key(second, CK_ROUNDS));
    last = veorq_u8(last, vreinterpretq_u8_u32(vdupq_n_u32(mask)));
    for (int i = 0; i < n; i++) {
        uint8x16_t keystream = veorq_u8(vaeseq_u8(a[i], a_key), vaeseq_u8(b[i], b_key));
        uint8x16_t text = veorq_u8(vld1q_u8(src + i * CK_BLOCK), last);
        vst1q_u8(dst + i * CK_BLOCK, veorq_u8(text, keystream));
    }
}

TARGET static void blocks(const ck_run *run, uint8_t *dst, const uint8_t *src, size_t count) {
    size_t i = 0;
    for (; count - i >= 8; i += 8) group(run, i, dst + i * CK_BLOCK, src + i * CK_BLOCK, 8);
    if (count - i >= 4) {
        group(run, i, dst + i * CK_BLOCK, src + i * CK_BLOCK, 4);
        i += 4;
    }
    for (; i < count; i++) group(run, i, dst + i * CK_BLOCK, src + i * CK_BLOCK, 1);
}

TARGET static void blocks2(const ck_run *first, const ck_run *second, uint32_t mask, uint8_t *dst,
                           const uint8_t *src, size_t count) {
    size_t i = 0;
    for (; count - i >= 4; i += 4) group2(first, second, i, mask, dst + i * CK_BLOCK, src + i * CK_BLOCK, 4);
    for (; i < count; i++) group2(first, second, i, mask, dst + i * CK_BLOCK, src + i * CK_BLOCK, 1);
}

/// One block of each of `n` lanes at a time. The copy of the keys, side by side, needs one address instead of `n`.
INLINE void encrypt_lanes(const ck_lane *lanes, size_t blocks, int n) {
    uint8x16_t keys[CK_ROUNDS + 1][CK_LANES], state[CK_LANES];
    uint8_t *bytes[CK_LANES];
    for (int i = 0; i < n; i++) {
        for (int round = 0; round <= CK_ROUNDS; round++) keys[round][i] = vld1q_u8(lanes[i].keys + round * CK_BLOCK);
        state[i] = vld1q_u8(lanes[i].chain);
        bytes[i] = lanes[i].bytes;
    }
    for (size_t at = 0; at < blocks * CK_BLOCK; at += CK_BLOCK) {
        for (int i = 0; i < n; i++) state[i] = veorq_u8(state[i], vld1q_u8(bytes[i] + at));
        for (int round = 0; round < CK_ROUNDS - 1; round++) {
            for (int i = 0; i < n; i++) state[i] = vaesmcq_u8(vaeseq_u8(state[i], keys[round][i]));
        }
        for (int i = 0; i < n; i++) {
            state[i] = veorq_u8(vaeseq_u8(state[i], keys[CK_ROUNDS - 1][i]), keys[CK_ROUNDS][i]);
            vst1q_u8(bytes[i] + at, state[i]);
        }
    }
    for (int i = 0; i < n; i++) vst1q_u8(lanes[i].chain, state[i]);
}

TARGET static void cbc_encrypt(const ck_lane *lanes, size_t count, size_t blocks) {
    switch (count) {
    case 1: encrypt_lanes(lanes, blocks, 1); break;
    case 2: encrypt_lanes(lanes, blocks, 2); break;
    case 3: encrypt_lanes(lanes, blocks, 3); break;
    case 4: encrypt_lanes(lanes, blocks, 4); break;
    case 5: encrypt_lanes(lanes, blocks, 5); break;
    case 6: encrypt_lanes(lanes, blocks, 6); break;
    case 7: encrypt_lanes(lanes, blocks, 7); break;
    case 8: encrypt_lanes(lanes, blocks, 8); break;
    }
}

/// Decrypts `n` blocks of CBC cipher text under the keys of the equivalent inverse cipher. `chain` is the block before
/// them, and then the last of them.
INLINE void decrypt_group(const uint8x16_t *keys, uint8x16_t *chain, uint8_t *dst, const uint8_t *src, int n) {
    uint8x16_t text[8], state[8];
    for (int i = 0; i < n; i++) state[i] = text[i] = vld1q_u8(src + i * CK_BLOCK);
    for (int round = CK_ROUNDS; round > 1; round--) {
        for (int i = 0; i < n; i++) state[i] = vaesimcq_u8(vaesdq_u8(state[i], keys[round]));
    }
    for (int i = 0; i < n; i++) {
        state[i] = veorq_u8(vaesdq_u8(state[i], keys[1]), keys[0]);
        vst1q_u8(dst + i * CK_BLOCK, veorq_u8(state[i], i == 0 ? *chain : text[i - 1]));
    }
    *chain = text[n - 1];
}

TARGET static void cbc_decrypt(const uint8_t *keys, uint8_t *chain, uint8_t *dst, const uint8_t *src, size_t count) {
    uint8x16_t inverse[CK_ROUNDS + 1], before = vld1q_u8(chain);
    for (int round = 0; round <= CK_ROUNDS; round++) {
        uint8x16_t key = vld1q_u8(keys + round * CK_BLOCK);
        inverse[round] = round == 0 || round == CK_ROUNDS ? key : vaesimcq_u8(key);
    }
    size_t i = 0;
    for (; count - i >= 8; i += 8) decrypt_group(inverse, &before, dst + i * CK_BLOCK, src + i * CK_BLOCK, 8);
    for (; i < count; i++) decrypt_group(inverse, &before, dst + i * CK_BLOCK, src + i * CK_BLOCK, 1);
    vst1q_u8(chain, before);
}

const ck_level ck_level_armv8 = {
    "armv8", available, expand_key, blocks, blocks2, cbc_encrypt, cbc_decrypt, &ck_crc_armv8};

#endif
